"""Each rule that the database holds is needed: with it, a bad row is refused; with it gone, and nothing else, taken."""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Delete, Insert, PrimaryKeyConstraint, Table, UniqueConstraint, Update, delete, update
from sqlmodel import SQLModel

from ledger.statements import SumsRow
from models.database import Command, insert
from models.database.sqlite import connect
from models.database.statements import DialectName
from models.ledger import AccountCode, Phase, Side
from models.money import Currency
from models.types import EPOCH
from tests.conftest import DATABASES
from tests.harness.postgres import Postgres

TABLES = ("accounts", "journals", "postings", "entries", "idempotency", "outbox", "seals", "limit_usage")
APPEND_ONLY = ("journals", "postings", "entries", "idempotency", "seals")
KEY = "primary key"

Values = dict[str, Any]


def key(number: int) -> UUID:
    return UUID(int=number)


ADA, BOB, EURO, JOURNAL, UNUSED, HOLD, SETTLED, NOBODY, NEW = map(key, range(1, 10))
ACCOUNT: Values = {
    "id": NEW,
    "owner_id": NEW,
    "code": AccountCode.WALLET,
    "currency": Currency.USD,
    "stripe": 0,
    "normal_side": Side.CREDIT,
    "floor": 0,
    "created_at": EPOCH,
    **dict.fromkeys(SumsRow._fields[1:], 0),
}
GOOD: dict[str, Values] = {
    "accounts": ACCOUNT,
    "journals": {
        "id": NEW,
        "kind": "TIP",
        "actor_id": ADA,
        "reverses_id": None,
        "reference": None,
        "created_at": EPOCH,
    },
    "postings": {
        "id": NEW,
        "journal_id": JOURNAL,
        "phase": Phase.POST,
        "debit_account_id": ADA,
        "credit_account_id": BOB,
        "amount": 1,
        "currency": Currency.USD,
        "pending_id": None,
    },
    "entries": {
        "account_id": BOB,
        "version": 1,
        "previous_version": None,
        "journal_id": JOURNAL,
        "amount": 1,
        "balance_before": 0,
        "balance_after": 1,
        "created_at": EPOCH,
    },
    "idempotency": {
        "actor_id": NEW,
        "key": "key",
        "request_hash": b"",
        "journal_id": JOURNAL,
        "refusal": None,
        "created_at": EPOCH,
    },
    "outbox": {"id": NEW, "journal_id": JOURNAL, "topic": "t", "payload": "p", "created_at": EPOCH},
    "seals": {
        "number": 2,
        "until": EPOCH,
        "last_journal_id": JOURNAL,
        "journal_count": 1,
        "posting_count": 1,
        "marks": b"",
        "hash": b"",
        "created_at": EPOCH,
    },
    "limit_usage": {"owner_id": NEW, "name": "SPEND", "currency": Currency.USD, "since": EPOCH, "used": 0},
}
"""A row of each table that is taken."""

GROUND: list[tuple[str, Values]] = [
    ("accounts", {"id": ADA, "owner_id": ADA, "credits_posted": 100}),
    ("accounts", {"id": BOB, "owner_id": BOB}),
    ("accounts", {"id": EURO, "owner_id": ADA, "currency": Currency.EUR}),
    ("journals", {"id": JOURNAL}),
    ("journals", {"id": UNUSED}),
    ("postings", {"id": HOLD, "phase": Phase.PEND}),
    ("postings", {"id": SETTLED, "phase": Phase.SETTLE, "pending_id": HOLD}),
    ("entries", {"account_id": ADA, "amount": 100, "balance_after": 100}),
    ("idempotency", {"actor_id": ADA}),
    ("outbox", {"id": ADA}),
    ("seals", {"number": 1}),
    ("limit_usage", {"owner_id": ADA}),
]
"""What is there already."""

AFTER_ADA: Values = {
    "account_id": ADA,
    "version": 2,
    "previous_version": 1,
    "balance_before": 100,
    "balance_after": 101,
}
WRONG_START: Values = {**AFTER_ADA, "balance_before": 99, "balance_after": 100}
ANOTHER_CURRENCY: Values = {"currency": Currency.EUR, "credit_account_id": EURO}
BAD: dict[str, Values] = {
    f"accounts {KEY}": {"id": ADA, "currency": Currency.EUR},
    "accounts accounts_by_owner": {"owner_id": ADA},
    "accounts code_is_known": {"code": "SAVINGS"},
    "accounts currency_is_known": {"currency": "XYZ"},
    "accounts normal_side_is_known": {"normal_side": "LEFT", "floor": None},
    "accounts sums_not_negative": {"debits_posted": -1, "floor": None},
    "accounts available_not_under_floor": {"debits_posted": 1},
    f"journals {KEY}": {"id": UNUSED},
    "journals journal_reverses": {"reverses_id": NOBODY},
    "journals not_its_own_reversal": {"reverses_id": NEW},
    f"postings {KEY}": {"id": HOLD},
    "postings posting_journal": {"journal_id": NOBODY},
    "postings posting_debit_account": ANOTHER_CURRENCY,
    "postings posting_credit_account": {"credit_account_id": EURO},
    "postings posting_pending": {"phase": Phase.SETTLE, "pending_id": NOBODY},
    "postings hold_resolves_once": {"phase": Phase.VOID, "pending_id": HOLD},
    "postings phase_is_known": {"phase": "LATER"},
    "postings amount_positive": {"amount": 0},
    "postings two_accounts": {"credit_account_id": ADA},
    "postings resolving_names_its_hold": {"phase": Phase.SETTLE},
    f"entries {KEY}": {"account_id": ADA},
    "entries entry_account": {"account_id": NOBODY},
    "entries entry_journal": {"journal_id": NOBODY},
    "entries entry_chain": WRONG_START,
    "entries versions_without_gaps": {"balance_before": 5, "balance_after": 6},
    "entries balance_adds_up": {"balance_after": 2},
    f"idempotency {KEY}": {"actor_id": ADA},
    "idempotency posted_or_refused": {"journal_id": None},
    f"outbox {KEY}": {"id": ADA},
    "outbox outbox_journal": {"journal_id": NOBODY},
    f"seals {KEY}": {"number": 1},
    "seals a_block_holds_something": {"journal_count": 0},
    f"limit_usage {KEY}": {"owner_id": ADA},
    "limit_usage currency_is_known": {"currency": "XYZ"},
    "limit_usage used_not_negative": {"used": -1},
}
# Nothing can break these while the primary key holds. They are what foreign keys stand on, and fall with them.
BORNE: dict[str, tuple[str, Values]] = {
    "accounts account_currency": ("postings", ANOTHER_CURRENCY),
    "entries entry_balance": ("entries", WRONG_START),
}


BY_TRIGGER = {
    str(constraint.name)
    for table in SQLModel.metadata.tables.values()
    for constraint in table.constraints
    if constraint.info.get("only_on") == "sqlite"
}
"""What PostgreSQL holds by a trigger, for all rows of a statement at once."""


def table_of(name: str) -> Table:
    return SQLModel.metadata.tables[name]


def not_null(name: str) -> list[str]:
    """The columns that must hold something, besides those of the primary key, which does not let them be empty."""
    return [column.name for column in table_of(name).columns if not column.nullable and not column.primary_key]


EMPTY = {f"{table} {column} not null": {column: None} for table in TABLES for column in not_null(table)}


class Case(NamedTuple):
    """A statement that one rule refuses."""

    statement: Insert | Update | Delete
    table: str
    rule: str


def row(table: str, values: Values) -> Insert:
    return insert(table_of(table)).values({**GOOD[table], **values})


def case_of(name: str) -> Case:
    table, _, rule = name.partition(" ")
    target, values = BORNE.get(name) or (table, {**BAD, **EMPTY}[name])
    return Case(row(target, values), table, rule)


def test_every_rule_has_its_case() -> None:
    found = set()
    for name in TABLES:
        for constraint in table_of(name).constraints:
            rule = KEY if isinstance(constraint, PrimaryKeyConstraint) else str(constraint.name)
            found.add(f"{name} {rule}")
    assert found == BAD.keys() | BORNE.keys()


# Where the rules are tried


class Ground(NamedTuple):
    """A database with GROUND in it: says whether it takes a statement, with a rule or without."""

    takes: Callable[[Case, bool], bool]
    rules: Callable[[], set[str]]


@pytest.fixture(scope="module", params=DATABASES)
def ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "sqlite":
        yield Ground(*_sqlite(request.getfixturevalue("sqlite_template")))
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.database(request.getfixturevalue("postgres_template")) as url:
        yield Ground(*_postgresql(url))


def _sql(statement: Insert | Update | Delete, dialect: DialectName) -> tuple[str, list[Any]]:
    compiled = Command(statement).compiled(dialect)
    return compiled.sql, compiled.bind({})


def _referenced(case: Case) -> str | None:
    """The columns that a foreign key may stand on."""
    for constraint in table_of(case.table).constraints:
        rule = KEY if isinstance(constraint, PrimaryKeyConstraint) else constraint.name
        if rule == case.rule and isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint):
            return f"REFERENCES {case.table} ({', '.join(column.name for column in constraint.columns)})"
    return None


def _sqlite(template: Path) -> tuple[Callable[[Case, bool], bool], Callable[[], set[str]]]:
    original = connect(str(template))
    schema = original.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type <> 'table', type <> 'index'"
    ).fetchall()
    original.close()

    def without(name: str, sql: str, case: Case) -> str:
        opening, _, rest = sql.partition("\n")
        body, _, options = rest.rpartition("\n)")
        kept = []
        gone = _referenced(case)
        for line in (line.strip().rstrip(",") for line in re.split(r"\n|, (?=\w+ INTEGER)", body)):
            dropped = f"CONSTRAINT {case.rule} " if case.rule != KEY else "PRIMARY KEY"
            if (name == case.table and line.startswith(dropped)) or (gone and gone in line):
                continue
            is_column = name == case.table and line.startswith(f"{case.rule.partition(' ')[0]} ")
            kept.append(line.replace(" NOT NULL", "") if is_column and case.rule.endswith(" not null") else line)
        return "\n".join([opening, ",\n".join(kept), f"){options}"])

    def takes(case: Case, dropped: bool) -> bool:
        connection = connect(":memory:")
        try:
            for kind, name, sql in schema:
                if dropped and name == case.rule:
                    continue
                connection.execute(without(name, sql, case) if dropped and kind == "table" else sql)
            for table, values in GROUND:
                connection.execute(*_sql(row(table, values), "sqlite"))
            try:
                connection.execute(*_sql(case.statement, "sqlite"))
            except sqlite3.IntegrityError:
                return False
            return True
        finally:
            connection.close()

    return takes, lambda: {name for kind, name, _ in schema if kind == "trigger"}


def _postgresql(url: str) -> tuple[Callable[[Case, bool], bool], Callable[[], set[str]]]:
    def drop(case: Case) -> str:
        if case.rule.endswith("_append_only") or case.rule in BY_TRIGGER:
            return f"DROP TRIGGER {case.rule} ON {case.table}"
        if case.rule.endswith(" not null"):
            return f"ALTER TABLE {case.table} ALTER COLUMN {case.rule.partition(' ')[0]} DROP NOT NULL"
        name = f"{case.table}_pkey" if case.rule == KEY else case.rule
        return f"ALTER TABLE {case.table} DROP CONSTRAINT {name} CASCADE"

    async def work(case: Case, dropped: bool) -> bool:
        connection = await asyncpg.connect(url)
        trying = connection.transaction()
        await trying.start()
        try:
            for table, values in GROUND:
                sql, parameters = _sql(row(table, values), "postgresql")
                await connection.execute(sql, *parameters)
            if dropped:
                await connection.execute(drop(case))
            sql, parameters = _sql(case.statement, "postgresql")
            try:
                await connection.execute(sql, *parameters)
            except asyncpg.IntegrityConstraintViolationError:
                return False
            return True
        finally:
            await trying.rollback()
            await connection.close()

    async def triggers() -> set[str]:
        connection = await asyncpg.connect(url)
        rows = await connection.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        await connection.close()
        return {row["tgname"] for row in rows}

    return (
        lambda case, dropped: asyncio.run(work(case, dropped)),
        lambda: asyncio.run(triggers()),
    )


@pytest.mark.parametrize("table", TABLES)
def test_a_good_row_is_taken(ground: Ground, table: str) -> None:
    assert ground.takes(Case(row(table, {}), table, "none"), False)


@pytest.mark.parametrize("name", [*BAD, *BORNE, *EMPTY])
def test_a_bad_row_is_refused_by_one_rule_alone(ground: Ground, name: str) -> None:
    case = case_of(name)
    assert not ground.takes(case, False)
    if name in BORNE and "accounts_stay" in ground.rules():
        return  # PostgreSQL holds it by a trigger, which needs no key to stand on
    assert ground.takes(case, True)


# History

CHANGES: dict[str, tuple[Values, Values]] = {
    "journals": ({"id": UNUSED}, {"kind": "OTHER"}),
    "postings": ({"id": SETTLED}, {"amount": 7}),
    "entries": ({"account_id": ADA}, {"created_at": EPOCH}),
    "idempotency": ({"actor_id": ADA}, {"request_hash": b"other"}),
    "seals": ({"number": 1}, {"hash": b"other"}),
}
"""A row of each table that nothing else stands on, and something to change in it."""


@pytest.mark.parametrize("change", ["update", "delete"])
@pytest.mark.parametrize("table", APPEND_ONLY)
def test_history_is_kept_by_a_trigger_alone(ground: Ground, table: str, change: str) -> None:
    which, values = CHANGES[table]
    found = [table_of(table).c[name] == value for name, value in which.items()]
    statement = update(table_of(table)).values(values) if change == "update" else delete(table_of(table))
    [name] = ground.rules() & {f"{table}_append_only", f"{table}_refuses_{change}"}
    case = Case(statement.where(*found), table, name)
    assert not ground.takes(case, False)
    assert ground.takes(case, True)


def test_there_is_no_other_trigger(ground: Ground) -> None:
    kept = (*APPEND_ONLY, "security_events")  # which are no part of the books
    sqlite = {f"{table}_refuses_{change}" for table in kept for change in ("update", "delete")}
    rules = BY_TRIGGER - {name.partition(" ")[2] for name in BORNE}
    postgresql = (
        {f"{table}_append_only" for table in kept} | rules | {"accounts_stay", "security_events_refuses_update"}
    )
    assert ground.rules() in (sqlite, postgresql)
