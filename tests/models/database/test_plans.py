"""How a read finds its rows: by an index, however large the table is."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from models.database import Query, any_of
from models.ids import new_id
from models.posts import Post
from tests.harness.backdoor import backdoor


class Found(NamedTuple):
    id: UUID


by_ids = Query(Found, select(col(Post.id)).where(any_of(Post.id), col(Post.deleted_at).is_(None)))


async def test_sqlite_finds_rows_by_their_ids_without_reading_the_whole_table(sqlite_url: str) -> None:
    compiled = by_ids.compiled("sqlite")
    sql = compiled.sql
    for value in compiled.bind({"keys": [new_id()]}):
        sql = sql.replace("?", f"x'{value.hex()}'", 1)
    async with backdoor(sqlite_url) as connection:
        plan = [row[3] for row in await connection.fetch(f"EXPLAIN QUERY PLAN {sql}")]
    assert any(step.startswith("SEARCH posts USING") for step in plan), plan
    assert "SCAN posts" not in plan
