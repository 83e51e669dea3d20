"""Rows of the books altered behind the triggers, one column of one row at a time."""

import sqlite3
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import BigInteger, Column, LargeBinary, Table, and_, update
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


class Edit(NamedTuple):
    """One value that was changed."""

    table: type[SQLModel]
    key: dict[str, Any]
    column: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.table.__tablename__}.{self.column} of {self.key}: {self.old!r} became {self.new!r}"


async def unguard(backdoor: Backdoor) -> None:
    """Lets this connection write what triggers and foreign keys refuse to all others."""
    if backdoor.dialect == "postgresql":
        await backdoor.fetch("SET session_replication_role = replica")
        return
    for (name,) in await backdoor.fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        await backdoor.fetch(f"DROP TRIGGER {name}")
    await backdoor.fetch("PRAGMA foreign_keys = OFF")
    await backdoor.fetch("PRAGMA ignore_check_constraints = ON")


def table_of(table: type[SQLModel]) -> Table:
    """The table behind a model."""
    return SQLModel.metadata.tables[str(table.__tablename__)]


async def edit_at_random(backdoor: Backdoor, random: Random) -> Edit:
    """Changes one column of one row: any table, any row, any column, to another value that the column can hold."""
    while True:
        table = random.choice(TABLES)
        # An account's revision only says whether it was changed: it is nothing of the books.
        columns = [column for column in table_of(table).columns if column.name != "revision"]
        rows = await backdoor.fetch(f"SELECT {', '.join(column.name for column in columns)} FROM {table.__tablename__}")
        row = [
            _typed(column, value) for column, value in zip(columns, random.choice(sorted(rows, key=repr)), strict=True)
        ]
        place = random.randrange(len(columns))
        column, old = columns[place], row[place]
        key = {column.name: value for column, value in zip(columns, row, strict=True) if column.primary_key}
        edit = Edit(table, key, column.name, old, _other(column, old, random))
        if edit.new == old:
            continue
        try:
            await _write(backdoor, edit.table, edit.key, {edit.column: edit.new})
        except (asyncpg.IntegrityConstraintViolationError, sqlite3.IntegrityError):
            continue  # a rule that needs no trigger stands guard there
        return edit


async def undo(backdoor: Backdoor, edit: Edit) -> None:
    """Puts the old value back."""
    key = {**edit.key, **({edit.column: edit.new} if edit.column in edit.key else {})}
    await _write(backdoor, edit.table, key, {edit.column: edit.old})


async def _write(backdoor: Backdoor, table: type[SQLModel], key: dict[str, Any], values: dict[str, Any]) -> None:
    columns = SQLModel.metadata.tables[str(table.__tablename__)].c
    await backdoor.run(
        update(table).where(and_(*(columns[name] == value for name, value in key.items()))).values(values)
    )


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
            return random.choice([str(choice) for choice in column.type.choices])
        case LargeBinary():
            at = random.randrange(len(old))
            return old[:at] + bytes([old[at] ^ random.randint(1, 255)]) + old[at + 1 :]
        case BigInteger():
            return random.choice([1, 2, 7]) if old is None else old + random.choice([-1, 1]) * random.randint(1, 1_000)
        case _:
            return "x" if old is None else f"{old}{random.choice('x. ')}"


def _flipped_id(key: UUID, random: Random) -> UUID:
    return UUID(int=key.int ^ (1 << random.randrange(128)))
