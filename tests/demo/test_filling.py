"""The demo in a database: all of it is there, the books are right, and an interrupted fill goes on."""

import shutil
from collections import Counter, namedtuple
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest
from sqlalchemy import select

import demo
from demo.story import story
from ledger import Ledger
from ledger.verify import verify
from models.accounts import Token
from models.database import Database, Query, open_database
from models.funding import FundingSource
from models.ledger import Account, Entry
from models.money import Currency, Money
from models.posts import Like, Post, Repost
from models.transfers import Transfer
from models.users import Follow, User
from resolvers import accounts, tips, users, wallets
from resolvers.context import App, Context, Policy
from resolvers.feed import FeedKind, feed
from resolvers.inputs import MoneyAsked
from resolvers.limits import limits_of
from resolvers.pagination import window
from resolvers.posts import post_by_public_id
from resolvers.wallets import WalletRow
from tests.conftest import DATABASES
from tests.harness.audits import miscounts
from tests.harness.backdoor import backdoor

DEMO = Policy(demo=True)
INTERRUPTED_AT = (1_400, 7_400, 9_800)


class Filled(NamedTuple):
    """A database with the demo in it."""

    url: str
    app: App


class InterruptedError(Exception):
    """Ctrl-C."""


@pytest.fixture(scope="module", params=DATABASES)
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database for the whole module."""
    if request.param == "sqlite":
        with copied(request) as url:
            yield url
        return
    server, template = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_template")
    with server.database(template) as url:
        yield url


@pytest.fixture(scope="module")
async def filled(url: str) -> AsyncIterator[Filled]:
    """The demo, filled in with interruptions."""
    for moment in INTERRUPTED_AT:
        async with running(url) as app:
            with pytest.raises(InterruptedError):
                await demo.fill(app, interruption(moment))
            assert await demo.state(app) in (demo.State.EMPTY, demo.State.PARTIAL)
    async with running(url) as app:
        assert await demo.state(app) is demo.State.PARTIAL
        await demo.fill(app)
        yield Filled(url, app)


@pytest.fixture(scope="module")
async def undisturbed(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    """The demo, filled in at one go."""
    with copied(request) as url:
        async with running(url) as app:
            await demo.fill(app)
            yield app


@contextmanager
def copied(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated SQLite database."""
    with TemporaryDirectory(dir=request.getfixturevalue("sqlite_folder")) as folder:
        shutil.copy(request.getfixturevalue("sqlite_template"), path := Path(folder) / "demo.db")
        yield f"sqlite:///{path}"


@asynccontextmanager
async def running(url: str) -> AsyncIterator[App]:
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    try:
        yield App(database, ledger, DEMO)
    finally:
        await ledger.stop()
        await database.close()


def interruption(moment: int) -> demo.Progress:
    """Interrupts when so much is done."""

    def progress(_: str, done: int, total: int) -> None:
        assert done <= total
        if done == moment:
            raise InterruptedError

    return progress


async def viewer(app: App) -> Context:
    return Context(app, await accounts.authenticate(app, demo.token_of(demo.CAST[0])))


async def rows(database: Database, *columns: Any, join: Any = None) -> list[tuple[Any, ...]]:
    row = namedtuple("row", [f"c{number}" for number in range(len(columns))])  # type: ignore[misc]
    selected = select(*columns) if join is None else select(*columns).join(*join)
    return sorted(map(tuple, await database.fetch(Query(row, selected))), key=repr)


async def contents(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """What a client may see of everything, its order and its ids too; when the ledger wrote it down is its own."""
    kept = {
        table.__name__: await rows(database, *(getattr(table, name) for name in table.model_fields))
        for table in (User, Post, Follow, Like, Repost, Transfer, FundingSource)
    }
    kept["Token"] = await rows(database, Token.id, Token.user_id, Token.kind, Token.secret_hash, Token.created_at)
    lines = (Account.owner_id, Account.currency, Entry.version, Entry.journal_id, Entry.amount, Entry.balance_after)
    entries = await rows(database, *lines, Account.code, join=(Entry, Entry.account_id == Account.id))
    kept["Entry"] = [entry for entry in entries if entry[-1] == "WALLET"]
    return kept


async def test_everything_is_there(filled: Filled) -> None:
    told = story()
    found = {name: len(kept) for name, kept in (await contents(filled.app.database)).items()}
    reposts = sum(reaction.reposts for reaction in told.reactions)
    assert found["User"] == len(told.people)
    assert found["Post"] == len(told.posts) == 3_000
    assert found["Follow"] == len(told.follows)
    assert (found["Like"], found["Repost"]) == (len(told.reactions) - reposts, reposts)
    assert found["Transfer"] == len(told.top_ups) + len(told.gifts)
    assert found["Token"] == len(demo.CAST)


async def test_every_count_is_right(filled: Filled) -> None:
    async with backdoor(filled.url) as connection:
        assert await miscounts(connection) == []


async def test_the_books_are_right(filled: Filled) -> None:
    report = await verify(filled.app.database)
    assert report.problems == []
    assert report.journals > 1_500


async def test_there_is_money_in_every_wallet(filled: Filled) -> None:
    ctx = Context(filled.app, None)
    owners = [WalletRow(person.id) for person in story().people]
    balances = await wallets.balance_of(ctx, owners)
    assert all(balance.available.minor_units > 0 for balance in balances)


async def test_the_viewer_has_a_hundred_dollars_and_some_more(filled: Filled) -> None:
    ctx = await viewer(filled.app)
    assert ctx.viewer_id is not None
    [balances] = await wallets.balances_of(ctx, [WalletRow(ctx.viewer_id)])
    has = {balance.available for balance in balances}
    assert has == {Money(10_000, Currency.USD), Money(5_000, Currency.EUR), Money(5_000, Currency.JPY)}


async def test_no_limit_of_today_is_used(filled: Filled) -> None:
    ctx = await viewer(filled.app)
    assert ctx.viewer_id is not None
    [limits] = await limits_of(ctx, [users.ViewerRow(ctx.viewer_id)])
    by_day = [limit for limit in limits if limit.name.endswith("_PER_DAY")]
    assert by_day
    assert all(limit.used.minor_units == 0 for limit in by_day)


async def test_little_of_a_month_s_limits_is_used(filled: Filled) -> None:
    ctx = await viewer(filled.app)
    assert ctx.viewer_id is not None
    [limits] = await limits_of(ctx, [users.ViewerRow(ctx.viewer_id)])
    assert all(limit.used.minor_units < limit.max.minor_units // 10 for limit in limits)


async def test_the_viewer_may_tip_the_example(filled: Filled) -> None:
    ctx = await viewer(filled.app)
    post = await post_by_public_id(ctx, demo.EXAMPLE_POST)
    assert post is not None
    author = (await users.users_by_id(ctx, [post.author_id]))[post.author_id]
    assert await users.viewer_can_tip(ctx, [author]) == [True]
    preview = await tips.tip_preview(ctx, demo.EXAMPLE_POST, MoneyAsked(Money(250, Currency.USD).amount, Currency.USD))
    assert preview.user_errors == []
    assert preview.balance_after == Money(9_750, Currency.USD)


@pytest.mark.parametrize("handle", demo.CAST)
async def test_tokens_count_in_the_demo_alone(filled: Filled, handle: str) -> None:
    token = demo.token_of(handle)
    signed_in = await accounts.authenticate(filled.app, token)
    assert signed_in is not None
    known = await users.user_by_handle(Context(filled.app, None), handle)
    assert known is not None
    assert signed_in.user_id == known.id
    assert await accounts.authenticate(App(filled.app.database, filled.app.ledger, Policy()), token) is None


@pytest.mark.parametrize("kind_of_feed", FeedKind)
async def test_the_first_page_is_of_many_people(filled: Filled, kind_of_feed: FeedKind) -> None:
    page = await feed(await viewer(filled.app), kind_of_feed, window(20, None))
    authors = Counter(edge.node.author_id for edge in page.edges)
    assert sum(authors.values()) == 20
    assert len(authors) == 20 if kind_of_feed is FeedKind.LATEST else len(authors) >= 8
    assert page.page_info.has_next_page


async def test_is_not_filled_twice(filled: Filled) -> None:
    assert await demo.is_filled(filled.app)
    before = await contents(filled.app.database)
    with pytest.raises(demo.NotEmptyError):
        await demo.fill(filled.app)
    assert await contents(filled.app.database) == before


async def test_goes_on_where_it_was_interrupted_and_is_the_same_on_both_databases(
    filled: Filled, undisturbed: App
) -> None:
    here, there = await contents(filled.app.database), await contents(undisturbed.database)
    for name, kept in here.items():
        assert there[name] == kept, name


async def test_leaves_other_peoples_data_alone(app: App, database: Database) -> None:
    await accounts.sign_up(Context(app, None), "somebody", None, "correct horse")
    assert await demo.state(app) is demo.State.OTHER
    with pytest.raises(demo.NotEmptyError):
        await demo.fill(app)
    assert len(await rows(database, User.id)) == 1


async def test_knows_an_empty_database(app: App) -> None:
    assert await demo.state(app) is demo.State.EMPTY
    assert not await demo.is_filled(app)
