"""Trips that several askers share: each has the answer that it would have alone."""

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import func, literal, select
from sqlmodel import col

from models.database import (
    Ask,
    Database,
    DatabaseError,
    Gathering,
    PageQuery,
    Query,
    UnavailableError,
    columns_of,
)
from models.database.trips import MOST, Trips
from models.types import BigInt
from models.users import User, UserCounters
from tests.conftest import Counted
from tests.models.database.people import COUNT, Count, Person, counts, named, numbered, people, write_people

PEOPLE = 3 * MOST


class Total(NamedTuple):
    """How many there were."""

    n: int


everybody = Query(Count, COUNT.order_by(col(UserCounters.follower_count)))
pages = PageQuery(Person, columns_of(Person, User), order=User.id)


@pytest.fixture
async def ids(database: Database) -> list[UUID]:
    return await write_people(database, PEOPLE)


async def test_who_asks_the_same_at_once_shares_a_trip(database: Database, ids: list[UUID], counted: Counted) -> None:
    with counted() as count:
        found = await asyncio.gather(*(database.fetch(people, keys=ids[n : 2 * n]) for n in range(MOST)))
    assert count.statements == 1
    assert [[row.id for row in rows] for rows in found] == [ids[n : 2 * n] for n in range(MOST)]
    assert found[2] == await database.fetch(people, keys=ids[2:4])


async def test_operations_that_ask_for_several_things_share_a_trip(
    database: Database, ids: list[UUID], counted: Counted
) -> None:
    async def operation(n: int) -> tuple[list[Person], list[Count], Person | None]:
        reader = Gathering(database)
        keys = ids[:n]
        persons, numbers, person = await asyncio.gather(
            reader.fetch(people, keys=keys),
            reader.fetch(counts, keys=list(keys), least=2),
            reader.first(named, name=f"p{n:02}"),
        )
        return persons, numbers, person

    alone = [await operation(n) for n in range(1, 5)]
    with counted() as count:
        together = await asyncio.gather(*(operation(n) for n in range(1, 5)))
    assert list(together) == alone
    assert [(len(rows), len(numbers)) for rows, numbers, _ in together] == [(1, 0), (2, 0), (3, 1), (4, 2)]
    assert count.statements == 1


async def test_each_asker_has_its_own_bounds_and_order(database: Database, ids: list[UUID]) -> None:
    query = pages.newest
    found = await asyncio.gather(
        *(database.fetch(query, upper=ids[n], lower=ids[0], limit=n % 4) for n in range(2, 2 + MOST))
    )
    expected = [ids[n - 1 : 0 : -1][: n % 4] for n in range(2, 2 + MOST)]
    assert [[row.id for row in rows] for rows in found] == expected


async def test_lists_of_all_lengths_go_together(database: Database, ids: list[UUID]) -> None:
    lists: list[list[int]] = [[], [1], [], [2, 3, 4], [5, 5]]
    by_number = asyncio.gather(*(database.fetch(numbered, numbers=numbers) for numbers in lists))
    by_key = asyncio.gather(*(database.fetch(people, keys=keys) for keys in ([], [], ids[:1])))
    assert [len(rows) for rows in await by_number] == [0, 1, 0, 3, 1]
    assert [len(rows) for rows in await by_key] == [0, 0, 1]


async def test_who_asks_for_what_has_no_parameters_has_all_of_it(database: Database, ids: list[UUID]) -> None:
    found = await asyncio.gather(*(database.fetch(everybody) for _ in range(3)))
    assert [[row.user_id for row in rows] for rows in found] == [ids] * 3


async def test_many_askers_make_several_trips(database: Database, ids: list[UUID], counted: Counted) -> None:
    with counted() as count:
        found = await asyncio.gather(*(database.first(named, name=f"p{n:02}") for n in range(2 * MOST + 1)))
    assert [row and row.id for row in found] == ids[: 2 * MOST + 1]
    assert count.statements == 3


async def test_one_who_asks_for_what_cannot_be_fails_alone(database: Database, ids: list[UUID]) -> None:
    found = await asyncio.gather(
        database.fetch(counts, keys=ids, least=1),
        database.fetch(counts, keys=ids, least=1 << 70),
        database.fetch(counts, keys=ids[:2], least=1),
        return_exceptions=True,
    )
    assert isinstance(found[1], DatabaseError)
    assert [len(rows) for rows in (found[0], found[2]) if isinstance(rows, list)] == [PEOPLE - 1, 1]


async def test_one_whose_question_cannot_be_put_is_told_so(database: Database, ids: list[UUID]) -> None:
    found = await asyncio.gather(
        database.fetch(people, keys=ids[:1]),
        database.fetch(people, keys=[object()]),
        database.fetch(people, keys=ids[:2]),
        return_exceptions=True,
    )
    assert isinstance(found[1], Exception)
    assert [len(rows) for rows in (found[0], found[2]) if isinstance(rows, list)] == [1, 2]


async def test_one_who_goes_away_takes_nobody_along(database: Database, ids: list[UUID]) -> None:
    async def ask(n: int) -> Person | None:
        return await database.first(named, name=f"p{n:02}")

    tasks = [asyncio.create_task(ask(n)) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert [row.id for row in (found[0], found[2]) if isinstance(row, Person)] == [ids[0], ids[2]]


# Without a database


class Ferry:
    """One connection, and what has gone with it."""

    def __init__(self) -> None:
        self.free = asyncio.Semaphore(1)
        self.gone: list[list[int]] = []
        self.at_hand = 0
        self.trips: Trips[None, str] = Trips(self)

    def routed(self, what: tuple[str, int]) -> tuple[str, int]:
        return what

    def ask(self, way: str, number: int) -> "asyncio.Future[int]":
        return self.trips.book((way, number)).answer

    async def take(self) -> None:
        await self.free.acquire()

    def give_back(self, _: None) -> None:
        self.free.release()

    def at_once(self, way: str, askers: Sequence[int]) -> list[int]:
        return [-asker for asker in takewhile(lambda asker: asker < self.at_hand, askers)]

    async def answer(self, _: None, way: str, askers: Sequence[int]) -> list[int]:
        self.gone.append(list(askers))
        await asyncio.sleep(0.01)
        if way == "nowhere":
            raise UnavailableError("the database is gone")
        return [-asker for asker in askers]


async def test_one_who_stands_alone_goes_alone_and_who_waits_for_a_connection_goes_together() -> None:
    ferry = Ferry()
    first = ferry.ask("way", 1)
    await asyncio.sleep(0.005)
    later = []
    for number in (2, 3, 4):
        later.append(ferry.ask("way", number))
        await asyncio.sleep(0)
    assert await first == -1
    assert await asyncio.gather(*later) == [-2, -3, -4]
    assert ferry.gone == [[1], [2, 3, 4]]


async def test_what_is_at_hand_needs_no_trip_and_goes_to_who_still_waits() -> None:
    ferry = Ferry()
    ferry.at_hand = 3 * MOST
    answers = [ferry.ask("way", n) for n in range(2 * MOST + 1)]
    answers[1].cancel()
    found = await asyncio.gather(*answers, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert found[:1] + found[2:] == [0, *range(-2, -2 * MOST - 1, -1)]
    assert ferry.gone == []


async def test_who_asks_for_what_is_not_at_hand_goes_with_those_behind() -> None:
    ferry = Ferry()
    ferry.at_hand = 2
    assert await asyncio.gather(*(ferry.ask("way", n) for n in (0, 1, 5, 1))) == [0, -1, -5, -1]
    assert ferry.gone == [[5, 1]]


async def test_without_a_database_everybody_is_told_and_nobody_asks_again() -> None:
    ferry = Ferry()
    found = await asyncio.gather(*(ferry.ask("nowhere", n) for n in range(3)), return_exceptions=True)
    assert [type(error) for error in found] == [UnavailableError] * 3
    assert ferry.gone == [[0, 1, 2]]


async def test_ways_do_not_wait_for_each_other(database: Database, ids: list[UUID]) -> None:
    found = await asyncio.gather(
        database.ask([Ask(people, {"keys": ids[:2]}), Ask(numbered, {"numbers": [7]})]), database.fetch(everybody)
    )
    assert [len(rows) for rows in found[0]] == [2, 1]
    assert len(found[1]) == PEOPLE


def counting(most: int) -> Query[Total]:
    """A read that takes the longer, the more there is to count."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < literal(most, BigInt)))
    return Query(Total, select(func.count().label("n")).select_from(numbers))


async def test_reads_that_nobody_waits_for_any_more_end(database: Database) -> None:
    endless = [counting(10**12 + n) for n in range(10)]  # more than there are connections, or threads
    reader = Gathering(database)
    reads = []
    for query in endless:
        reads.append(asyncio.ensure_future(reader.fetch(query)))
        await asyncio.sleep(0.01)  # a trip each
    reader.let_go()
    assert await database.first(counting(3)) == Total(3)
    found = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(one) for one in found} == {asyncio.CancelledError}
    assert await asyncio.gather(*(database.first(counting(n)) for n in range(1, 11))) == [
        Total(n) for n in range(1, 11)
    ]


async def test_a_read_that_somebody_else_waits_for_goes_on(database: Database) -> None:
    one, other, query = Gathering(database), Gathering(database), counting(200_000)
    reads = [asyncio.ensure_future(reader.fetch(query)) for reader in (one, other)]
    await asyncio.sleep(0.01)
    one.let_go()
    assert await reads[1] == [Total(200_000)]
    assert (await asyncio.gather(reads[0], return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_a_read_that_is_let_go_before_it_left_is_not_made(database: Database, counted: Counted) -> None:
    reader = Gathering(database)
    read = asyncio.ensure_future(reader.fetch(counting(10**12)))
    await asyncio.sleep(0)
    with counted() as count:
        reader.let_go()
        reader.let_go()
        await asyncio.gather(read, return_exceptions=True)
        assert await database.first(counting(1)) == Total(1)
    assert count.statements == 1
