"""SQLite's statements run in threads of their own, whatever the event loop does meanwhile."""

import asyncio

from models.database import Command, insert, open_database
from models.ids import new_id
from models.posts import Like
from models.types import EPOCH
from tests.harness.backdoor import backdoor

TASKS = 32
ROUNDS = 100

like = Command(insert(Like))


async def test_many_tasks_may_write_in_one_transaction(sqlite_url: str) -> None:
    database = await open_database(sqlite_url)
    async with database.transaction() as transaction:

        async def write_rows() -> None:
            for _ in range(ROUNDS):
                await transaction.run_many(like, [{"user_id": new_id(), "post_id": new_id(), "created_at": EPOCH}])

        async with asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(write_rows())
    await database.close()
    async with backdoor(sqlite_url) as connection:
        assert await connection.fetch("SELECT count(*) FROM likes") == [(TASKS * ROUNDS,)]
