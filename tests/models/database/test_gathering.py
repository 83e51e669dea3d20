"""Reads that are asked for at the same moment go together, and each has the answer that it would have alone."""

import asyncio
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import (
    Command,
    Database,
    DatabaseError,
    Gathering,
    Query,
    any_number_of,
    any_of,
    columns_of,
    insert,
)
from models.ids import new_id
from models.types import EPOCH, BigInt
from models.users import User, UserCounters
from tests.conftest import Counted


class Person(NamedTuple):
    """A user with all that needs converting on one of the databases."""

    id: UUID
    handle: str
    bio: str | None
    created_at: object


class Count(NamedTuple):
    """How many follow."""

    user_id: UUID
    follower_count: int


people = Query(Person, select(*columns_of(Person, User)).where(any_of(User.id)).order_by(col(User.handle)))
named = Query(Person, select(*columns_of(Person, User)).where(col(User.handle) == bindparam("name")))
least = col(UserCounters.follower_count) >= bindparam("least", type_=BigInt)
counts = Query(Count, select(*columns_of(Count, UserCounters)).where(any_of(UserCounters.user_id), least))


numbered = Query(
    Count, select(*columns_of(Count, UserCounters)).where(any_number_of(UserCounters.follower_count, "numbers"))
)


@pytest.fixture
async def ids(database: Database) -> list[UUID]:
    ids = sorted(new_id() for _ in range(3))
    async with database.transaction() as transaction:
        for number, key in enumerate(ids):
            bio = None if number else "writes"
            user = {"id": key, "handle": f"p{number}", "display_name": "P", "bio": bio, "avatar_url": None}
            await transaction.run(Command(insert(User).values(**user, created_at=EPOCH)))
            counters = {"follower_count": number, "following_count": 0, "post_count": 0}
            await transaction.run(Command(insert(UserCounters).values(user_id=key, **counters)))
    return ids


async def test_reads_at_once_make_one_trip_and_have_their_own_answers(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    alone = [
        await database.fetch(people, keys=ids),
        await database.fetch(counts, keys=ids, least=1),
        await database.fetch(people, keys=ids[:1]),
        await database.fetch(named, name="nobody"),
    ]
    reader = Gathering(database)
    with counted() as count:
        together = await asyncio.gather(
            reader.fetch(people, keys=ids),
            reader.fetch(counts, keys=ids, least=1),
            reader.fetch(people, keys=ids[:1]),
            reader.fetch(named, name="nobody"),
        )
    assert list(together) == alone
    assert [len(rows) for rows in together] == [3, 2, 1, 0]
    assert count.statements == 1


async def test_empty_lists_of_several_kinds_go_together(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    found = await asyncio.gather(
        reader.fetch(people, keys=[]), reader.fetch(numbered, numbers=[]), reader.fetch(numbered, numbers=[1])
    )
    assert [len(rows) for rows in found] == [0, 0, 1]


async def test_the_same_read_is_made_once(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    one, other = await asyncio.gather(reader.fetch(people, keys=list(ids)), reader.fetch(people, keys=list(ids)))
    assert one is other


async def test_a_later_read_is_made_anew(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    assert await reader.fetch(people, keys=ids) is not await reader.fetch(people, keys=ids)
    person = await reader.first(named, name="p2")
    assert person is not None
    assert person.id == ids[2]
    assert await reader.first(named, name="nobody") is None


async def test_a_read_that_fails_fails_alone(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    found = await asyncio.gather(
        reader.fetch(people, keys=ids),
        reader.fetch(counts, keys=ids, least=1 << 70),
        reader.fetch(counts, keys=ids, least=2),
        return_exceptions=True,
    )
    assert isinstance(found[1], DatabaseError)
    assert [len(rows) for rows in (found[0], found[2]) if not isinstance(rows, BaseException)] == [3, 1]
