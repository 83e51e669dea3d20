"""The town in which both sides tip: its people, their posts, and the books that both sides begin with.

Its ids are plain numbers, so that pgbench can make them too.
"""

import asyncio
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID  # what the driver gives the resolvers
from sqlalchemy import BigInteger, bindparam, cast, func, select
from sqlmodel import SQLModel

from ledger import Ceiling, Draw, Ledger, Order, Write
from ledger.kinds import tip, top_up
from models.database import Command, Database, Query, add_to_rows, insert, insert_rows
from models.ids import new_id
from models.ledger import Account, AccountCode, Entry, Idempotency, Journal, Outbox, Posting, Side
from models.limits import LimitUsage
from models.money import Currency, Money
from models.security import SecurityEvent, SecurityEventKind
from models.transfers import PostTips, Transfer, TransferKind, TransferStatus, Visibility

PEOPLE = 10_000
WALLETS = 1 << 40
POSTS = 1 << 41
LARGEST_TIP = 500
ZIPF = 1.1
"""How steep fame is: the first of the town gets about every sixth tip."""
PRIVATE_MEANS = Money(10**12, Currency.USD)
LIMIT = "SPEND"
ADDRESS = "192.0.2.1"
SEED = 20
GROUP = 500
_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
_CEILINGS = tuple(Ceiling(name, PRIVATE_MEANS.minor_units, _TODAY) for name in ("SPEND_PER_DAY", "SPEND_PER_MONTH"))


class Shape(StrEnum):
    """Who is tipped."""

    SPREAD = "spread"
    ZIPF = "zipf"
    ONE = "one creator"


class Asked(NamedTuple):
    """A tip: who gives whom how much."""

    payer: int
    creator: int
    amount: int


class TransferRow(NamedTuple):
    """The row of a tip among the transfers, as the resolvers write it."""

    id: UUID
    kind: TransferKind
    sender_id: UUID
    recipient_id: UUID
    post_id: UUID
    amount: int
    fee: int
    refunded: int
    refund_of_id: None
    currency: Currency
    status: TransferStatus
    visibility: Visibility
    note: None
    rail: None
    environment: None
    network_code: None
    created_at: datetime


class EventRow(NamedTuple):
    """The row of a tip among the security events, as the resolvers write it."""

    user_id: UUID
    id: UUID
    kind: SecurityEventKind
    token_id: UUID
    address: str
    subject_id: UUID
    created_at: datetime


class _Count(NamedTuple):
    number: int


def _rows(table: type[SQLModel]) -> Query[_Count]:
    return Query(_Count, select(func.count().label("number")).select_from(table))


def _sum(column: Any) -> Query[_Count]:
    return Query(_Count, select(cast(func.coalesce(func.sum(column), 0), BigInteger).label("number")))


_COUNTS = {
    "journals": _rows(Journal),
    "postings": _rows(Posting),
    "entries": _rows(Entry),
    "accounts updated": _sum(Account.version),
    "idempotency": _rows(Idempotency),
    "outbox": _rows(Outbox),
    "transfers": _rows(Transfer),
    "security_events": _rows(SecurityEvent),
    "post_tips updated": _sum(PostTips.tip_count),
    "limit_usage less transfers": Query(
        _Count,
        select(
            cast(
                select(func.coalesce(func.sum(LimitUsage.used), 0)).scalar_subquery()
                - select(func.coalesce(func.sum(Transfer.amount), 0)).scalar_subquery(),
                BigInteger,
            ).label("number")
        ),
    ),
}

_open = Command(
    insert(Account).values(
        {
            "id": bindparam("id"),
            "owner_id": bindparam("owner_id"),
            "code": AccountCode.WALLET,
            "currency": Currency.USD,
            "stripe": 0,
            "normal_side": Side.CREDIT,
            "floor": 0,
            "debits_posted": 0,
            "credits_posted": 0,
            "debits_pending": 0,
            "credits_pending": 0,
            "version": 0,
            "revision": 0,
            "created_at": bindparam("created_at"),
        }
    )
)
_insert_transfer = insert_rows(Transfer, TransferRow)
_insert_event = insert_rows(SecurityEvent, EventRow)
_add_to_total = add_to_rows(PostTips, key=("post_id", "currency"), add=("tip_count", "total"))


def tips(shape: Shape, seed: int = SEED) -> Iterator[Asked]:
    """Tips without end, the same for the same seed."""
    chance = random.Random(seed)
    everybody = range(1, PEOPLE + 1)
    # The n-th of the town is as famous as this says; where all are alike, the power is 0.
    fame = {Shape.SPREAD: [1.0] * PEOPLE, Shape.ZIPF: [n**-ZIPF for n in everybody], Shape.ONE: [1.0]}[shape]
    weights = list(accumulate(fame)) + [sum(fame)] * (PEOPLE - len(fame))
    while True:
        payers = chance.choices(everybody, k=PEOPLE)
        creators = chance.choices(everybody, cum_weights=weights, k=PEOPLE)
        for payer, creator in zip(payers, creators, strict=True):
            other = payer if payer != creator else 1 + payer % PEOPLE
            yield Asked(other, creator, chance.randint(1, LARGEST_TIP))


@cache
def _id(number: int) -> UUID:
    return FastUUID(number.to_bytes(16))


def order(asked: Asked) -> Order:
    """What the resolvers submit for a tip."""
    payer, creator, post = _id(asked.payer), _id(asked.creator), _id(POSTS + asked.creator)
    amount, fee = Money(asked.amount, Currency.USD), Money(0, Currency.USD)
    now = datetime.now(UTC)
    transfer = TransferRow(
        id=new_id(),
        kind=TransferKind.TIP,
        sender_id=payer,
        recipient_id=creator,
        post_id=post,
        amount=asked.amount,
        fee=0,
        refunded=0,
        refund_of_id=None,
        currency=Currency.USD,
        status=TransferStatus.COMPLETED,
        visibility=Visibility.PUBLIC,
        note=None,
        rail=None,
        environment=None,
        network_code=None,
        created_at=now,
    )
    event = EventRow(payer, new_id(), SecurityEventKind.MONEY_MOVED, payer, ADDRESS, transfer.id, now)
    return Order(
        id=transfer.id,
        kind=tip.KIND,
        actor_id=payer,
        key=transfer.id.hex,
        request_hash=transfer.id.bytes * 2,  # 32 bytes, as many as a real one has
        created_at=now,
        lines=tip.lines(payer, creator, amount, fee),
        draws=(Draw(payer, LIMIT, Currency.USD, _TODAY, asked.amount, _CEILINGS),),
        writes=(
            Write(_insert_transfer, transfer),
            Write(_insert_event, event),
            Write(_add_to_total, (post, Currency.USD, 1, asked.amount)),
        ),
    )


async def settle(database: Database) -> None:
    """Gives everybody a wallet, and money in it."""
    now = datetime.now(UTC)
    people = range(1, PEOPLE + 1)
    async with database.transaction() as transaction:
        wallets = [{"id": _id(WALLETS + n), "owner_id": _id(n), "created_at": now} for n in people]
        await transaction.run_many(_open, wallets)
    ledger = Ledger(database)
    await ledger.start()
    for first in people[::GROUP]:
        await asyncio.gather(*(ledger.submit(_first_money(n)) for n in range(first, first + GROUP)))
    await ledger.stop()


def _first_money(person: int) -> Order:
    owner = _id(person)
    return Order(
        id=new_id(),
        kind=top_up.KIND,
        actor_id=owner,
        key="first money",
        request_hash=b"",
        created_at=datetime.now(UTC),
        lines=top_up.lines(owner, PRIVATE_MEANS),
    )


async def count(database: Database) -> dict[str, int]:
    """How many rows each table has; of rows that are added to, how often that was done."""
    async with database.transaction() as transaction:
        return {name: (await transaction.fetch(query))[0].number for name, query in _COUNTS.items()}
