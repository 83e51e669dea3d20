"""`verify` finds any row that somebody has altered behind the back of the product."""

import asyncio
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Delete, Insert, Update, delete, literal, select, true, tuple_, update
from sqlmodel import SQLModel, col

from ledger import InsufficientFundsError, Ledger, Line, Resolution
from ledger.kinds.wallets import wallet
from ledger.rules import RULES
from ledger.verify import Report, verify
from models.database import Database, Query, columns_of, insert, open_database
from models.ids import new_id
from models.ledger import Account, AccountCode, Entry, Idempotency, Journal, Phase, Posting, Side
from models.money import MAX_MINOR_UNITS, Currency
from models.types import EPOCH, Id
from tests.conftest import DATABASES
from tests.harness.backdoor import Backdoor, backdoor
from tests.harness.books import LEDGER, Books, order, payment_of, tip_of, top_up_of
from tests.harness.postgres import Postgres

Table = type[Account] | type[Journal] | type[Posting] | type[Entry] | type[Idempotency]
Copied = Callable[[], AbstractContextManager[str]]


async def live(books: Books) -> None:
    """Some money is topped up, tipped and paid, and some is refused."""
    ada, bob, eve = await books.people(3, 10_000)
    for units in (100, 250, 1_000):
        await books.submit(tip_of(ada, bob, units, basis_points=500))
        await books.submit(payment_of(bob, eve, units // 2))
    await books.submit(top_up_of(ada, 500, currency=Currency.EUR))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(eve, ada, 1_000_000))


async def test_finds_nothing_where_nothing_is_wrong(books: Books) -> None:
    await live(books)
    report = await verify(books.database)
    assert report.problems == []
    assert report[1:5] == (10, 13, 23, 7)
    assert report.seconds > 0


async def test_finds_nothing_in_empty_books(database: Database) -> None:
    assert (await verify(database))[:5] == ([], 0, 0, 0, 0)


async def hold(books: Books) -> None:
    """Money is held three times: once it is settled for less, once given back, and once it stays held."""
    ada, bob = await books.people(2, 1_000)
    held = [new_id() for _ in range(3)]
    for hold_id, units in zip(held, (60, 30, 10), strict=True):
        line = Line(wallet(ada, Currency.USD), wallet(bob, Currency.USD), units, Phase.PEND, id=hold_id)
        await books.submit(order("HOLD", ada, (line,)))
    for hold_id, part in ((held[0], 40), (held[1], None)):
        await books.submit(order("END", ada, (), resolutions=(Resolution(hold_id, part),)))


async def test_knows_holds_and_how_they_are_resolved(books: Books) -> None:
    await hold(books)
    report = await verify(books.database)
    assert report.problems == []
    assert report[1:5] == (7, 7, 6, 3)


async def test_says_how_far_it_is(database: Database) -> None:
    told: list[tuple[str, int, int]] = []
    await verify(database, lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(len(RULES) + 1))
    assert {total for _, _, total in told} == {len(RULES)}


async def test_finds_nothing_while_money_moves(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)

    async def pay() -> None:
        for _ in range(100):
            await books.submit(payment_of(ada, bob, 1))

    paying = asyncio.create_task(pay())
    while not paying.done():
        assert (await verify(books.database)).problems == []
    await paying


# Edits


@pytest.fixture(scope="module", params=DATABASES)
def copied(request: pytest.FixtureRequest, sqlite_folder: Path) -> Iterator[Copied]:
    """Gives copies of a database with some life in it, and with all that protects its rows taken away."""
    if request.param == "sqlite":
        with TemporaryDirectory(dir=sqlite_folder) as folder:
            yield from _copied_files(request.getfixturevalue("sqlite_template"), Path(folder))
    else:
        server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
        yield from _copied_databases(server, template)


def _copied_files(template: Path, folder: Path) -> Iterator[Copied]:
    path = folder / "original.db"
    shutil.copy(template, path)
    asyncio.run(prepare(f"sqlite:///{path}"))

    @contextmanager
    def copy() -> Iterator[str]:
        shutil.copy(path, folder / "copy.db")
        yield f"sqlite:///{folder / 'copy.db'}"

    yield copy


def _copied_databases(server: Postgres, template: str) -> Iterator[Copied]:
    with server.database(template) as url:
        asyncio.run(prepare(url))
        asyncio.run(run(url, "CREATE SCHEMA kept", *(f"CREATE TABLE kept.{name} AS TABLE {name}" for name in LEDGER)))
        again = [sql for name in LEDGER for sql in (f"DELETE FROM {name}", f"INSERT INTO {name} TABLE kept.{name}")]

        @contextmanager
        def copy() -> Iterator[str]:  # of the rows alone: a copy of a database takes ten times as long
            yield url
            asyncio.run(run(url, *again))

        yield copy


async def run(url: str, *commands: str) -> None:
    async with backdoor(url) as connection:
        for command in commands:
            await connection.fetch(command)


async def prepare(url: str) -> None:
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    await live(Books(database, ledger))
    await hold(Books(database, ledger))
    await ledger.stop()
    await database.close()
    async with backdoor(url) as connection:
        await unprotect(connection)


async def unprotect(connection: Backdoor) -> None:
    """Takes away all triggers and constraints, but for PostgreSQL's primary keys."""
    if connection.dialect == "sqlite":
        await connection.fetch("PRAGMA foreign_keys = OFF")
        for table in LEDGER:  # the constraints are parts of the tables
            await connection.fetch(f"CREATE TABLE copy AS SELECT * FROM {table}")
            await connection.fetch(f"DROP TABLE {table}")
            await connection.fetch(f"ALTER TABLE copy RENAME TO {table}")
        await connection.fetch("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    for table in LEDGER:
        await connection.fetch(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for table, constraint in await connection.fetch(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u')"
        " ORDER BY contype <> 'f'"
    ):
        await connection.fetch(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


async def report_after(url: str, edit: Update | Delete | Insert) -> Report:
    async with backdoor(url) as connection:
        await connection.run(edit)
    database = await open_database(url)
    report = await verify(database)
    await database.close()
    return report


def alter(table: Table, nth: int = 0, where: Any = None, **values: Any) -> Update:
    """Other values in one row: the one that comes `nth` by its key, or from the end."""
    return update(table).where(_is_nth(table, nth, where)).values(values)


def raised(name: str, by: int) -> dict[str, Any]:
    """An account's sum as it was, and so much more."""
    return {name: col(getattr(Account, name)) + by}


def remove(table: Table, nth: int = 0, where: Any = None) -> Delete:
    """One row gone."""
    return delete(table).where(_is_nth(table, nth, where))


def repeat(table: Table, nth: int = 0, where: Any = None, **values: Any) -> Insert:
    """One row once more, but for these values."""
    columns = list(columns_named(table).items())
    row = select(*(literal(values[name], column.type) if name in values else column for name, column in columns))
    return insert(table).from_select([name for name, _ in columns], row.where(_is_nth(table, nth, where)))


def table_of(table: Table) -> Any:
    return SQLModel.metadata.tables[str(table.__tablename__)]


def columns_named(table: Table) -> dict[str, Any]:
    return dict(table_of(table).columns)


def _is_nth(table: Table, nth: int, where: Any) -> Any:
    key = [column for column in columns_named(table).values() if column.primary_key]
    order = key if nth >= 0 else [column.desc() for column in key]
    at = nth if nth >= 0 else -nth - 1
    found = select(*key).where(true() if where is None else where).order_by(*order).offset(at).limit(1)
    return tuple_(*key).in_(found)


class Edit(NamedTuple):
    """A row altered, and what is said about it."""

    statement: Update | Delete | Insert
    said: str


WALLET = col(Account.code) == AccountCode.WALLET
CLEARING = col(Account.code) == AccountCode.RAIL_CLEARING
REQUEST = col(Idempotency.journal_id).is_not(None)
REFUSED = col(Idempotency.refusal).is_not(None)
LATER = col(Entry.version) > 1
HELD = col(Posting.phase) == Phase.PEND
SETTLED = col(Posting.phase) == Phase.SETTLE
STRANGER = literal(new_id(), Id())
DOLLARS = col(Account.currency) == Currency.USD
A_WALLET = select(col(Account.id)).where(WALLET, DOLLARS).order_by(col(Account.id).desc()).limit(1).scalar_subquery()
ANOTHER_WALLET = select(col(Account.id)).where(WALLET, DOLLARS).order_by(col(Account.id)).limit(1).scalar_subquery()
OF_A_WALLET = col(Entry.account_id).in_(select(col(Account.id)).where(WALLET))
A_JOURNAL = select(col(Journal.id)).order_by(col(Journal.id).desc()).limit(1).scalar_subquery()
A_POSTING = select(col(Posting.id)).order_by(col(Posting.id).desc()).limit(1).scalar_subquery()

SUMS = ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
EDITS = {
    **{
        f"{name} of an account {what}": Edit(alter(Account, 1, **{name: value}), f"its {name} and")
        for name in SUMS
        for what, value in {
            "goes up": col(getattr(Account, name)) + 1,
            "goes down": col(getattr(Account, name)) - 1,
            "is as high as can be": MAX_MINOR_UNITS,
            "is as low as can be": -MAX_MINOR_UNITS - 1,
        }.items()
    },
    **{
        f"{name} makes a currency lean": Edit(alter(Account, **raised(name, 3)), f"in USD {said}")
        for name, said in {
            "debits_posted": "posted: debits and credits differ by 3",
            "credits_posted": "posted: debits and credits differ by -3",
            "debits_pending": "pending: debits and credits differ by 3",
            "credits_pending": "pending: debits and credits differ by -3",
        }.items()
    },
    "an account is one version ahead": Edit(alter(Account, version=col(Account.version) + 1), "its version is"),
    "an account is one version behind": Edit(alter(Account, version=col(Account.version) - 1), "its version is"),
    "an account has no floor": Edit(alter(Account, where=WALLET, floor=None), "its side or its floor"),
    "an account may have debts": Edit(alter(Account, where=WALLET, floor=-1_000_000), "its side or its floor"),
    "an account has a floor": Edit(alter(Account, where=CLEARING, floor=0), "its side or its floor"),
    "an account is under its floor": Edit(
        alter(Account, where=WALLET, debits_pending=1_000_000), "it is under its floor"
    ),
    "an account changes sides": Edit(alter(Account, where=WALLET, normal_side=Side.DEBIT), "its side or its floor"),
    "an account has another code": Edit(alter(Account, where=WALLET, code=AccountCode.FEE_INCOME), "its side or"),
    "an account has another currency": Edit(alter(Account, currency=Currency.GBP), "does not move .* in USD"),
    "an account has another id": Edit(alter(Account, id=STRANGER), f"Account {STRANGER.value}"),
    "an account is gone": Edit(remove(Account), "one of the two is not there"),
    "an account is there twice": Edit(repeat(Account, 1, id=new_id(), stripe=77), "its version is"),
    "a journal is gone": Edit(remove(Journal), "its journal .* is not there"),
    "a journal is there twice": Edit(repeat(Journal, id=new_id()), "it has no postings"),
    "a journal has another id": Edit(alter(Journal, id=STRANGER), "its journal .* is not there"),
    "a journal has another actor": Edit(alter(Journal, actor_id=STRANGER), "not just the one of its actor"),
    "a journal has another moment": Edit(alter(Journal, created_at=EPOCH), "not just the one of its actor"),
    "a journal takes back one that is not there": Edit(alter(Journal, reverses_id=STRANGER), "it takes back journal"),
    "a journal takes back itself": Edit(alter(Journal, reverses_id=col(Journal.id)), "or is itself"),
    "an account's sums change all at once": Edit(
        alter(Account, 1, **{name: col(getattr(Account, name)) + 5 for name in SUMS}), "its credits_pending and"
    ),
    "a posting moves more": Edit(alter(Posting, amount=col(Posting.amount) + 1), "Journal .* differ by 1 "),
    "a posting moves less": Edit(alter(Posting, amount=col(Posting.amount) - 1), "Journal .* differ by -1 "),
    "a posting moves nothing": Edit(alter(Posting, amount=0), "does not move 0 "),
    "a posting moves a debt": Edit(alter(Posting, amount=-col(Posting.amount)), "does not move -"),
    "a posting moves all there is": Edit(alter(Posting, amount=MAX_MINOR_UNITS), "Journal .* differ by"),
    "a posting moves less than nothing": Edit(alter(Posting, amount=-MAX_MINOR_UNITS - 1), "does not move -"),
    "a posting debits another": Edit(alter(Posting, debit_account_id=A_WALLET), "Journal .* differ by"),
    "a posting credits another": Edit(alter(Posting, credit_account_id=A_WALLET), "Journal .* differ by"),
    "a posting debits nobody": Edit(alter(Posting, debit_account_id=STRANGER), "does not move"),
    "a posting credits nobody": Edit(alter(Posting, credit_account_id=STRANGER), "does not move"),
    "a posting goes round": Edit(alter(Posting, debit_account_id=col(Posting.credit_account_id)), "does not move"),
    "a posting has another currency": Edit(alter(Posting, currency=Currency.GBP), "two accounts in GBP"),
    "a posting becomes a hold": Edit(alter(Posting, phase=Phase.PEND), "its debits_pending and"),
    "a posting settles nothing": Edit(alter(Posting, phase=Phase.SETTLE), "as SETTLE it does not fit"),
    "a posting settles a posting": Edit(
        alter(Posting, phase=Phase.SETTLE, pending_id=A_POSTING), "as SETTLE it does not fit"
    ),
    "a posting voids nothing": Edit(alter(Posting, phase=Phase.VOID), "as VOID it does not fit"),
    "a hold is for less than was settled": Edit(alter(Posting, where=HELD, amount=39), "as SETTLE it does not fit"),
    "a hold is for more than was given back": Edit(alter(Posting, 1, HELD, amount=31), "as VOID it does not fit"),
    "a hold that waits is for more": Edit(alter(Posting, 2, HELD, amount=11), "its debits_pending and"),
    "a hold is of another account": Edit(alter(Posting, where=HELD, debit_account_id=A_WALLET), "as SETTLE it does"),
    "a hold is for another account": Edit(
        alter(Posting, where=HELD, credit_account_id=ANOTHER_WALLET), "as SETTLE it does"
    ),
    "a hold is gone": Edit(remove(Posting, where=HELD), "as SETTLE it does not fit"),
    "a hold is resolved twice": Edit(repeat(Posting, where=SETTLED, id=new_id()), "2 postings resolve it"),
    "a hold is settled for more": Edit(alter(Posting, where=SETTLED, amount=41), "its debits_posted and"),
    "a settled hold is given back": Edit(alter(Posting, where=SETTLED, phase=Phase.VOID), "its debits_posted and"),
    "a settled hold is another": Edit(alter(Posting, where=SETTLED, pending_id=A_POSTING), "as SETTLE it does not fit"),
    "a settlement is gone": Edit(remove(Posting, where=SETTLED), "its debits_pending and"),
    "a posting names a hold": Edit(alter(Posting, pending_id=A_POSTING), "as POST it does not fit"),
    "a posting is of no known phase": Edit(alter(Posting, phase="LATER"), "as LATER it does not fit"),
    "a posting is of another journal": Edit(alter(Posting, journal_id=A_JOURNAL), "Journal .* differ by"),
    "a posting is of no journal": Edit(alter(Posting, journal_id=STRANGER), "its journal .* is not there"),
    "a posting is gone": Edit(remove(Posting), "it has no postings"),
    "a posting is there twice": Edit(repeat(Posting, id=new_id()), "Journal .* differ by"),
    "an entry says more": Edit(alter(Entry, amount=col(Entry.amount) + 1), "does not follow"),
    "an entry says nothing": Edit(alter(Entry, amount=0), "does not follow"),
    "an entry says all there is": Edit(alter(Entry, amount=MAX_MINOR_UNITS), "does not follow"),
    "an entry begins higher": Edit(alter(Entry, balance_before=col(Entry.balance_before) + 1), "does not follow"),
    "an entry begins as low as can be": Edit(alter(Entry, balance_before=-MAX_MINOR_UNITS - 1), "does not follow"),
    "an entry ends higher": Edit(alter(Entry, balance_after=col(Entry.balance_after) + 1), "does not follow"),
    "an entry ends under the floor": Edit(alter(Entry, where=OF_A_WALLET, balance_after=-1), "at -1, under its floor"),
    "an entry follows none": Edit(alter(Entry, where=LATER, previous_version=None), "does not follow"),
    "an entry follows another": Edit(alter(Entry, where=LATER, previous_version=0), "does not follow"),
    "the first entry follows one": Edit(alter(Entry, previous_version=0), "does not follow"),
    "an entry has another version": Edit(alter(Entry, -1, version=99), "does not follow"),
    "an entry has no version": Edit(alter(Entry, version=0), "does not follow"),
    "an entry is of another account": Edit(alter(Entry, where=LATER, account_id=STRANGER), "one of the two"),
    "an entry is of another journal": Edit(alter(Entry, journal_id=A_JOURNAL), "Journal .* differ by"),
    "an entry is of no journal": Edit(alter(Entry, journal_id=STRANGER), "one of the two is not there"),
    "the first entry is gone": Edit(remove(Entry), "does not follow"),
    "the last entry is gone": Edit(remove(Entry, -1), "does not end with its balance"),
    "an entry is there twice": Edit(repeat(Entry, version=99), "or it has 2 entries there"),
    "a request is gone": Edit(remove(Idempotency, where=REQUEST), "0 requests stand for it"),
    "a request is there twice": Edit(repeat(Idempotency, where=REQUEST, key="another"), "2 requests stand for it"),
    "a request is there once more, of another actor": Edit(
        repeat(Idempotency, where=REQUEST, actor_id=STRANGER.value), "2 requests stand for it"
    ),
    "a request is there once more, of another moment": Edit(
        repeat(Idempotency, where=REQUEST, key="another", created_at=EPOCH), "2 requests stand for it"
    ),
    "a request stands for another journal": Edit(alter(Idempotency, 1, REQUEST, journal_id=A_JOURNAL), "0 requests"),
    "a request stands for no journal": Edit(alter(Idempotency, 0, REQUEST, journal_id=STRANGER), "is not there"),
    "a request stands for nothing": Edit(alter(Idempotency, 0, REQUEST, journal_id=None), "refused and posted"),
    "a request is of another actor": Edit(alter(Idempotency, 0, REQUEST, actor_id=STRANGER), "1 requests"),
    "a request is of another moment": Edit(alter(Idempotency, 0, REQUEST, created_at=EPOCH), "1 requests"),
    "a request is refused after all": Edit(alter(Idempotency, 0, REQUEST, refusal="{}"), "refused and posted"),
    "a refusal is withdrawn": Edit(alter(Idempotency, 0, REFUSED, refusal=None), "refused and posted"),
}

# What says nothing about money's way, and so cannot be told from the rest of the books.
UNSEEN = {
    Account: {"owner_id", "stripe", "created_at", "revision"},
    Journal: {"kind", "reference"},
    Posting: {"id"},
    Entry: {"created_at"},
    Idempotency: {"key", "request_hash"},
}


@pytest.mark.parametrize("edit", EDITS)
def test_finds_a_row_that_was_altered(copied: Copied, edit: str) -> None:
    with copied() as url:
        report = asyncio.run(report_after(url, EDITS[edit].statement))
    assert any(re.search(EDITS[edit].said, problem) for problem in report.problems), report.problems


def test_the_original_has_no_problems(copied: Copied) -> None:
    with copied() as url:
        nothing = alter(Account, version=col(Account.version))
        assert asyncio.run(report_after(url, nothing)).problems == []


@pytest.mark.parametrize("table", UNSEEN)
def test_every_column_is_altered_in_an_edit_or_known_to_be_unseen(table: Table) -> None:
    altered = {
        str(getattr(column, "key", column))
        for edit in EDITS.values()
        if isinstance(edit.statement, Update) and edit.statement.table.compare(table_of(table))
        for column in edit.statement._values or {}
    }
    assert altered | UNSEEN[table] == set(columns_named(table))
    assert not altered & UNSEEN[table]


def test_names_what_is_wrong_by_its_ids(copied: Copied) -> None:
    with copied() as url:
        report = asyncio.run(report_after(url, alter(Posting, amount=col(Posting.amount) + 7)))
        posting = asyncio.run(first_posting(url))
    assert set(report.problems) == {
        f"Account {posting.debit_account_id}: its debits_posted and its postings differ by 7.",
        f"Account {posting.credit_account_id}: its credits_posted and its postings differ by 7.",
        *(
            f"Journal {posting.journal_id}: its postings and its entry differ by {difference} on account {account},"
            " or it has 1 entries there."
            for account, difference in ((posting.debit_account_id, -7), (posting.credit_account_id, 7))
        ),
    }


class PostingRow(NamedTuple):
    id: UUID
    journal_id: UUID
    debit_account_id: UUID
    credit_account_id: UUID


async def first_posting(url: str) -> PostingRow:
    database = await open_database(url)
    query = Query(PostingRow, select(*columns_of(PostingRow, Posting)).order_by(col(Posting.id)).limit(1))
    posting = await database.first(query)
    await database.close()
    assert posting is not None
    return posting


def test_says_that_there_is_more_when_it_has_named_enough(copied: Copied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.verify.MOST_NAMED", 3)
    with copied() as url:
        report = asyncio.run(report_after(url, delete(Posting)))
    assert [problem for problem in report.problems if "no postings" in problem or "has postings" in problem][3:] == [
        "… and more: a journal has postings."
    ]
