"""Transactions of very many statements: they commit and are undone like any other."""

import pytest

from models.database import Command, Database, UniqueError, insert
from models.ids import new_id
from models.posts import Like
from models.types import EPOCH
from tests.harness.backdoor import Backdoor

like = Command(insert(Like))


def row() -> dict[str, object]:
    return {"user_id": new_id(), "post_id": new_id(), "created_at": EPOCH}


async def count(backdoor: Backdoor) -> int:
    [(found,)] = await backdoor.fetch("SELECT count(*) FROM likes")
    return int(found)


async def test_commits_when_its_block_ends(database: Database, backdoor: Backdoor) -> None:
    async with database.bulk() as transaction:
        assert await transaction.run(like, **row()) == 1
        async with transaction.transaction() as same:
            await same.run_many(like, [row(), row()])
        assert await count(backdoor) == 0
    assert await count(backdoor) == 3


async def test_is_undone_when_its_block_raises(database: Database, backdoor: Backdoor) -> None:
    twice = row()

    async def write() -> None:
        async with database.bulk() as transaction:
            await transaction.run(like, **twice)
            await transaction.run(like, **twice)

    with pytest.raises(UniqueError):
        await write()
    assert await count(backdoor) == 0
    async with database.transaction() as transaction:
        await transaction.run(like, **row())
    assert await count(backdoor) == 1
