"""Conditions over whole lists of values, in one parameter."""

from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import col

from models.database import Command, Database, Query, any_number_of, any_of, any_pair_of, insert
from models.ids import new_id
from models.limits import LimitUsage
from models.money import Currency
from models.posts import Like, PostCounters
from models.types import EPOCH


class Found(NamedTuple):
    id: UUID


class Pair(NamedTuple):
    owner_id: UUID
    name: str


liked = Query(Found, select(col(Like.post_id)).where(any_of(Like.post_id)))
used = Query(
    Pair,
    select(col(LimitUsage.owner_id), col(LimitUsage.name)).where(any_pair_of(LimitUsage.owner_id, LimitUsage.name)),
)
counted = Query(
    Found,
    select(col(PostCounters.post_id)).where(any_number_of(PostCounters.like_count, "numbers")),
)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
in_a_database_of_many_runs = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


async def like(database: Database, posts: list[UUID]) -> None:
    async with database.transaction() as transaction:
        user = new_id()
        rows = [{"user_id": user, "post_id": post, "created_at": EPOCH} for post in posts]
        await transaction.run_many(Command(insert(Like)), rows)


@pytest.mark.parametrize("size", [0, 1, 2, 5_000])
async def test_finds_rows_by_any_number_of_ids(database: Database, size: int) -> None:
    posts = [new_id() for _ in range(size)]
    await like(database, [*posts, new_id()])
    wanted = [*posts, new_id(), UUID(int=0), UUID(int=(1 << 128) - 1)] if size else []
    assert {row.id for row in await database.fetch(liked, keys=wanted)} == set(posts)


async def test_an_id_that_is_asked_twice_is_found_once(database: Database) -> None:
    post = new_id()
    await like(database, [post])
    assert await database.fetch(liked, keys=[post, post, post]) == [Found(post)]


@given(st.lists(st.tuples(st.integers(0, 3), names), unique=True), st.lists(st.tuples(st.integers(0, 3), names)))
@in_a_database_of_many_runs
async def test_finds_rows_by_pairs(
    database: Database, stored: list[tuple[int, str]], strangers: list[tuple[int, str]]
) -> None:
    owners = [new_id() for _ in range(4)]
    there = {Pair(owners[owner], name) for owner, name in stored}
    async with database.transaction() as transaction:
        rows = [{**pair._asdict(), "currency": Currency.USD, "since": EPOCH, "used": 0} for pair in sorted(there)]
        await transaction.run_many(Command(insert(LimitUsage)), rows)
    wanted = [*sorted(there)[::2], *(Pair(owners[owner], name) for owner, name in strangers)]

    found = await database.fetch(used, pair_ids=[owner for owner, _ in wanted], pair_texts=[name for _, name in wanted])

    assert sorted(found) == sorted(there & set(wanted))


@pytest.mark.parametrize("numbers", [[], [3], [0, 3, 99], [(1 << 63) - 1]])
async def test_finds_rows_by_any_number_of_integers(database: Database, numbers: list[int]) -> None:
    rows = {count: new_id() for count in (0, 3, 7, (1 << 63) - 1)}
    async with database.transaction() as transaction:
        values = [
            {"post_id": post, "like_count": count, "reply_count": 0, "repost_count": 0} for count, post in rows.items()
        ]
        await transaction.run_many(Command(insert(PostCounters)), values)
    found = {row.id for row in await database.fetch(counted, numbers=numbers)}
    assert found == {post for count, post in rows.items() if count in numbers}
