"""Every rule that a database can hold is held by the database: a bad row is refused, whoever writes it."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Delete, Insert, Update, delete, select, update
from sqlmodel import SQLModel, col

from ledger.statements import SumsRow
from models.database import Command, ConstraintError, Database, DatabaseError, Query, UniqueError, columns_of, insert
from models.ids import new_id
from models.ledger import Account, AccountCode, Entry, Idempotency, Journal, Phase, Posting, Side
from models.limits import LimitUsage
from models.money import MAX_MINOR_UNITS, Currency
from models.types import EPOCH
from models.users import User
from tests.harness.backdoor import Backdoor
from tests.harness.books import LEDGER, Books, contents, payment_of

Values = dict[str, Any]


class AccountRow(NamedTuple):
    id: UUID
    owner_id: UUID
    code: AccountCode


accounts = Query(AccountRow, select(*columns_of(AccountRow, Account)))


class Ground(NamedTuple):
    """Small books on which bad rows are tried: a few transfers between two people, a hold, and a purse of euros."""

    database: Database
    owner: UUID
    """Whose wallet `ada` is; she has used the key "taken"."""
    ada: UUID
    bob: UUID
    euros: UUID
    journal: UUID
    hold: UUID


@pytest.fixture
async def ground(books: Books) -> Ground:
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 100, "taken"))
    receipt = await books.submit(payment_of(bob, ada, 50))
    owners = {row.owner_id: row.id for row in await books.database.fetch(accounts) if row.code is AccountCode.WALLET}
    ground = Ground(books.database, ada, owners[ada], owners[bob], new_id(), receipt.journal_id, new_id())
    euros = account(ground, id=ground.euros, currency=Currency.EUR)
    await write(ground.database, insert(Account).values(euros))
    await write(ground.database, insert(Posting).values(posting(ground, id=ground.hold, phase=Phase.PEND)))
    return ground


async def write(database: Database, statement: Insert | Update | Delete) -> None:
    async with database.transaction() as transaction:
        await transaction.run(Command(statement))


def account(_: Ground, **values: Any) -> Values:
    plain = {"id": new_id(), "owner_id": new_id(), "code": AccountCode.WALLET, "currency": Currency.USD, "stripe": 0}
    sums = dict.fromkeys(SumsRow._fields[1:], 0)
    return {**plain, **sums, "normal_side": Side.CREDIT, "floor": 0, "created_at": EPOCH, **values}


def posting(ground: Ground, **values: Any) -> Values:
    plain = {"id": new_id(), "journal_id": ground.journal, "phase": Phase.POST, "amount": 1, "currency": Currency.USD}
    sides = {"debit_account_id": ground.ada, "credit_account_id": ground.bob}
    return {**plain, **sides, "pending_id": None, **values}


def entry(ground: Ground, **values: Any) -> Values:
    """The one that can follow on Ada's statement."""
    plain = {"account_id": ground.ada, "version": 4, "previous_version": 3, "journal_id": ground.journal}
    balance = {"amount": 1, "balance_before": 950, "balance_after": 951}
    return {**plain, **balance, "created_at": EPOCH, **values}


def request(ground: Ground, **values: Any) -> Values:
    plain = {"actor_id": new_id(), "key": "key", "request_hash": b"", "journal_id": ground.journal}
    return {**plain, "refusal": None, "created_at": EPOCH, **values}


def usage(_: Ground, **values: Any) -> Values:
    return {"owner_id": new_id(), "name": "SPEND", "currency": Currency.USD, "since": EPOCH, "used": 0, **values}


ROWS: dict[type[SQLModel], Callable[..., Values]] = {
    Account: account,
    Posting: posting,
    Entry: entry,
    Idempotency: request,
    LimitUsage: usage,
}


class Bad(NamedTuple):
    """A row with a fault, and the constraint that must refuse it. Some words stand for ids of the ground."""

    table: type[SQLModel]
    constraint: str
    values: Values


BAD = {
    "an unknown code": Bad(Account, "code_is_known", {"code": "SAVINGS"}),
    "an unknown currency": Bad(Account, "currency_is_known", {"currency": "XYZ"}),
    "an unknown side": Bad(Account, "normal_side_is_known", {"normal_side": "LEFT", "floor": None}),
    **{
        f"negative {name}": Bad(Account, "sums_not_negative", {name: -1, "floor": None})
        for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending")
    },
    "a debt": Bad(Account, "available_not_under_floor", {"debits_posted": 1}),
    "held money that is not there": Bad(Account, "available_not_under_floor", {"debits_pending": 1}),
    "held money that is only on its way": Bad(
        Account, "available_not_under_floor", {"debits_pending": 1, "credits_pending": 5}
    ),
    "a debt on the other side": Bad(
        Account, "available_not_under_floor", {"normal_side": Side.DEBIT, "credits_pending": 1}
    ),
    "the same account again": Bad(Account, "accounts.id", {"id": "ada"}),
    "an owner's account again": Bad(Account, "accounts_by_owner", {"owner_id": "owner"}),
    "no amount": Bad(Posting, "amount_positive", {"amount": 0}),
    "a negative amount": Bad(Posting, "amount_positive", {"amount": -1}),
    "one account on both sides": Bad(Posting, "two_accounts", {"credit_account_id": "ada"}),
    "an unknown phase": Bad(Posting, "phase_is_known", {"phase": "LATER"}),
    "no journal": Bad(Posting, "posting_journal", {"journal_id": "nobody"}),
    "no debited account": Bad(Posting, "posting_debit_account", {"debit_account_id": "nobody"}),
    "no credited account": Bad(Posting, "posting_credit_account", {"credit_account_id": "nobody"}),
    "another currency than the debited account's": Bad(
        Posting, "posting_debit_account", {"currency": Currency.EUR, "credit_account_id": "euros"}
    ),
    "another currency than the credited account's": Bad(
        Posting, "posting_credit_account", {"credit_account_id": "euros"}
    ),
    "a settled hold that is not there": Bad(
        Posting, "posting_pending", {"phase": Phase.SETTLE, "pending_id": "nobody"}
    ),
    "settling nothing": Bad(Posting, "resolving_names_its_hold", {"phase": Phase.SETTLE}),
    "voiding nothing": Bad(Posting, "resolving_names_its_hold", {"phase": Phase.VOID}),
    "a posting that names a hold": Bad(Posting, "resolving_names_its_hold", {"pending_id": "hold"}),
    "a hold that names a hold": Bad(Posting, "resolving_names_its_hold", {"phase": Phase.PEND, "pending_id": "hold"}),
    "an entry again": Bad(
        Entry, "entries.account_id", {"version": 3, "previous_version": 2, "balance_before": 900, "balance_after": 901}
    ),
    "an entry after a gap": Bad(Entry, "entry_chain", {"version": 5, "previous_version": 4}),
    "an entry that forgets what came before": Bad(Entry, "versions_without_gaps", {"previous_version": None}),
    "an entry that skips one": Bad(
        Entry, "versions_without_gaps", {"previous_version": 2, "balance_before": 900, "balance_after": 901}
    ),
    "an entry that begins elsewhere": Bad(Entry, "entry_chain", {"balance_before": 951, "balance_after": 952}),
    "an entry that does not add up": Bad(Entry, "balance_adds_up", {"balance_after": 952}),
    "an entry of nothing": Bad(Entry, "balance_adds_up", {"amount": 0, "balance_after": 950}),
    "a first entry that begins with money": Bad(
        Entry, "versions_without_gaps", {"account_id": "euros", "version": 1, "previous_version": None}
    ),
    "a first entry with one before it": Bad(
        Entry,
        "versions_without_gaps",
        {"account_id": "euros", "version": 1, "previous_version": 0, "balance_before": 0, "balance_after": 1},
    ),
    "an entry before the first": Bad(
        Entry, "versions_without_gaps", {"version": 0, "previous_version": -1, "balance_before": 0, "balance_after": 1}
    ),
    "an entry of no account": Bad(
        Entry,
        "entry_account",
        {"account_id": "nobody", "version": 1, "previous_version": None, "balance_before": 0, "balance_after": 1},
    ),
    "an entry of no journal": Bad(Entry, "entry_journal", {"journal_id": "nobody"}),
    "a request posted and refused": Bad(Idempotency, "posted_or_refused", {"refusal": "{}"}),
    "a request neither posted nor refused": Bad(Idempotency, "posted_or_refused", {"journal_id": None}),
    "a key again": Bad(Idempotency, "idempotency.actor_id", {"actor_id": "owner", "key": "taken"}),
    "use of less than nothing": Bad(LimitUsage, "used_not_negative", {"used": -1}),
    "use in an unknown currency": Bad(LimitUsage, "currency_is_known", {"currency": "XYZ"}),
}

# SQLite does not say which foreign key or, for a table with several, which unique one was broken.
SAID_BY_SQLITE = {"accounts_by_owner": "accounts.owner_id, accounts.code"}
SAID_BY_POSTGRESQL = {
    "accounts.id": "accounts_pkey",
    "entries.account_id": "entries_pkey",
    "idempotency.actor_id": "idempotency_pkey",
}
FOREIGN = {
    str(key.name)
    for table in ROWS
    for key in SQLModel.metadata.tables[str(table.__tablename__)].foreign_key_constraints
}


@pytest.mark.parametrize("bad", BAD)
async def test_refuses_a_bad_row(ground: Ground, backdoor: Backdoor, bad: str) -> None:
    table, constraint, faults = BAD[bad]
    stands_for = {
        "owner": ground.owner,
        "ada": ground.ada,
        "euros": ground.euros,
        "hold": ground.hold,
        "nobody": new_id(),
    }
    values = {name: stands_for.get(value, value) for name, value in faults.items()}
    before = await contents(backdoor)

    with pytest.raises(ConstraintError) as refusal:
        await write(ground.database, insert(table).values(ROWS[table](ground, **values)))

    if ground.database.dialect == "postgresql":
        said = SAID_BY_POSTGRESQL.get(constraint, constraint)
    else:
        said = "FOREIGN KEY" if constraint in FOREIGN else SAID_BY_SQLITE.get(constraint, constraint)
    assert said in str(refusal.value)
    assert await contents(backdoor) == before


@pytest.mark.parametrize("table", ROWS)
async def test_takes_the_same_row_without_its_fault(ground: Ground, table: type[SQLModel]) -> None:
    await write(ground.database, insert(table).values(ROWS[table](ground)))


async def test_a_hold_is_resolved_once(ground: Ground) -> None:
    settled = posting(ground, phase=Phase.SETTLE, pending_id=ground.hold)
    await write(ground.database, insert(Posting).values(settled))
    for phase in (Phase.SETTLE, Phase.VOID):
        again = posting(ground, phase=phase, pending_id=ground.hold)
        with pytest.raises(UniqueError, match=r"hold_resolves_once|postings.pending_id"):
            await write(ground.database, insert(Posting).values(again))


async def test_a_balance_cannot_be_lowered_under_its_floor(ground: Ground) -> None:
    ada = update(Account).where(col(Account.id) == ground.ada)
    with pytest.raises(ConstraintError, match="available_not_under_floor"):
        await write(ground.database, ada.values(debits_posted=col(Account.debits_posted) + 951))
    await write(ground.database, ada.values(debits_posted=col(Account.debits_posted) + 950))


async def test_a_sum_does_not_wrap_around(ground: Ground) -> None:
    ada = update(Account).where(col(Account.id) == ground.ada)
    await write(ground.database, ada.values(credits_posted=MAX_MINOR_UNITS))
    with pytest.raises(DatabaseError):
        await write(ground.database, ada.values(credits_posted=col(Account.credits_posted) + 1))


def test_every_constraint_has_a_bad_row() -> None:
    tables = [SQLModel.metadata.tables[str(table.__tablename__)] for table in ROWS]
    named = {str(constraint.name) for table in tables for constraint in table.constraints if constraint.name}
    tried = {bad.constraint for bad in BAD.values()} | {"hold_resolves_once"}
    # These hold whenever the primary key does. They are there for foreign keys to point at.
    implied = {"account_currency", "entry_balance"}
    assert named - implied <= tried


# History is never rewritten


HISTORY: dict[str, tuple[type[SQLModel], Values]] = {
    "journals": (Journal, {"kind": "OTHER"}),
    "postings": (Posting, {"amount": 7}),
    "entries": (Entry, {"amount": 7}),
    "idempotency": (Idempotency, {"request_hash": b"other"}),
}


@pytest.mark.parametrize("name", HISTORY)
async def test_history_is_not_updated_or_deleted(ground: Ground, backdoor: Backdoor, name: str) -> None:
    table, values = HISTORY[name]
    before = await contents(backdoor)
    for change in (update(table).values(values), delete(table)):
        with pytest.raises(ConstraintError, match=f"{name} is append-only"):
            await write(ground.database, change)
    assert await contents(backdoor) == before


@pytest.mark.parametrize("name", HISTORY)
async def test_history_is_not_overwritten_by_inserts(ground: Ground, backdoor: Backdoor, name: str) -> None:
    before = await contents(backdoor)
    table = SQLModel.metadata.tables[name]
    key = ", ".join(column.name for column in table.primary_key)
    columns = ", ".join(column.name for column in table.columns)
    a_column = next(column.name for column in table.columns if not column.primary_key)
    # SQLite takes ON CONFLICT behind a SELECT only if that has a WHERE.
    overwriting = (
        f"SELECT {columns} FROM {name} WHERE true ON CONFLICT ({key}) DO UPDATE SET {a_column} = {name}.{a_column}"
    )
    attempts = [f"INSERT INTO {name} ({columns}) {overwriting}"]
    if backdoor.dialect == "sqlite":
        attempts += [f"{words} INTO {name} SELECT * FROM {name}" for words in ("INSERT OR REPLACE", "REPLACE")]
        attempts += [f"UPDATE OR REPLACE {name} SET {a_column} = {a_column}"]
    else:
        attempts += [f"TRUNCATE {name} CASCADE", f"TRUNCATE {', '.join(LEDGER)}"]
    for attempt in attempts:
        with pytest.raises(Exception, match="is append-only"):
            await backdoor.fetch(attempt)
    assert await contents(backdoor) == before


async def test_an_account_with_a_past_cannot_be_deleted(ground: Ground, backdoor: Backdoor) -> None:
    before = await contents(backdoor)
    with pytest.raises(ConstraintError):
        await write(ground.database, delete(Account).where(col(Account.id) == ground.ada))
    assert await contents(backdoor) == before


async def test_a_user_who_is_deleted_leaves_the_books_as_they_are(ground: Ground, backdoor: Backdoor) -> None:
    person = {"id": ground.owner, "handle": "ada", "display_name": "Ada", "bio": None, "avatar_url": None}
    await write(ground.database, insert(User).values(**person, created_at=EPOCH))
    before = await contents(backdoor)
    await write(ground.database, delete(User))
    assert await contents(backdoor) == before
