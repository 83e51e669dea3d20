"""Seals: the books in blocks, each closed by a hash over all that belongs to it and over the block before.

Whoever alters a sealed row has to alter all seals from there on, and then the newest hash is not the one that was kept
elsewhere. Sealing reads what is safely in the past, so nothing that moves money waits for it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, bindparam, func, select
from sqlmodel import col

from ledger.blocks import MILLISECOND, Item, encoded, first_id, items, moment_of
from models.database import Command, Database, Query, UniqueError, columns_of, insert
from models.ledger import Journal, Seal
from models.types import Id

FORM = "hatful seal 1"
LAG = timedelta(minutes=5)
"""How long an order may take from getting its id to being committed, the difference of the clocks included."""
MOST_JOURNALS = 10_000
"""Where a block is cut, so that what is wrong is narrowed down and no block takes long to make."""
MARK = 4
MOST_NAMED = 20

_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_NO_HASH = bytes(32)
_LEAST = -(1 << 63)


class InvalidHeadError(ValueError):
    """A text that is no head."""


class Head(NamedTuple):
    """A block's number and hash. Kept elsewhere, they prove all that was sealed until then."""

    number: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """The head that is written as NUMBER:HASH. Raises InvalidHeadError."""
        number, _, digest = text.partition(":")
        try:
            head = cls(int(number), bytes.fromhex(digest))
        except ValueError:
            raise InvalidHeadError(text) from None
        if not 0 < head.number < 1 << 63 or len(head.hash) != len(_NO_HASH):
            raise InvalidHeadError(text)
        return head


class SealRow(NamedTuple):
    """A block's seal."""

    number: int
    until: datetime
    last_journal_id: UUID
    journal_count: int
    posting_count: int
    marks: bytes
    hash: bytes
    created_at: datetime

    @property
    def head(self) -> Head:
        """What to keep of it elsewhere."""
        return Head(self.number, self.hash)


class _IdRow(NamedTuple):
    id: UUID


class _CountRow(NamedTuple):
    blocks: int


_within = (col(Journal.id) >= bindparam("first", type_=Id()), col(Journal.id) < bindparam("bound", type_=Id()))
_nth_journal = Query(
    _IdRow,
    select(col(Journal.id))
    .where(*_within)
    .order_by(col(Journal.id))
    .limit(1)
    .offset(bindparam("nth", type_=Integer())),
)
_SEALS = select(*columns_of(SealRow, Seal))
_next_seal = Query(SealRow, _SEALS.where(col(Seal.number) > bindparam("number")).order_by(col(Seal.number)).limit(1))
_last_seal = Query(SealRow, _SEALS.order_by(col(Seal.number).desc()).limit(1))
_seal = Query(SealRow, _SEALS.where(col(Seal.number) == bindparam("number")))
_count = Query(_CountRow, select(func.count().label("blocks")).select_from(Seal))
_insert = Command(insert(Seal).values({name: bindparam(name) for name in SealRow._fields}))


# Sealing


async def last_seal(database: Database) -> SealRow | None:
    """The newest block's seal; None if nothing was sealed yet."""
    return await database.first(_last_seal)


async def seal(database: Database, lag: timedelta = LAG) -> int:
    """Seals all that is older than `lag`, and returns how many blocks that made.

    Any number of processes may seal at once: a block's number is taken by one of them, and the others go on behind it.
    """
    made = 0
    now = datetime.now(UTC) - lag
    bound = now.replace(microsecond=now.microsecond // 1000 * 1000) + MILLISECOND
    while True:
        previous = await last_seal(database)
        until = await _cut(database, _end(previous), bound)
        if until is None:
            return made
        block = await _block(database, previous, until)
        try:
            async with database.transaction() as transaction:
                await transaction.run(_insert, **block.seal._asdict())
        except UniqueError:
            continue
        made += 1


async def _cut(database: Database, since: datetime, bound: datetime) -> datetime | None:
    """Where the next block ends; None if no journal is due."""
    within = {"first": first_id(since), "bound": first_id(bound)}
    if since >= bound or await database.first(_nth_journal, **within, nth=0) is None:
        return None
    last = await database.first(_nth_journal, **within, nth=MOST_JOURNALS - 1)
    return bound if last is None else min(bound, moment_of(last.id) + MILLISECOND)


def _end(previous: SealRow | None) -> datetime:
    return _BEGINNING if previous is None else previous.until


class _Block(NamedTuple):
    """A block as it is in the tables now, and the seal that fits it."""

    seal: SealRow
    items: list[Item]


async def _block(
    database: Database, previous: SealRow | None, until: datetime, sealed: SealRow | None = None
) -> _Block:
    """What lies between the block before and `until`; with `sealed`, to be compared with that seal."""
    held = [item async for item in items(database, _end(previous), until)]
    return await asyncio.to_thread(_closed, held, previous, until, sealed)


def _closed(held: list[Item], previous: SealRow | None, until: datetime, sealed: SealRow | None) -> _Block:
    journals = [item.journal_id for item in held if item.journal_id is not None]
    seal = SealRow(
        number=sealed.number if sealed else previous.number + 1 if previous else 1,
        until=until,
        last_journal_id=journals[-1] if journals else UUID(int=0),
        journal_count=len(journals),
        posting_count=sum(item.posting_count for item in held),
        marks=b"".join(_mark(item) for item in held),
        hash=_NO_HASH if previous is None else previous.hash,
        created_at=sealed.created_at if sealed else datetime.now(UTC),
    )
    digest = hashlib.sha256(encoded((FORM, *seal)))
    for item in held:
        digest.update(item.hash)
    return _Block(seal._replace(hash=digest.digest()), held)


def _mark(item: Item) -> bytes:
    return item.hash[:MARK]


# Checking


async def count(database: Database) -> int:
    """How many blocks there are."""
    row = await database.first(_count)
    assert row is not None, "counting gives one row"
    return row.blocks


async def check(database: Database) -> AsyncIterator[list[str]]:
    """Makes each seal again, from the first one on, and yields for each block what is wrong with it."""
    previous: SealRow | None = None
    while stored := await database.first(_next_seal, number=previous.number if previous else _LEAST):
        expected = previous.number + 1 if previous else 1
        missing = [f"Block {expected}: its seal is missing."] if stored.number != expected else []
        try:
            block = await _block(database, previous, stored.until, stored)
        except (ValueError, OverflowError) as error:  # nothing that Hatful has written
            yield [*missing, f"Block {stored.number}: it cannot be read: {error}."]
        else:
            yield [*missing, *_differences(stored, block)]
        previous = stored


def _differences(stored: SealRow, block: _Block) -> list[str]:
    number, marks = stored.number, stored.marks
    if marks == block.seal.marks:
        return [] if stored == block.seal else [f"Block {number}: its seal, or that of the block before, was altered."]
    sealed = {marks[at : at + MARK] for at in range(0, len(marks), MARK)}
    others = [item.name for item in block.items if _mark(item) not in sealed]
    found = [f"Block {number}: {name} is not what was sealed, or was not there." for name in others[:MOST_NAMED]]
    if len(others) > MOST_NAMED:
        found.append(f"Block {number}: … and {len(others) - MOST_NAMED} more.")
    gone = len(marks) // MARK - len(block.items)
    if gone > 0:
        found.append(f"Block {number}: of what was sealed, {gone} journals, accounts or requests are not there.")
    return found or [f"Block {number}: its seal was altered."]


async def compare(database: Database, kept: Head) -> list[str]:
    """What is wrong with the block whose head was kept elsewhere."""
    found = await database.first(_seal, number=kept.number)
    if found is None:
        return [f"Block {kept.number}: its hash was kept, and its seal is not there."]
    return [] if found.hash == kept.hash else [f"Block {kept.number}: its hash is not the one that was kept."]
