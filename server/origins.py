"""Pages of other sites: which of them may ask, and that no other one acts with the cookie of whoever looks at it.

A browser sends a cookie along without being asked, and says in `Origin` whose page has asked. SameSite and the
browser's own question before a request (preflight) stand before this; a request that gets past both is refused here.
"""

from collections.abc import Collection

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.answers import HttpError, refusal
from server.requests import header
from server.sign_in import COOKIE

METHODS = ("GET", "HEAD", "POST")
READABLE = ("Allow", "Content-Disposition", "Retry-After", "WWW-Authenticate")
"""What a page may read of an answer's headers, beside those that any page may."""
PREFLIGHT_SECONDS = 2 * 60 * 60
"""How long a browser need not ask again. Some take no more than this."""
OWN_SITES = {"same-origin", "none"}
"""What a browser says in Sec-Fetch-Site of our own pages, and of what no page has asked for."""


def allowing(origins: Collection[str]) -> list[Middleware]:
    """What lets pages of these origins ask, with the cookie too, and keeps all others from acting with it."""
    # Clients send headers of their own, such as their names. None that is unknown here does anything.
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=("*",),
        allow_credentials=True,
        expose_headers=READABLE,
        max_age=PREFLIGHT_SECONDS,
    )
    guard = Middleware(ForeignPages, origins=origins)
    return [cors, guard] if origins else [guard]


class ForeignPages:
    """Refuses what a foreign page asks with a session's cookie, and sets none for it.

    With a bearer token it may ask like anybody: a browser adds that to no request by itself.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application within, unless the request is refused."""
        if scope["type"] != "http" or not is_foreign(scope, self._origins):
            await self._app(scope, receive, send)
        elif _goes_by_cookie(scope):
            await refusal(_foreign())(scope, receive, send)
        else:
            await self._app(scope, receive, _without_cookies(send))


def is_foreign(scope: Scope, allowed: Collection[str]) -> bool:
    """Whether a page has asked that is neither ours nor of an origin that is allowed."""
    origin = header(scope, b"origin")
    if origin is None or origin in allowed:
        return False
    site = header(scope, b"sec-fetch-site")
    if site is not None:
        return site not in OWN_SITES
    # An old browser, or plain HTTP. The scheme is not compared: whoever speaks TLS before us may not have told.
    host = header(scope, b"host")
    return not host or origin.partition("://")[2].lower() != host.lower()


def _goes_by_cookie(scope: Scope) -> bool:
    if header(scope, b"authorization") is not None:
        return False
    return bool(cookie_parser(header(scope, b"cookie") or "").get(COOKIE))


def _foreign() -> HttpError:
    message = (
        "A page of another origin may not act with the cookie of this one. Send an access token as a bearer token, or "
        "have the origin named in HATFUL_ALLOWED_ORIGINS."
    )
    # The body has not been read, so the connection cannot be used again.
    return HttpError(403, "FOREIGN_ORIGIN", message, {"connection": "close"})


def _without_cookies(send: Send) -> Send:
    async def without(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [one for one in message.get("headers", ()) if one[0].lower() != b"set-cookie"]
        await send(message)

    return without
