"""What an operation will ask for next comes along with the rows that it is asked for, and says the same as ever."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import select

from models.database import Database, DatabaseError, Gathering, Prefetch, Query, any_of, columns_of
from models.types import EPOCH
from models.users import UserCounters
from tests.conftest import Counted
from tests.models.database.people import Count, Person, counts, named, people, write_people

by_user = Query(Count, select(*columns_of(Count, UserCounters)).where(any_of(UserCounters.user_id)))
BEHIND_PEOPLE = Prefetch(by_user, {}, column=0, key=0)


@pytest.fixture
async def ids(database: Database) -> list[UUID]:
    return await write_people(database, 6)


def reader_of(database: Database, *behind_people: Prefetch) -> Gathering:
    reader = Gathering(database)
    reader.prefetches = {Person: behind_people or (BEHIND_PEOPLE,)}
    return reader


async def test_what_is_asked_for_next_makes_no_trip_of_its_own(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    alone = await database.fetch(by_user, keys=ids)
    reader = reader_of(database)
    with counted() as count:
        found = await reader.fetch(people, keys=ids)
        assert sorted(await reader.fetch(by_user, keys=list(reversed(ids)))) == sorted(alone)
    assert [person.id for person in found] == ids
    assert count.statements == 1


async def test_who_asks_for_fewer_has_no_others(database: Database, ids: list[UUID], counted: Counted) -> None:
    reader = reader_of(database)
    await reader.fetch(people, keys=ids)
    with counted() as count:
        assert await reader.fetch(by_user, keys=ids[2:3]) == [Count(ids[2], 2)]
        assert await reader.fetch(by_user, keys=[]) == []
    assert count.statements == 0


async def test_who_asks_for_others_as_well_has_all_of_them(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    reader = reader_of(database)
    await reader.fetch(people, keys=ids[:2])
    with counted() as count:
        assert {row.user_id for row in await reader.fetch(by_user, keys=ids[1:4])} == set(ids[1:4])
    assert count.statements == 1


async def test_with_other_parameters_it_is_another_question(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    reader = reader_of(database, Prefetch(counts, {"least": 4}, column=0, key=0))
    await reader.fetch(people, keys=ids)
    with counted() as count:
        assert {row.follower_count for row in await reader.fetch(counts, keys=ids, least=4)} == {4, 5}
        assert {row.follower_count for row in await reader.fetch(counts, keys=ids, least=5)} == {5}
    assert count.statements == 1


async def test_behind_what_comes_along_comes_what_will_be_asked_for_then(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    reader = Gathering(database)
    reader.prefetches = {Person: (BEHIND_PEOPLE,), Count: (Prefetch(people, {}, column=0, key=0),)}
    with counted() as count:
        person = await reader.first(named, name="p03")
        assert await reader.fetch(by_user, keys=[ids[3]]) == [Count(ids[3], 3)]
        assert await reader.fetch(people, keys=[ids[3]]) == [person]
    assert count.statements == 1


async def test_no_rows_bring_nothing_along(database: Database, ids: list[UUID], counted: Counted) -> None:
    reader = reader_of(database)
    assert await reader.fetch(people, keys=[]) == []
    with counted() as count:
        assert await reader.fetch(by_user, keys=ids[:1]) == [Count(ids[0], 0)]
    assert count.statements == 1


async def test_what_cannot_be_read_along_takes_nothing_with_it(database: Database, ids: list[UUID]) -> None:
    reader = reader_of(database, Prefetch(counts, {"least": 1 << 70}, column=0, key=0), BEHIND_PEOPLE)
    assert len(await reader.fetch(people, keys=ids)) == len(ids)
    assert len(await reader.fetch(by_user, keys=ids)) == len(ids)
    with pytest.raises(DatabaseError):
        await reader.fetch(counts, keys=ids, least=1 << 70)


async def test_operations_that_share_a_trip_have_their_own(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    async def operation(n: int) -> tuple[list[Person], list[Count]]:
        reader = reader_of(database)
        found = await reader.fetch(people, keys=ids[:n])
        return found, await reader.fetch(by_user, keys=ids[:n])

    with counted() as count:
        together = await asyncio.gather(*(operation(n) for n in range(5)))
    assert count.statements == 1
    for n, (found, behind) in enumerate(together):
        assert [person.id for person in found] == ids[:n]
        assert sorted(row.follower_count for row in behind) == list(range(n))
        assert all(person.created_at == EPOCH for person in found)
