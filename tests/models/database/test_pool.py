"""The pool of connections to PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from models.database import UnavailableError, open_database
from models.database.pool import Pool
from tests.harness.postgres import Postgres


@pytest.fixture
async def pool(empty_postgresql_url: str) -> AsyncIterator[Pool]:
    pool = Pool(empty_postgresql_url, 2)
    yield pool
    await pool.close()


@pytest.fixture
def empty_postgresql_url(postgres_server: Postgres) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


async def backend(pool: Pool) -> int:
    async with pool.lent() as connection:
        number: int = await connection.fetchval("SELECT pg_backend_pid()")
        return number


async def test_a_connection_is_used_again(pool: Pool) -> None:
    assert await backend(pool) == await backend(pool)


async def test_who_finds_none_free_waits_in_line(pool: Pool) -> None:
    held = [await pool.take(), await pool.take()]
    order: list[int] = []

    async def use(number: int) -> None:
        async with pool.lent():
            order.append(number)

    users = [asyncio.create_task(use(number)) for number in range(3)]
    await asyncio.sleep(0)
    assert order == []
    pool.give_back(held[0])
    await asyncio.gather(*users)
    assert order == [0, 1, 2]
    pool.give_back(held[1])


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next(pool: Pool) -> None:
    held = [await pool.take(), await pool.take()]
    impatient, patient = asyncio.create_task(backend(pool)), asyncio.create_task(backend(pool))
    await asyncio.sleep(0)
    pool.give_back(held[0])  # the turn is the impatient one's now, who goes before it takes it
    impatient.cancel()
    await asyncio.wait_for(patient, 10)
    pool.give_back(held[1])


async def test_a_connection_whose_user_is_interrupted_is_not_used_again(pool: Pool) -> None:
    first = await backend(pool)

    async def sleep() -> None:
        async with pool.lent() as connection:
            await connection.execute("SELECT pg_sleep(60)")

    sleeping = asyncio.create_task(sleep())
    await asyncio.sleep(0.05)
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert await backend(pool) != first


async def test_connections_that_the_server_has_ended_are_replaced(empty_postgresql_url: str, pool: Pool) -> None:
    ended = await backend(pool)
    other = await asyncpg.connect(empty_postgresql_url)
    await other.execute("SELECT pg_terminate_backend($1)", ended)
    await other.close()
    await asyncio.sleep(0.1)
    assert await backend(pool) != ended


async def test_a_server_that_cannot_be_reached_leaves_room_for_another_try(postgres_server: Postgres) -> None:
    pool = Pool(postgres_server.url("nobody_made_this"), 1)
    for _ in range(3):
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            await asyncio.wait_for(pool.take(), 10)


async def test_an_outage_is_told_as_such(postgres_server: Postgres) -> None:
    with pytest.raises(UnavailableError):
        await open_database("postgresql://127.0.0.1:1/nothing")
