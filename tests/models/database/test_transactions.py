"""All of a transaction or none of it, whoever goes away or fails in between."""

import asyncio
import traceback
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import bindparam, select, update
from sqlmodel import col

from models.database import (
    Command,
    ConstraintError,
    ContentionError,
    Database,
    DatabaseError,
    InvalidUrlError,
    Query,
    Transaction,
    UnavailableError,
    UniqueError,
    any_of,
    insert,
    open_database,
    sqlite,
)
from models.ids import new_id
from models.posts import PostCounters
from models.types import EPOCH
from models.users import User
from tests.harness.backdoor import backdoor
from tests.harness.postgres import Postgres

# More than a transaction has places at which it waits.
PLACES = 40


class Counters(NamedTuple):
    post_id: UUID
    like_count: int


write = Command(insert(PostCounters))
count = Command(
    update(PostCounters).where(col(PostCounters.post_id) == bindparam("id")).values(like_count=bindparam("likes"))
)
counters = Query(
    Counters, select(col(PostCounters.post_id), col(PostCounters.like_count)).where(any_of(PostCounters.post_id))
)


async def put(transaction: Transaction, post: UUID, likes: int = 0) -> None:
    assert await transaction.run(write, post_id=post, like_count=likes, reply_count=0, repost_count=0) == 1


async def stored(database: Database, post: UUID) -> int | None:
    found = await database.first(counters, keys=[post])
    return found and found.like_count


async def works(database: Database) -> None:
    post = new_id()
    async with database.transaction() as transaction:
        await put(transaction, post, 7)
    assert await stored(database, post) == 7


@pytest.fixture
def posts() -> tuple[UUID, UUID]:
    return new_id(), new_id()


@pytest.fixture
def post(posts: tuple[UUID, UUID]) -> UUID:
    return posts[0]


async def test_commits_what_was_written(database: Database, post: UUID) -> None:
    async with database.transaction() as transaction:
        await put(transaction, post, 3)
        assert await stored(database, post) is None  # nobody else sees it yet
        found = await transaction.first(counters, keys=[post])
        assert found == Counters(post, 3)
    assert await stored(database, post) == 3


async def test_an_error_undoes_everything(database: Database, posts: tuple[UUID, UUID]) -> None:
    async def write_and_fail() -> None:
        async with database.transaction() as transaction:
            for post in posts:
                await put(transaction, post)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    assert await database.fetch(counters, keys=posts) == []
    await works(database)


async def test_a_transaction_within_one_is_the_same(database: Database, posts: tuple[UUID, UUID]) -> None:
    async def write_twice_and_fail() -> None:
        async with database.transaction() as transaction:
            async with transaction.transaction() as inner:
                await put(inner, posts[0])
            await put(transaction, posts[1])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_twice_and_fail()
    assert await database.fetch(counters, keys=posts) == []


async def test_tells_how_many_rows_a_write_touched(database: Database, post: UUID) -> None:
    async with database.transaction() as transaction:
        assert await transaction.run(count, id=post, likes=1) == 0
        await put(transaction, post)
        assert await transaction.run(count, id=post, likes=1) == 1


async def test_a_row_that_stands_already_is_a_unique_error(database: Database, post: UUID) -> None:
    async with database.transaction() as transaction:
        await put(transaction, post)
    with pytest.raises(UniqueError):
        async with database.transaction() as transaction:
            await put(transaction, post)
    await works(database)


async def test_a_broken_rule_is_a_constraint_error(database: Database, post: UUID) -> None:
    with pytest.raises(ConstraintError) as error:
        async with database.transaction() as transaction:
            await put(transaction, post, -1)
    assert type(error.value) is ConstraintError
    assert "counts_not_negative" in str(error.value)


async def test_one_bad_row_among_many_undoes_them_all(database: Database) -> None:
    ids = [new_id() for _ in range(100)]
    rows = [{"post_id": post, "like_count": 0, "reply_count": 0, "repost_count": 0} for post in ids]
    rows[70]["like_count"] = -1
    with pytest.raises(ConstraintError):
        async with database.transaction() as transaction:
            await transaction.run_many(write, rows)
    assert await database.fetch(counters, keys=ids) == []


@pytest.mark.parametrize("likes", [1 << 63, -(1 << 63) - 1, 1 << 200])
async def test_a_number_beyond_64_bits_is_a_database_error(database: Database, post: UUID, likes: int) -> None:
    with pytest.raises(DatabaseError):
        async with database.transaction() as transaction:
            await put(transaction, post, likes)
    await works(database)


@pytest.mark.parametrize("name", ["lone \ud800", "\udfff"])
async def test_a_text_that_is_no_unicode_is_a_database_error(database: Database, name: str) -> None:
    user = Command(insert(User))
    with pytest.raises(DatabaseError):
        async with database.transaction() as transaction:
            await transaction.run(
                user, id=new_id(), handle="ada", display_name=name, bio=None, avatar_url=None, created_at=EPOCH
            )
    await works(database)


async def test_a_sum_beyond_64_bits_is_a_database_error(database: Database, post: UUID) -> None:
    more = Command(
        update(PostCounters)
        .where(col(PostCounters.post_id) == bindparam("id"))
        .values(like_count=col(PostCounters.like_count) + bindparam("more"))
    )
    async with database.transaction() as transaction:
        await put(transaction, post, (1 << 63) - 1)
    with pytest.raises(DatabaseError):
        async with database.transaction() as transaction:
            await transaction.run(more, id=post, more=1)
    assert await stored(database, post) == (1 << 63) - 1


@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_goes_away_leaves_no_transaction_open(database_url: str, times: int) -> None:
    database = await open_database(database_url, connections=1)

    async def write_two(one: UUID, other: UUID) -> None:
        async with database.transaction() as transaction:
            await put(transaction, one)
            await put(transaction, other)

    for place in range(PLACES):
        both = new_id(), new_id()
        task = asyncio.create_task(write_two(*both))
        for _ in range(place):
            await asyncio.sleep(0.0002)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        await asyncio.wait([task])
        await works(database)
        assert len(await database.fetch(counters, keys=both)) in {0, 2}
    await database.close()


async def test_a_transaction_that_is_left_while_it_waits_is_undone(database: Database, post: UUID) -> None:
    written = asyncio.Event()

    async def write_and_wait() -> None:
        async with database.transaction() as transaction:
            await put(transaction, post)
            written.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await stored(database, post) is None
    await works(database)


async def test_many_writers_at_once_lose_nothing(database: Database, post: UUID) -> None:
    more = Command(
        update(PostCounters)
        .where(col(PostCounters.post_id) == bindparam("id"))
        .values(like_count=col(PostCounters.like_count) + 1)
    )

    async def like() -> None:
        async with database.transaction() as transaction:
            await transaction.run(more, id=post)

    async with database.transaction() as transaction:
        await put(transaction, post)
    await asyncio.gather(*(like() for _ in range(100)))
    assert await stored(database, post) == 100


async def test_readers_do_not_wait_for_a_writer(database: Database, post: UUID) -> None:
    async with database.transaction() as transaction:
        await put(transaction, post)
        assert await asyncio.gather(*(stored(database, post) for _ in range(20))) == [None] * 20


async def test_counts_its_statements(database: Database, post: UUID) -> None:
    before = database.statements
    async with database.transaction() as transaction:
        await put(transaction, post)
        await transaction.run_many(count, [{"id": post, "likes": likes} for likes in range(10)])
        await transaction.fetch(counters, keys=[post])
    await stored(database, post)
    assert database.statements - before == 4


# PostgreSQL alone


async def test_a_deadlock_is_contention(postgresql_url: str, posts: tuple[UUID, UUID]) -> None:
    database = await open_database(postgresql_url)
    async with database.transaction() as transaction:
        for post in posts:
            await put(transaction, post)
    both_hold_one = asyncio.Barrier(2)

    async def cross(first: UUID, second: UUID, likes: int) -> None:
        async with database.transaction() as transaction:
            await transaction.run(count, id=first, likes=likes)
            await both_hold_one.wait()
            await transaction.run(count, id=second, likes=likes)

    outcomes = await asyncio.gather(cross(*posts, 1), cross(*posts[::-1], 2), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome] == [ContentionError]
    winner = 1 + outcomes.index(None)
    assert [row.like_count for row in await database.fetch(counters, keys=posts)] == [winner, winner]
    await database.close()


async def test_a_lost_connection_is_unavailable_and_is_replaced(postgresql_url: str, post: UUID) -> None:
    database = await open_database(postgresql_url, connections=1)

    async def write_while_the_server_hangs_up() -> None:
        async with database.transaction() as transaction, backdoor(postgresql_url) as other:
            await put(transaction, post)
            await other.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            await put(transaction, new_id())

    with pytest.raises(UnavailableError):
        await write_while_the_server_hangs_up()
    assert await stored(database, post) is None
    await works(database)
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        await open_database(f"postgresql://postgres@/hatful?host={tmp_path}")


async def test_a_database_that_is_not_there_is_a_wrong_address(postgres_server: Postgres) -> None:
    with pytest.raises(InvalidUrlError):
        await open_database(postgres_server.url("nobody_made_this"))


# SQLite alone


async def test_a_file_that_stays_locked_is_unavailable(
    sqlite_url: str, post: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.01)
    database = await open_database(sqlite_url)
    async with backdoor(sqlite_url) as other:
        await other.fetch("BEGIN IMMEDIATE")
        with pytest.raises(UnavailableError):
            async with database.transaction() as transaction:
                await put(transaction, post)
        assert await stored(database, post) is None  # reading goes on
        await other.fetch("ROLLBACK")
    await works(database)
    await database.close()


async def test_two_that_write_to_one_file_take_turns(sqlite_url: str, post: UUID) -> None:
    one, other = await open_database(sqlite_url), await open_database(sqlite_url)
    async with one.transaction() as transaction:
        await put(transaction, post)
        waiting = asyncio.create_task(works(other))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    await waiting
    assert await stored(other, post) == 0
    await one.close()
    await other.close()


async def test_a_folder_that_is_not_there_is_a_wrong_address(tmp_path: Path) -> None:
    with pytest.raises(InvalidUrlError):
        await open_database(f"sqlite:///{tmp_path / 'nowhere' / 'hatful.db'}")


@pytest.mark.parametrize("url", ["", "hatful.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://host/name"])
async def test_refuses_an_address_that_it_cannot_use(url: str) -> None:
    with pytest.raises(InvalidUrlError):
        await open_database(url)


async def test_what_a_broken_rule_raises_does_not_tell_the_values_of_the_row(database: Database) -> None:
    row = {"id": new_id(), "handle": None, "display_name": "Ada", "bio": "hunter2", "avatar_url": None}
    with pytest.raises(ConstraintError) as caught:
        async with database.transaction() as transaction:
            await transaction.run(Command(insert(User)), **row, created_at=EPOCH)
    told = "".join(traceback.format_exception(caught.value))
    assert "handle" in told
    assert "hunter2" not in told
