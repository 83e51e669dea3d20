"""Rows of the books altered behind the triggers, one at a time: a column changed, a row taken out, a row forged."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, Literal, NamedTuple
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Delete,
    Insert,
    LargeBinary,
    Update,
    and_,
    delete,
    insert,
    update,
)
from sqlmodel import SQLModel

from ledger import InsufficientFundsError
from ledger.kinds import chargeback, refund, top_up, withdrawal
from models.ids import new_id
from models.ledger import Account, Entry, Idempotency, Journal, Posting, Seal
from models.money import Currency, Money
from models.types import EPOCH, MICROSECOND, Choice, Id, Timestamp
from tests.harness.backdoor import Backdoor
from tests.harness.books import USD, Books, order, payment_of, tip_of, top_up_of

TABLES: tuple[type[SQLModel], ...] = (Account, Journal, Posting, Entry, Idempotency, Seal)


async def live(books: Books, times: int = 1) -> None:
    """Lets money move in every way there is, and has some of it refused."""
    for _ in range(times):
        ada, bob, eve = await books.people(3, 10_000)
        tip = await books.submit(tip_of(ada, bob, 999, basis_points=700))
        paid = refund.Paid(ada, bob, 999, 69, USD)
        await books.submit(order(refund.KIND, bob, refund.lines(paid, 0, 500), reverses_id=tip.journal_id))
        await books.submit(payment_of(bob, eve, 5_000, reference="rent"))
        await books.submit(top_up_of(ada, 500, currency=Currency.EUR))
        sent, failed = new_id(), new_id()
        for hold in (sent, failed):
            await books.submit(order(withdrawal.KIND, eve, withdrawal.hold(hold, eve, Money(700, USD))))
        await books.submit(order(withdrawal.SENT, eve, (), resolutions=withdrawal.sent(sent, Money(600, USD))))
        await books.submit(order(withdrawal.FAILED, eve, (), resolutions=withdrawal.failed(failed)))
        await books.submit(order(top_up.KIND, eve, top_up.hold(new_id(), eve, Money(300, USD))))
        await books.submit(order(chargeback.KIND, ada, chargeback.lines(ada, Money(50_000, USD))))
        await books.submit(payment_of(eve, ada, 1_000))
        for _ in range(2):
            with pytest.raises(InsufficientFundsError):
                await books.submit(payment_of(eve, ada, 1_000_000))


class Way(NamedTuple):
    """How a row is altered: one column of it, or all of it."""

    table: type[SQLModel]
    how: Literal["changed", "gone", "forged"]
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.table.__tablename__} {self.how} {self.column or ''}".rstrip()


def _columns(table: type[SQLModel]) -> list[Column[Any]]:
    return list(SQLModel.metadata.tables[str(table.__tablename__)].columns)


WAYS: tuple[Way, ...] = tuple(
    way
    for table in TABLES
    for way in (
        # An account's revision only says whether it was changed: it is nothing of the books.
        *(Way(table, "changed", column.name) for column in _columns(table) if column.name != "revision"),
        Way(table, "gone"),
        Way(table, "forged"),
    )
)
"""Every column of every table changed, and every table with a row too few and with one too many."""


class Edit(NamedTuple):
    """What was done to one row, and what undoes it."""

    said: str
    statement: Update | Delete | Insert
    undoing: Update | Delete | Insert

    def __str__(self) -> str:
        return self.said


async def unguard(backdoor: Backdoor) -> None:
    """Lets this connection write what triggers and foreign keys refuse to all others."""
    if backdoor.dialect == "postgresql":
        await backdoor.fetch("SET session_replication_role = replica")
        return
    for (name,) in await backdoor.fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        await backdoor.fetch(f"DROP TRIGGER {name}")
    await backdoor.fetch("PRAGMA foreign_keys = OFF")
    await backdoor.fetch("PRAGMA ignore_check_constraints = ON")


async def drop_checks(backdoor: Backdoor) -> None:
    """Takes the constraints away that look at one row alone. On SQLite `unguard` has passed them by."""
    if backdoor.dialect == "sqlite":
        return
    for table, constraint in await backdoor.fetch(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace AND contype = 'c'"
    ):
        await backdoor.fetch(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


async def edit_at_random(backdoor: Backdoor, random: Random, ways: Sequence[Way] = WAYS) -> Edit:
    """Alters a row in one of the ways: any row, and any value that the column can hold."""
    while True:
        way = random.choice(ways)
        edit = await _edit(backdoor, way, random)
        try:
            await backdoor.run(edit.statement)
        except (asyncpg.IntegrityConstraintViolationError, sqlite3.IntegrityError):
            continue  # a rule that needs no trigger stands guard there
        return edit


async def undo(backdoor: Backdoor, edit: Edit) -> None:
    """Makes the row what it was."""
    await backdoor.run(edit.undoing)


async def _edit(backdoor: Backdoor, way: Way, random: Random) -> Edit:
    columns = _columns(way.table)
    names = ", ".join(column.name for column in columns)
    rows = await backdoor.fetch(f"SELECT {names} FROM {way.table.__tablename__} ORDER BY {_key_of(way.table)}")
    row = {column.name: _typed(column, value) for column, value in zip(columns, random.choice(rows), strict=True)}
    if way.how == "gone":
        return Edit(f"{way}: {row}", delete(way.table).where(_is(way.table, row)), insert(way.table).values(row))
    if way.how == "forged":
        forged = _forged(way.table, row, random)
        return Edit(
            f"{way}: {forged}", insert(way.table).values(forged), delete(way.table).where(_is(way.table, forged))
        )
    [column] = [column for column in columns if column.name == way.column]
    new = {**row, column.name: _other(column, row[column.name], random)}
    return Edit(
        f"{way} from {row[column.name]!r} to {new[column.name]!r}: {row}",
        update(way.table).where(_is(way.table, row)).values({column.name: new[column.name]}),
        update(way.table).where(_is(way.table, new)).values({column.name: row[column.name]}),
    )


def _key_of(table: type[SQLModel]) -> str:
    return ", ".join(column.name for column in _columns(table) if column.primary_key)


def _is(table: type[SQLModel], row: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in _columns(table) if column.primary_key))


def _forged(table: type[SQLModel], row: Mapping[str, Any], random: Random) -> dict[str, Any]:
    """A row like another, under a key of its own, and perhaps with something else in it, that is as old as what is
    sealed: what is newer might have been posted just now.
    """
    columns = _columns(table)
    keys = [column for column in columns if column.primary_key]
    others = [column for column in columns if not column.primary_key]
    altered = {random.choice(keys).name, *(column.name for column in random.sample(others, random.randint(0, 2)))}
    return {
        column.name: _as_old(column, row[column.name], random) if column.name in altered else row[column.name]
        for column in columns
    }


def _as_old(column: Column[Any], old: Any, random: Random) -> Any:
    if isinstance(column.type, Timestamp):
        return old - timedelta(microseconds=random.randint(1, 10**9))
    if isinstance(column.type, Id) and column.primary_key:
        return UUID(int=old.int ^ (1 << random.randrange(64)))
    return _other(column, old, random)


def _typed(column: Column[Any], value: Any) -> Any:
    """A value as the models have it."""
    if value is None:
        return None
    if isinstance(column.type, Id):
        return UUID(bytes=value) if isinstance(value, bytes) else UUID(bytes=value.bytes)
    if isinstance(column.type, Timestamp):
        return value if isinstance(value, datetime) else EPOCH + value * MICROSECOND
    return value


def _other(column: Column[Any], old: Any, random: Random) -> Any:
    """Another value that the column can hold."""
    if column.nullable and old is not None and random.random() < 0.3:
        return None
    match column.type:
        case Id():
            return (
                UUID(int=random.getrandbits(128)) if old is None or random.random() < 0.5 else _flipped_id(old, random)
            )
        case Timestamp():
            return old + timedelta(microseconds=random.choice([-1, 1]) * random.randint(1, 10**9))
        case Choice():
            return random.choice([str(choice) for choice in column.type.choices if choice != old])
        case LargeBinary():
            at = random.randrange(len(old))
            return old[:at] + bytes([old[at] ^ random.randint(1, 255)]) + old[at + 1 :]
        case BigInteger():
            return random.choice([1, 2, 7]) if old is None else old + random.choice([-1, 1]) * random.randint(1, 1_000)
        case _:
            return "x" if old is None else f"{old}{random.choice('x. ')}"


def _flipped_id(key: UUID, random: Random) -> UUID:
    return UUID(int=key.int ^ (1 << random.randrange(128)))
