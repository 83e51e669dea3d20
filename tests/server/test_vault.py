"""The vault over HTTP: the page, the form and JSON; who may, and what no answer says."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from html.parser import HTMLParser

import httpx2
import pytest

from ledger import Ledger
from models.database import Database
from models.transfers import Rail
from rails import Rails, Vault, sandbox_rails
from rails.vault import new_key
from resolvers.context import App, TokenScope, Viewer
from server import rate_limits, sign_in, vault
from server.errors import MaskErrors
from server.rate_limits import RateLimits
from server.security import SecurityHeaders
from server.telemetry import AccessLog
from server.vault import MAX_BODY_BYTES, VaultCards
from server.vault_page import PATH, STYLE
from tests.harness.audits import contents, everything_stored
from tests.harness.backdoor import Backdoor
from tests.harness.networks import EXPIRES, VISA
from tests.harness.town import Person, Town

ORIGIN = "http://127.0.0.1:8000"
URL = f"{ORIGIN}{PATH}"
CARD = {"number": "4242 4242 4242 4242", "expires": "08/30"}
MISTYPED, REAL = "4242424242424241", "4111111111111111"
OWN = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Viewer]:
    """Who is signed in by which secret."""
    known: dict[str, Viewer] = {}

    async def authenticate(_: App, secret: str) -> Viewer | None:
        return known.get(secret)

    monkeypatch.setattr(sign_in, "authenticate", authenticate)
    return known


@pytest.fixture
def app(database: Database, ledger: Ledger) -> App:
    """An application on the test's database."""
    rails = sandbox_rails(Vault(database, [new_key()]))
    return App(database, ledger, rails=rails)


@pytest.fixture
async def ada(known: dict[str, Viewer], town: Town) -> Person:
    """Ada, whose session is `ada`; her access token may do all that an access token may."""
    ada = await town.person("ada")
    known["ada"], known["token"] = ada.viewer, ada.limited(*TokenScope).viewer
    return ada


def visitor(app: App, limits: RateLimits | None = None, **headers: str) -> httpx2.AsyncClient:
    inside = AccessLog(SecurityHeaders(MaskErrors(VaultCards(app, limits))))
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(inside), headers=headers)


@pytest.fixture
async def http(app: App, ada: Person) -> AsyncIterator[httpx2.AsyncClient]:
    """Ada in a browser."""
    async with visitor(app, cookie="hatful_session=ada") as http:
        yield http


class Page(HTMLParser):
    """What is in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def values(self, name: str) -> list[str | None]:
        return [value for key, value in self.attributes if key == name]


def error_of(response: httpx2.Response) -> dict[str, str]:
    """The code of an answer's one error, and the field at fault."""
    [error] = response.json()["errors"]
    assert error["message"]
    extensions: dict[str, str] = error["extensions"]
    return extensions


# The page


async def test_the_page_has_a_form_and_no_script(http: httpx2.AsyncClient) -> None:
    response = await http.get(URL)
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page = Page(response.text)
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in {"src", "href"}]
    assert (page.values("action"), page.values("method")) == ([PATH], ["post"])
    assert page.values("name") == ["viewport", "number", "expires"]
    assert "for tests" in response.text


async def test_the_page_may_load_nothing_and_is_kept_nowhere(http: httpx2.AsyncClient) -> None:
    headers = (await http.get(URL)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert (headers["referrer-policy"], headers["x-frame-options"]) == ("same-origin", "DENY")


async def test_the_page_s_style_is_the_one_that_its_policy_names(http: httpx2.AsyncClient) -> None:
    response = await http.get(URL)
    assert f"<style>{STYLE}</style>" in response.text
    assert response.text.count("<style") == 1


async def test_the_page_does_not_speak_of_tests_where_cards_are_real(app: App, ada: Person) -> None:
    real = replace(app, rails=Rails(app.rails.adapters, cards=Rail.VISA_DIRECT, vault=app.rails.vault))
    async with visitor(real, cookie="hatful_session=ada") as http:
        assert "for tests" not in (await http.get(URL)).text
        assert (await http.post(URL, json={**CARD, "number": REAL})).status_code == 200


async def test_a_form_is_answered_with_the_token(http: httpx2.AsyncClient, app: App) -> None:
    response = await http.post(URL, data=CARD, headers=OWN)
    assert response.status_code == 200
    assert "Visa ending in 4242, good until 08/2030" in response.text
    [token] = re.findall(r"vault_[\w-]{43}", response.text)
    assert app.rails.vault is not None
    assert (await app.rails.vault.reveal(token)).number == VISA
    assert "4242424242424242" not in response.text


@pytest.mark.parametrize("headers", [OWN, {"origin": ORIGIN}, {"sec-fetch-site": "same-origin", "origin": "null"}])
async def test_a_form_of_its_own_page_is_taken(http: httpx2.AsyncClient, headers: dict[str, str]) -> None:
    assert (await http.post(URL, data=CARD, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "null"},
        {"origin": "https://evil.example"},
        {"origin": f"{ORIGIN}.evil.example"},
        {"origin": "https://127.0.0.1:8000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "cross-site", "origin": ORIGIN},
    ],
)
async def test_a_form_of_another_page_is_refused(
    http: httpx2.AsyncClient, backdoor: Backdoor, headers: dict[str, str]
) -> None:
    before = await contents(backdoor)
    response = await http.post(URL, data=CARD, headers=headers)
    assert response.status_code == 403
    assert "vault_" not in response.text
    assert await contents(backdoor) == before


@pytest.mark.parametrize("number", [MISTYPED, REAL, '"><script>alert(1)</script>'])
async def test_a_form_with_a_mistake_comes_back_empty(http: httpx2.AsyncClient, number: str) -> None:
    response = await http.post(URL, data={**CARD, "number": number}, headers=OWN)
    assert response.status_code == 400
    page = Page(response.text)
    assert ("role", "alert") in page.attributes
    assert page.values("action") == [PATH]
    assert page.values("value") == []
    assert number not in response.text
    assert "script" not in page.tags


@pytest.mark.parametrize("body", [b"number=\xff", b"&".join(b"a%d=1" % n for n in range(9)), b"number=%FF&expires=1"])
async def test_a_form_that_cannot_be_read_is_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    response = await http.post(URL, content=body, headers={**OWN, "content-type": "application/x-www-form-urlencoded"})
    assert (response.status_code, response.headers["content-type"]) == (400, "text/html; charset=utf-8")


# JSON


async def test_json_is_answered_with_the_token_and_what_may_be_shown(app: App, ada: Person) -> None:
    async with visitor(app, authorization="Bearer ada") as http:
        response = await http.post(URL, json={**CARD, "cvv": "123"})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    told = response.json()
    assert told == {"token": told["token"], "brand": "Visa", "last4": "4242", "expires": EXPIRES}
    assert app.rails.vault is not None
    assert await app.rails.vault.claim(ada.id, told["token"], ada.ctx().now())


async def test_json_comes_with_the_cookie_too(http: httpx2.AsyncClient) -> None:
    assert (await http.post(URL, json=CARD)).status_code == 200


@pytest.mark.parametrize(
    ("sent", "code", "field"),
    [
        ({"number": MISTYPED}, "INVALID", "number"),
        ({"number": REAL}, "INVALID", "number"),
        ({"number": ""}, "INVALID", "number"),
        ({"number": "\x00"}, "INVALID", "number"),
        ({"number": int(VISA)}, "INVALID", None),
        ({"number": [VISA]}, "INVALID", None),
        ({"number": None}, "INVALID", None),
        ({"expires": "08/20"}, "INVALID", "expires"),
        ({"expires": "soon"}, "INVALID", "expires"),
        ({"expires": None}, "INVALID", None),
        ({"cvv": "12"}, "INVALID", "cvv"),
        ({"cvv": 123}, "INVALID", None),
    ],
)
async def test_a_mistake_is_told_and_the_number_is_not(
    http: httpx2.AsyncClient, backdoor: Backdoor, sent: dict[str, object], code: str, field: str | None
) -> None:
    before = await contents(backdoor)
    response = await http.post(URL, json={**CARD, **sent})
    assert response.status_code == 400
    error = error_of(response)
    assert (error["code"], error.get("field")) == (code, field)
    assert not [text for text in (MISTYPED, REAL, CARD["number"]) if text in response.text]
    assert await contents(backdoor) == before


@pytest.mark.parametrize(
    ("content", "media_type", "status", "code"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST"),
        (b'["4242424242424242"]', "application/json", 400, "BAD_REQUEST"),
        (b'{"number": "4242424242424242', "application/json", 400, "BAD_REQUEST"),
        (b'{"number": "\xff"}', "application/json", 400, "BAD_REQUEST"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}", "multipart/form-data; boundary=x", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_what_is_no_card_at_all_is_refused(
    http: httpx2.AsyncClient, content: bytes, media_type: str, status: int, code: str
) -> None:
    response = await http.post(URL, content=content, headers={"content-type": media_type})
    assert (response.status_code, error_of(response)["code"]) == (status, code)
    assert "4242" not in response.text


# Who may


@pytest.mark.parametrize("headers", [{}, {"cookie": "hatful_session=nobody"}, {"authorization": "Bearer nobody"}])
async def test_only_the_signed_in_may(app: App, ada: Person, backdoor: Backdoor, headers: dict[str, str]) -> None:
    before = await contents(backdoor)
    async with visitor(app, None, **headers) as http:
        answers = [
            await http.get(URL),
            await http.post(URL, json=CARD),
            await http.post(URL, data=CARD, headers=OWN),
        ]
    assert [response.status_code for response in answers] == [401, 401, 401]
    assert await contents(backdoor) == before


async def test_an_access_token_may_not(app: App, ada: Person) -> None:
    async with visitor(app, authorization="Bearer token") as http:
        response = await http.post(URL, json=CARD)
    assert (response.status_code, error_of(response)["code"]) == (403, "NOT_PERMITTED")


async def test_without_a_key_nothing_is_kept(app: App, ada: Person) -> None:
    async with visitor(replace(app, rails=Rails()), authorization="Bearer ada") as http:
        response = await http.post(URL, json=CARD)
    assert (response.status_code, error_of(response)["code"]) == (403, "NOT_PERMITTED")


async def test_other_methods_are_not_understood(http: httpx2.AsyncClient) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        response = await http.request(method, URL, json=CARD)
        assert (response.status_code, response.headers["allow"]) == (405, vault.METHODS)
    assert (await http.options(URL)).headers["allow"] == vault.METHODS


async def test_limits_each_address_and_each_session(
    app: App, ada: Person, known: dict[str, Viewer], town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    known["ben"] = (await town.person("ben")).viewer
    monkeypatch.setattr(rate_limits, "PER_TOKEN", 2)
    monkeypatch.setattr(rate_limits, "PER_ADDRESS", 4)
    async with visitor(app, RateLimits()) as http:
        statuses = [
            (await http.post(URL, json=CARD, headers={"authorization": f"Bearer {who}"})).status_code
            for who in ("ada", "ada", "ada", "ben", "ben")
        ]
    assert statuses == [200, 200, 429, 200, 429]


# What is left of it


async def test_no_number_is_in_the_database(http: httpx2.AsyncClient, backdoor: Backdoor) -> None:
    numbers = [VISA, CARD["number"], REAL, MISTYPED]
    for number in numbers:
        await http.post(URL, json={**CARD, "number": number})
        await http.post(URL, data={**CARD, "number": number}, headers=OWN)
    stored = await everything_stored(backdoor)
    assert "vault_" in stored
    assert [number for number in numbers if number in stored] == []
