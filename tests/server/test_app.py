from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from server import page
from server.app import create_app
from server.settings import load

pytestmark = pytest.mark.usefixtures("nothing_set")

URL = "http://127.0.0.1:8000"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The page, as if it were built."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "hat.svg").write_text("<svg/>")
    (tmp_path / "assets" / "index-ab12.js").write_text("let hat = 'full';\n" * 100)
    (tmp_path.parent / "secret.txt").write_text("hunter2")
    monkeypatch.setattr(page, "BUILT", tmp_path)
    return tmp_path


@pytest.fixture
async def http(built: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of an application that has not started: it has no database."""
    monkeypatch.setattr("server.telemetry.configure", lambda *_: None)
    transport = httpx2.ASGITransport(create_app(load()))
    async with httpx2.AsyncClient(transport=transport, base_url=URL) as http:
        yield http


@pytest.mark.parametrize("path", ["/", "/graphiql", "/graphiql/"])
async def test_leads_to_the_endpoint(http: httpx2.AsyncClient, path: str) -> None:
    response = await http.get(path)
    assert (response.status_code, response.headers["location"]) == (307, "/graphql")


@pytest.mark.parametrize("path", ["/graphiql/nothing.js", "/graphiql/..%2fsecret.txt", "/graphiql/%00", "/nothing"])
async def test_says_in_graphql_s_form_that_nothing_is_there(http: httpx2.AsyncClient, path: str) -> None:
    response = await http.get(path)
    assert response.status_code == 404
    assert response.json() == {"errors": [{"message": "Not found.", "extensions": {"code": "NOT_FOUND"}}]}


async def test_names_the_methods_of_an_address(http: httpx2.AsyncClient) -> None:
    response = await http.post("/health")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]
    assert response.json()["errors"][0]["extensions"] == {"code": "METHOD_NOT_ALLOWED"}


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize("path", ["/statement.csv", "/statement.pdf"])
async def test_a_statement_is_only_read(http: httpx2.AsyncClient, method: str, path: str) -> None:
    response = await http.request(method, path)
    assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


async def test_every_answer_tells_the_browser_to_be_careful(http: httpx2.AsyncClient) -> None:
    for path in ("/", "/nothing", "/graphiql/config.json", "/graphiql/hat.svg"):
        headers = (await http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "default-src 'none'" in headers["content-security-policy"]


async def test_data_is_not_kept_and_hashed_files_are_kept_for_ever(http: httpx2.AsyncClient) -> None:
    kept = {
        "/graphiql/config.json": "no-store",
        "/nothing": "no-store",
        "/graphiql/hat.svg": "no-cache",
        "/graphiql/assets/index-ab12.js": "public, max-age=31536000, immutable",
    }
    for path, expected in kept.items():
        assert (await http.get(path)).headers["cache-control"] == expected


async def test_long_files_are_packed(http: httpx2.AsyncClient) -> None:
    response = await http.get("/graphiql/assets/index-ab12.js", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.text.startswith("let hat")


async def test_signs_nobody_in_outside_of_the_demo(http: httpx2.AsyncClient) -> None:
    response = await http.get("/graphiql/config.json")
    assert response.json() == {"endpoint": "/graphql", "viewer": None, "demo": False, "examplePostId": None}


async def shown_page() -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(page.page), base_url=URL) as http:
        return await http.get("/graphql")


async def test_the_page_may_load_from_this_server_alone(built: Path) -> None:
    response = await shown_page()
    assert (response.status_code, response.text) == (200, "<!doctype html>")
    policy = response.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "connect-src 'self';" in policy
    assert "http" not in policy


async def test_says_how_to_build_the_page(built: Path) -> None:
    (built / "index.html").unlink()
    response = await shown_page()
    assert response.status_code == 503
    assert "<code>make web</code>" in response.text
