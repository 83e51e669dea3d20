"""Pages of other origins: what they may do, over HTTP, as a browser would have them ask."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.harness.client import Client
from tests.harness.server import Server, serve
from tests.stories.people import PASSWORD, new_handle
from tests.stories.test_browser_session import COOKIE, SIGN_UP, WHO

NAMED, FOREIGN = "https://app.example.org", "https://evil.example"
POST = 'mutation { createPost(input: { text: "I have a hat" }) { post { text } userErrors { __typename } } }'
POSTED = {"data": {"createPost": {"post": {"text": "I have a hat"}, "userErrors": []}}}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which pages of two origins may ask."""
    named = {"HATFUL_ALLOWED_ORIGINS": f"http://localhost:3000, {NAMED}"}
    with serve(tmp_path_factory.mktemp("origins"), environment=named) as server:
        yield server


@pytest.fixture
def page(open_server: Server) -> Iterator[Client]:
    """A browser that is signed in there by its cookie."""
    client = Client(open_server.url)
    client.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
    assert COOKIE in client.http.cookies
    yield client
    client.close()


def ask(client: Client, query: str, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.http.post("/graphql", json={"query": query}, headers=named)


def preflight(client: Client, origin: str, asked: str = "authorization,content-type,x-client") -> httpx2.Response:
    headers = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": asked}
    return client.http.options("/graphql", headers=headers)


def readable(response: httpx2.Response) -> dict[str, str]:
    """What the answer says to a browser of other origins."""
    return {name: value for name, value in response.headers.items() if name.startswith("access-control-")}


# Named origins


def test_a_page_of_a_named_origin_may_ask_and_the_browser_remembers_it(page: Client) -> None:
    answer = preflight(page, NAMED)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == NAMED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "content-type" in answer.headers["access-control-allow-headers"]
    assert int(answer.headers["access-control-max-age"]) > 600
    assert "Origin" in answer.headers["vary"]


def test_a_page_of_a_named_origin_acts_with_the_cookie_and_reads_the_answer(page: Client) -> None:
    answer = ask(page, POST, origin=NAMED, sec_fetch_site="same-site")
    assert answer.json() == POSTED
    assert answer.headers["access-control-allow-origin"] == NAMED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert {"Accept", "Origin"} <= set(answer.headers["vary"].replace(" ", "").split(","))
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


def test_a_page_of_a_named_origin_can_sign_in(page: Client) -> None:
    page.http.cookies.clear()
    query = f'mutation {{ signUp(input: {{ handle: "{new_handle("ben")}", password: "{PASSWORD}" }}) {{ token }} }}'
    assert "set-cookie" in ask(page, query, origin=NAMED).headers


@pytest.mark.parametrize(("method", "body"), [("POST", b"{"), ("PUT", b""), ("GET", b"")])
def test_a_page_of_a_named_origin_reads_refusals_too(page: Client, method: str, body: bytes) -> None:
    json = {"origin": NAMED, "content-type": "application/json"}
    answer = page.http.request(method, "/graphql", content=body, headers=json)
    assert answer.status_code >= 400
    assert answer.headers["access-control-allow-origin"] == NAMED


def test_no_answer_ever_allows_just_any_origin(page: Client) -> None:
    for origin in (NAMED, FOREIGN, "null"):
        for answer in (preflight(page, origin), ask(page, WHO, origin=origin), ask(page, POST, origin=origin)):
            assert "*" not in readable(answer).values()


# All others


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://app.example.org", f"{NAMED}.evil.example"])
def test_other_pages_may_not_ask_even_if_some_may(page: Client, origin: str) -> None:
    refused = preflight(page, origin)
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in refused.headers
    assert "access-control-allow-origin" not in ask(page, WHO, origin=origin).headers


@pytest.mark.parametrize("origin", [FOREIGN, "null"])
def test_by_default_no_other_page_may_ask(visitor: Client, origin: str) -> None:
    assert readable(preflight(visitor, origin)) == {}
    assert readable(ask(visitor, WHO, origin=origin)) == {}


@pytest.mark.parametrize("query", [WHO, POST, "mutation { signOut { userErrors { __typename } } }"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": FOREIGN},
        {"origin": "null"},
        {"origin": FOREIGN, "sec_fetch_site": "cross-site"},
        {"origin": "https://other.example.org", "sec_fetch_site": "same-site"},
    ],
)
def test_a_foreign_page_cannot_act_with_the_cookie(visitor: Client, query: str, headers: dict[str, str]) -> None:
    visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
    refused = ask(visitor, query, **headers)
    assert refused.status_code == 403
    assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["FOREIGN_ORIGIN"]
    assert "set-cookie" not in refused.headers
    assert visitor.run("{ viewer { user { posts { nodes { id } } } } }").data["viewer"]["user"]["posts"]["nodes"] == []


def test_a_foreign_page_cannot_read_a_statement_with_the_cookie(visitor: Client) -> None:
    visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
    times = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    assert visitor.http.get("/statement.csv", params=times, headers={"origin": FOREIGN}).status_code == 403
    assert visitor.http.get("/statement.csv", params=times).status_code == 200


def test_a_foreign_page_cannot_sign_a_browser_in(visitor: Client) -> None:
    signed = visitor.http.post(
        "/graphql",
        json={"query": SIGN_UP, "variables": {"handle": new_handle("ada"), "password": PASSWORD}},
        headers={"origin": FOREIGN},
    )
    assert signed.json()["data"]["signUp"]["token"]
    assert "set-cookie" not in signed.headers


def test_a_bearer_token_does_for_a_client_of_any_origin(visitor: Client) -> None:
    token = visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD}).data["signUp"]["token"]
    answer = ask(visitor, POST, origin="chrome-extension://abc", authorization=f"Bearer {token}")
    assert answer.json() == POSTED


def test_our_own_page_acts_with_the_cookie(visitor: Client) -> None:
    visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
    own = str(visitor.http.base_url).rstrip("/")
    assert ask(visitor, POST, origin=own).json() == POSTED
    assert ask(visitor, POST, origin=own, sec_fetch_site="same-origin").json() == POSTED
