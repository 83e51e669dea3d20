"""A wallet's statement over HTTP: who gets it, and what is in it."""

import csv
from collections.abc import AsyncIterator
from io import StringIO

import httpx2
import pytest

from ledger import Ledger
from models.database import Database
from models.money import Currency, Money
from resolvers.chargebacks import charged_back
from resolvers.context import App, TokenScope, Viewer
from resolvers.statements import CSV_PATH
from resolvers.transfers import Request
from server import rate_limits, sign_in, statements
from server.errors import MaskErrors
from server.rate_limits import RateLimits
from server.statements import HEADINGS, Statements
from tests.harness.town import Person, Town

ALL = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
URL = f"http://127.0.0.1:8000{CSV_PATH}"
NOTES = ["=1+1", "+1", "-1", "@SUM(A1)", 'a "quoted", text', "two\nlines", "plain"]


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
    return App(database, ledger)


@pytest.fixture
async def ada(known: dict[str, Viewer], town: Town) -> Person:
    """Ada, whose secret is `ada`, with one line for each note."""
    ada, ben = await town.person("ada", "100"), await town.person("ben")
    for note in NOTES:
        await ada.sends(ben, "1.50", note=note)
    known["ada"], known["ben"] = ada.viewer, ben.viewer
    known["writer"] = ada.limited(TokenScope.WRITE).viewer
    return ada


@pytest.fixture
async def http(app: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(MaskErrors(Statements(app, None)))
    async with httpx2.AsyncClient(transport=transport, headers={"authorization": "Bearer ada"}) as http:
        yield http


async def rows(http: httpx2.AsyncClient, **asked: str) -> list[list[str]]:
    response = await http.get(URL, params={**ALL, **asked})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    return list(csv.reader(StringIO(response.text, newline="")))


async def test_has_a_row_for_each_line(http: httpx2.AsyncClient, ada: Person) -> None:
    heading, *found = await rows(http)
    assert tuple(heading) == HEADINGS
    lines = [dict(zip(heading, row, strict=True)) for row in found]
    assert [line["number"] for line in lines] == [str(number) for number in range(1, 9)]
    assert [line["amount"] for line in lines] == ["100.00", *["-1.50"] * 7]
    assert [line["balance"] for line in lines] == [
        "100.00",
        "98.50",
        "97.00",
        "95.50",
        "94.00",
        "92.50",
        "91.00",
        "89.50",
    ]
    assert [line["kind"] for line in lines] == ["TOP_UP", *["PAYMENT"] * 7]
    assert [line["with"] for line in lines] == ["", *["ben"] * 7]
    assert {line["currency"] for line in lines} == {"USD"}
    assert all(line["time"].endswith("Z") for line in lines)
    assert [line["transfer"].partition("_")[0] for line in lines] == ["topup", *["payment"] * 7]


async def test_tells_what_came_and_went_over_a_rail(http: httpx2.AsyncClient, ada: Person) -> None:
    top_up = (await ada.tops_up("5")).transfer
    await ada.withdraws("4")
    request = Request(ada.id, "from the bank", b"")
    await ada.app.ledger.submit(charged_back(ada.ctx(), request, top_up, Money(500, Currency.USD)))
    told = [dict(zip(HEADINGS, row, strict=True)) for row in (await rows(http))[-3:]]
    assert [(line["kind"], line["amount"], line["with"]) for line in told] == [
        ("TOP_UP", "5.00", ""),
        ("WITHDRAWAL", "-4.00", ""),
        ("CHARGEBACK", "-5.00", ""),
    ]
    assert [line["transfer"].partition("_")[0] for line in told] == ["topup", "withdrawal", "refund"]


async def test_a_note_is_never_a_formula(http: httpx2.AsyncClient, ada: Person) -> None:
    notes = [row[HEADINGS.index("note")] for row in await rows(http)][2:]
    assert notes == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", 'a "quoted", text', "two\nlines", "plain"]


@pytest.mark.parametrize("at_once", [1, 2, 8])
async def test_is_the_same_however_much_is_sent_at_once(
    http: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    whole = await rows(http)
    monkeypatch.setattr(statements, "LINES_AT_ONCE", at_once)
    assert await rows(http) == whole


async def test_of_another_time_or_currency_it_is_empty(http: httpx2.AsyncClient, ada: Person) -> None:
    assert await rows(http, to="2000-01-02T00:00:00Z") == [list(HEADINGS)]
    assert await rows(http, currency="JPY") == [list(HEADINGS)]


async def test_it_is_a_file_with_a_name(http: httpx2.AsyncClient, ada: Person) -> None:
    response = await http.get(URL, params=ALL)
    named = 'attachment; filename="hatful-USD-2000-01-01-2100-01-01.csv"'
    assert response.headers["content-disposition"] == named
    head = await http.head(URL, params=ALL)
    assert (head.status_code, head.content, head.headers["content-disposition"]) == (200, b"", named)


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "UNAUTHENTICATED"),
        ("Bearer nobody", 401, "UNAUTHENTICATED"),
        ("Bearer writer", 403, "FORBIDDEN"),
    ],
)
async def test_only_its_owner_gets_it(app: App, ada: Person, authorization: str | None, status: int, code: str) -> None:
    headers = {"authorization": authorization} if authorization else {}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Statements(app, None)), headers=headers) as http:
        response = await http.get(URL, params=ALL)
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert ("www-authenticate" in response.headers) == (status == 401)


async def test_each_sees_their_own(app: App, ada: Person) -> None:
    headers = {"cookie": "hatful_session=ben"}
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(Statements(app, None)), headers=headers) as http:
        _, *found = await rows(http)
    assert [row[HEADINGS.index("amount")] for row in found] == ["1.50"] * 7
    assert {row[HEADINGS.index("with")] for row in found} == {"ada"}


@pytest.mark.parametrize(
    "asked",
    [
        {"from": ""},
        {"from": "yesterday"},
        {"to": "2026-13-01"},
        {"to": "0001-01-01T00:00:00+14:00"},
        {"currency": "XYZ"},
        {"currency": ""},
        {"from": "2100-01-02T00:00:00Z"},
    ],
)
async def test_says_what_is_wrong_with_the_address(
    http: httpx2.AsyncClient, ada: Person, asked: dict[str, str]
) -> None:
    response = await http.get(URL, params={**ALL, **asked})
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_from_the_first_to_the_last_moment_there_is(http: httpx2.AsyncClient, ada: Person) -> None:
    everything = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"}
    assert await rows(http, **everything) == await rows(http)
    assert await rows(http, **{"from": everything["from"], "to": everything["from"]}) == [list(HEADINGS)]


async def test_limits_each_address_and_each_token(app: App, ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PER_TOKEN", 2)
    monkeypatch.setattr(rate_limits, "PER_ADDRESS", 4)
    transport = httpx2.ASGITransport(Statements(app, RateLimits()))
    async with httpx2.AsyncClient(transport=transport) as http:
        statuses = [
            (await http.get(URL, params=ALL, headers={"authorization": f"Bearer {who}"})).status_code
            for who in ("ada", "ada", "ada", "ben", "ben")
        ]
    assert statuses == [200, 200, 429, 200, 429]
