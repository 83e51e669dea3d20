"""Reads that are asked for at the same moment go together, and each has the answer that it would have alone."""

import asyncio
from uuid import UUID

import pytest

from models.database import (
    Database,
    DatabaseError,
    Gathering,
)
from tests.conftest import Counted
from tests.models.database.people import counts, named, numbered, people, write_people


@pytest.fixture
async def ids(database: Database) -> list[UUID]:
    return await write_people(database, 3)


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
    person = await reader.first(named, name="p02")
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


async def test_one_who_goes_away_takes_no_other_along(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    gone = asyncio.create_task(reader.fetch(people, keys=ids))
    others = [asyncio.create_task(reader.fetch(people, keys=ids[:n])) for n in (1, 2)]
    await asyncio.sleep(0)
    gone.cancel()
    assert [len(await other) for other in others] == [1, 2]
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_once_all_is_let_go_nobody_asks_again(database: Database, ids: list[UUID]) -> None:
    reader = Gathering(database)
    reads = [asyncio.create_task(reader.fetch(people, keys=ids[:n])) for n in (1, 2)]
    await asyncio.sleep(0)
    reader.let_go()
    assert [type(one) for one in await asyncio.gather(*reads, return_exceptions=True)] == [asyncio.CancelledError] * 2
