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
