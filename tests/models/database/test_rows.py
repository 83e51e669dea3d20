"""Writes of many rows at once, the same on both databases."""

from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlmodel import col

from models.database import (
    ConstraintError,
    Database,
    DatabaseError,
    Query,
    RowsCommand,
    UniqueError,
    add_to_rows,
    columns_of,
    insert_rows,
    update_rows,
)
from models.ids import new_id
from models.money import MAX_MINOR_UNITS, Currency
from models.posts import PostCounters
from models.transfers import PostTips

USD, EUR = Currency.USD, Currency.EUR
MANY = 1_000


class Counters(NamedTuple):
    post_id: UUID
    like_count: int
    reply_count: int
    repost_count: int


class Total(NamedTuple):
    post_id: UUID
    currency: Currency
    tip_count: int
    total: int


counters = Query(Counters, select(*columns_of(Counters, PostCounters)).order_by(col(PostCounters.post_id)))
totals = Query(Total, select(*columns_of(Total, PostTips)).order_by(col(PostTips.post_id), col(PostTips.currency)))
put = insert_rows(PostCounters)
change = update_rows(PostCounters, key="post_id", changes=("like_count", "repost_count"))
add = add_to_rows(PostTips, key=("post_id", "currency"), add=("tip_count", "total"))


async def write(database: Database, *sets: tuple[RowsCommand, list[dict[str, Any]]]) -> None:
    async with database.transaction() as transaction:
        for command, rows in sets:
            await transaction.run_many(command, rows)


def some(count: int) -> list[Counters]:
    return [Counters(new_id(), number, 2 * number, 3 * number) for number in range(count)]


def given_as(rows: list[Any]) -> list[dict[str, Any]]:
    return [row._asdict() for row in rows]


@pytest.mark.parametrize("count", [0, 1, 2, MANY])
async def test_inserts_as_many_rows_as_it_is_given(database: Database, count: int) -> None:
    rows = some(count)
    await write(database, (put, given_as(rows)))
    assert await database.fetch(counters) == sorted(rows)


async def test_inserts_all_or_nothing(database: Database) -> None:
    rows = some(10)
    await write(database, (put, given_as(rows)))
    with pytest.raises(UniqueError):
        await write(database, (put, given_as([*some(10), rows[3]])))
    with pytest.raises(ConstraintError):
        await write(database, (put, given_as([*some(10), Counters(new_id(), 0, -1, 0)])))
    assert await database.fetch(counters) == sorted(rows)


async def test_updates_the_rows_with_these_keys_and_no_other_column(database: Database) -> None:
    rows = some(5)
    await write(database, (put, given_as(rows)))
    changes = [{"post_id": row.post_id, "like_count": 100 + n, "repost_count": 0} for n, row in enumerate(rows[1:3])]
    await write(database, (change, changes), (change, []))
    expected = [rows[0], *(row._replace(like_count=100 + n, repost_count=0) for n, row in enumerate(rows[1:3]))]
    assert await database.fetch(counters) == sorted([*expected, *rows[3:]])


async def test_updates_nothing_where_nothing_is(database: Database) -> None:
    await write(database, (change, [{"post_id": new_id(), "like_count": 1, "repost_count": 1}]))
    assert await database.fetch(counters) == []


async def test_updates_many(database: Database) -> None:
    rows = some(MANY)
    await write(database, (put, given_as(rows)))
    await write(
        database, (change, [{"post_id": row.post_id, "like_count": 7, "repost_count": row.reply_count} for row in rows])
    )
    expected = [row._replace(like_count=7, repost_count=row.reply_count) for row in rows]
    assert await database.fetch(counters) == sorted(expected)


async def test_adding_begins_at_zero_and_goes_on(database: Database) -> None:
    post, other = sorted([new_id(), new_id()])
    await write(database, (add, given_as([Total(post, USD, 1, 5), Total(other, USD, 1, 7)])))
    await write(database, (add, given_as([Total(post, USD, 2, 10), Total(post, EUR, 1, 1)])), (add, []))
    assert await database.fetch(totals) == [Total(post, EUR, 1, 1), Total(post, USD, 3, 15), Total(other, USD, 1, 7)]


async def test_adds_to_one_row_as_often_as_it_is_named(database: Database) -> None:
    post, other = sorted([new_id(), new_id()])
    rows = [Total(post, USD, 1, 2)] * MANY + [Total(other, USD, 1, 3)] * 2
    await write(database, (add, given_as(rows)))
    assert await database.fetch(totals) == [Total(post, USD, MANY, 2 * MANY), Total(other, USD, 2, 6)]


async def test_what_adds_up_to_too_much_is_refused_and_not_rounded(database: Database) -> None:
    post = new_id()
    most = [Total(post, USD, 1, MAX_MINOR_UNITS)]
    await write(database, (add, given_as(most)))
    with pytest.raises(DatabaseError):
        await write(database, (add, given_as([Total(post, USD, 1, 1)])))
    with pytest.raises(DatabaseError):
        await write(database, (add, given_as([Total(new_id(), USD, 1, MAX_MINOR_UNITS)] * 1 + most)))
    assert await database.fetch(totals) == most


async def test_adds_all_or_nothing(database: Database) -> None:
    post = new_id()
    with pytest.raises(ConstraintError):
        await write(database, (add, given_as([Total(post, USD, 1, 5), Total(new_id(), USD, 1, -1)])))
    assert await database.fetch(totals) == []


POSTS = sorted(new_id() for _ in range(4))
additions = st.lists(st.tuples(st.sampled_from(POSTS), st.sampled_from([USD, EUR]), st.integers(0, 1_000)), max_size=30)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(additions, max_size=4))
async def test_adding_agrees_with_plain_integers(
    database: Database, batches: list[list[tuple[UUID, Currency, int]]]
) -> None:
    before = {(row.post_id, row.currency): (row.tip_count, row.total) for row in await database.fetch(totals)}
    for batch in batches:
        await write(database, (add, given_as([Total(post, currency, 1, units) for post, currency, units in batch])))
        for post, currency, units in batch:
            count, total = before.get((post, currency), (0, 0))
            before[post, currency] = (count + 1, total + units)
    after = {(row.post_id, row.currency): (row.tip_count, row.total) for row in await database.fetch(totals)}
    assert after == before
