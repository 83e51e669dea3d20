"""The page that a browser gets: GraphiQL, as `make web` builds it from web/."""

import os
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from server import demonstration
from server.security import PAGE_POLICY

BUILT = Path(__file__).parents[1] / "web" / "dist"
PATH = "/graphiql"

ASK_AGAIN = "no-cache"
FOR_EVER = "public, max-age=31536000, immutable"
GZIP_LEVEL = 4  # more takes several times as long for a few percent

NOT_BUILT = """<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><title>Hatful</title></head>
  <body>
    <h1>Hatful</h1>
    <p>Operations are answered at this address. The page to write them in, GraphiQL, is not built yet: run
      <code>make web</code> in Hatful's folder, then load this page again.</p>
  </body>
</html>
"""


async def page(scope: Scope, receive: Receive, send: Send) -> None:
    """GraphiQL, or what to do to have it."""
    index = BUILT / "index.html"
    headers = {"content-security-policy": PAGE_POLICY, "cache-control": ASK_AGAIN, "vary": "Accept"}
    response: Response = (
        FileResponse(index, headers=headers) if index.is_file() else HTMLResponse(NOT_BUILT, 503, headers)
    )
    await response(scope, receive, send)


def files() -> ASGIApp:
    """What the page loads."""
    # The editor is megabytes of text: packed it is a quarter of that, for whoever is not on this machine.
    return GZipMiddleware(_Files(directory=BUILT, check_dir=False), compresslevel=GZIP_LEVEL)


class _Files(StaticFiles):
    """The built files. Those under assets/ have their content's hash in the name and never change."""

    async def check_config(self) -> None:
        if not BUILT.is_dir():
            raise HTTPException(404)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        hashed = Path(full_path).parent.name == "assets"
        response.headers["cache-control"] = FOR_EVER if hashed else ASK_AGAIN
        response.headers["content-security-policy"] = PAGE_POLICY
        return response


def config(endpoint: str, *, demo: bool) -> dict[str, Any]:
    """What the page asks before it starts: where to send operations and, in the demo, as whom."""
    plain = {"endpoint": endpoint, "viewer": None, "demo": demo, "examplePostId": None}
    if not demo:
        return plain
    viewer = demonstration.accounts()[0]
    return plain | {"viewer": viewer._asdict(), "examplePostId": demonstration.example_post()}
