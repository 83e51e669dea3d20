"""A wallet's statement as a PDF, read back by another library."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from io import BytesIO

import httpx2
import pytest
from pypdf import PdfReader

from ledger import Ledger
from models.database import Database
from models.money import Currency
from resolvers.context import App, Context, TokenScope, Viewer
from resolvers.statements import PDF_PATH
from server import sign_in, statements
from server.errors import MaskErrors
from server.statement_pdf import LINES_PER_PAGE, Heading, time_of
from server.statements import Statements
from tests.harness.town import Person, Town

URL = f"http://127.0.0.1:8000{PDF_PATH}"
OCTOBER, NOVEMBER, DECEMBER = (datetime(2026, month, 1, tzinfo=UTC) for month in (10, 11, 12))
MONTH = {"from": NOVEMBER.isoformat(), "to": DECEMBER.isoformat()}


@pytest.fixture
def app(database: Database, ledger: Ledger) -> App:
    return App(database, ledger)


@pytest.fixture
async def ada(app: App, town: Town, monkeypatch: pytest.MonkeyPatch) -> Person:
    """Ada, whose secret is `ada`, with 1,000 dollars of October, and what she did in November."""
    ada, ben = await town.person("ada"), await town.person("ben")
    known = {"ada": ada.viewer, "ben": ben.viewer, "writer": ada.limited(TokenScope.WRITE).viewer}

    async def authenticate(_: App, secret: str) -> Viewer | None:
        return known.get(secret)

    monkeypatch.setattr(sign_in, "authenticate", authenticate)
    return ada


@pytest.fixture
async def http(app: App) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(MaskErrors(Statements(app, None)))
    async with httpx2.AsyncClient(transport=transport, headers={"authorization": "Bearer ada"}) as http:
        yield http


ALL = {"from": "2000-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}


async def pages(http: httpx2.AsyncClient, **asked: str) -> list[str]:
    """The text of each page."""
    response = await http.get(URL, params={**ALL, **asked})
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    return [page.extract_text() for page in PdfReader(BytesIO(response.content)).pages]


async def test_says_whose_it_is_what_was_there_before_and_after_and_each_line(
    http: httpx2.AsyncClient, ada: Person, town: Town
) -> None:
    await ada.tops_up("1234.50")
    eve = await town.person("eve")
    await ada.sends(eve, "34.25", note="Rent, and  two\nlines")
    await eve.sends(ada, "4")
    [page] = await pages(http)
    for told in (
        "Ada (@ada), in USD",
        "Opening balance\n$0.00",
        "Closing balance\n$1,204.25",
        "Top-up",
        "$1,234.50",
        "Payment",
        "@eve",
        "Rent, and two lines",
        "-$34.25",
        "$1,200.25",
        "$4.00",
        "Page 1 of 1",
    ):
        assert told in page
    assert f"{datetime.now(UTC):%Y-%m-}" in page


@pytest.mark.parametrize(
    ("from_", "to", "words"),
    [
        (NOVEMBER, DECEMBER, "November 2026"),
        (DECEMBER, datetime(2027, 1, 1, tzinfo=UTC), "December 2026"),
        (OCTOBER, DECEMBER, "October 1, 2026 to November 30, 2026"),
        (NOVEMBER, NOVEMBER + timedelta(days=1), "November 1, 2026 to November 1, 2026"),
        (NOVEMBER, NOVEMBER, "November 1, 2026 to November 1, 2026"),
        (
            datetime(9999, 12, 1, tzinfo=UTC),
            datetime(9999, 12, 31, tzinfo=UTC),
            "December 1, 9999 to December 30, 9999",
        ),
    ],
)
def test_names_the_time(from_: datetime, to: datetime, words: str) -> None:
    assert time_of(Heading("Ada", "ada", from_, to, Currency.USD)) == words


async def test_a_month_has_what_happened_in_it(http: httpx2.AsyncClient, ada: Person) -> None:
    now = (await ada.tops_up("100")).transfer.created_at
    begins = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    ends = (begins + timedelta(days=31)).replace(day=1)
    [page] = await pages(http, **{"from": begins.isoformat(), "to": ends.isoformat()})
    assert f"Statement for {now:%B} {now.year}" in page
    assert page.count("$100.00") == 3
    [empty] = await pages(http, **{"from": "2001-01-01T00:00:00Z", "to": "2001-02-01T00:00:00Z"})
    assert "Statement for January 2001" in empty
    assert "Closing balance\n$0.00" in empty


async def test_goes_on_over_pages_each_with_its_heading(http: httpx2.AsyncClient, ada: Person, town: Town) -> None:
    await ada.tops_up("500")
    eve = await town.person("eve")
    for number in range(LINES_PER_PAGE):
        await ada.sends(eve, "1", note=f"note {number:03}")
    found = await pages(http)
    assert len(found) == 2
    for number, page in enumerate(found, start=1):
        assert "Ada (@ada), in USD" in page
        assert "Balance" in page
        assert f"Page {number} of 2" in page
    text = "".join(found)
    assert all(text.count(f"note {number:03}") == 1 for number in range(LINES_PER_PAGE))
    assert [page.count("note ") for page in found] == [LINES_PER_PAGE - 1, 1]


async def test_what_the_fonts_lack_is_a_question_mark_and_what_is_too_long_ends_in_dots(
    http: httpx2.AsyncClient, ada: Person, town: Town
) -> None:
    await ada.tops_up("500")
    eve = await town.person("eve")
    await ada.sends(eve, "1", note="Für 帽子 – gern")
    await ada.sends(eve, "1", note="W" * 200)
    [page] = await pages(http)
    assert "Für ?? – gern" in page
    assert "WWW…" in page
    assert "W" * 100 not in page


@pytest.mark.parametrize(
    ("currency", "amount"), [(Currency.EUR, "€12.00"), (Currency.GBP, "£12.00"), (Currency.JPY, "¥12")]
)
async def test_amounts_are_written_as_people_write_them(
    http: httpx2.AsyncClient, ada: Person, currency: Currency, amount: str
) -> None:
    await ada.tops_up("12", currency)
    [page] = await pages(http, currency=currency)
    assert page.count(amount) == 3, "the entry, the balance after it, and the closing balance"


async def test_what_is_too_long_is_refused_in_a_sentence(
    http: httpx2.AsyncClient, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ada.tops_up("1")
    await ada.tops_up("1")
    monkeypatch.setattr(statements, "MOST_LINES_OF_PDF", 1)
    response = await http.get(URL, params=ALL)
    assert response.status_code == 400
    assert "at most 1 lines" in response.json()["errors"][0]["message"]
    assert (await http.get(URL.replace(".pdf", ".csv"), params=ALL)).status_code == 200


async def test_the_longest_that_there_can_be_is_drawn(http: httpx2.AsyncClient, ada: Person) -> None:
    from resolvers.statements import Statement, lines
    from server.statement_pdf import document

    await ada.tops_up("100")
    ctx = Context(ada.app, ada.viewer)
    [line] = [line async for line in lines(ctx, ada.id, Currency.USD, OCTOBER, DECEMBER + timedelta(days=36500))]
    money = (await ada.balance()).available
    heading = Heading("Ada", "ada", OCTOBER, DECEMBER, Currency.USD)
    drawn = document(heading, Statement(money, money, 0, "", ""), [line] * statements.MOST_LINES_OF_PDF)
    reader = PdfReader(BytesIO(drawn))
    assert len(reader.pages) == -(-statements.MOST_LINES_OF_PDF // LINES_PER_PAGE)
    assert len(drawn) < 1 << 22


@pytest.mark.parametrize(("secret", "status"), [("nobody", 401), ("writer", 403)])
async def test_is_for_those_who_may_read_what_is_private(
    http: httpx2.AsyncClient, ada: Person, secret: str, status: int
) -> None:
    response = await http.get(URL, params=ALL, headers={"authorization": f"Bearer {secret}"})
    assert response.status_code == status


async def test_others_get_their_own(http: httpx2.AsyncClient, ada: Person) -> None:
    await ada.tops_up("123")
    response = await http.get(URL, params=ALL, headers={"authorization": "Bearer ben"})
    [page] = [page.extract_text() for page in PdfReader(BytesIO(response.content)).pages]
    assert "Ben (@ben)" in page
    assert "123" not in page


async def test_it_is_a_file_with_a_name_and_head_tells_of_it(http: httpx2.AsyncClient, ada: Person) -> None:
    for method in ("GET", "HEAD"):
        response = await http.request(method, URL, params=MONTH)
        assert response.headers["content-disposition"] == 'attachment; filename="hatful-USD-2026-11-01-2026-12-01.pdf"'
        assert response.headers["content-type"] == "application/pdf"
        assert bool(response.content) is (method == "GET")


async def test_a_time_that_ends_before_it_begins_is_refused(http: httpx2.AsyncClient, ada: Person) -> None:
    response = await http.get(URL, params={"from": ALL["to"], "to": ALL["from"]})
    assert response.status_code == 400


async def test_the_address_is_in_the_statement(ada: Person, town: Town) -> None:
    document = (
        """{ viewer { wallet { statement(from: "2026-11-01T00:00:00Z", to: "2026-12-01T00:00:00Z") { pdfUrl } } } }"""
    )
    url = (await town.ask(document, ada)).data["viewer"]["wallet"]["statement"]["pdfUrl"]
    assert url.startswith(f"{PDF_PATH}?currency=USD&from=2026-11-01")
