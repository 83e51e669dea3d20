"""Rows of other rooms, written in the same transaction as the postings."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import bindparam, select, update
from sqlmodel import col

from ledger import InsufficientFundsError, Order, Receipt, Write
from models.database import Command, ConstraintError, Database, DatabaseError, Query, UniqueError, any_of, insert
from models.ids import new_id
from models.posts import PostCounters
from tests.harness.backdoor import Backdoor
from tests.harness.books import Books, contents, payment_of, top_up_of


class Counters(NamedTuple):
    post_id: UUID
    like_count: int


put = Command(insert(PostCounters))
like = Command(
    update(PostCounters)
    .where(col(PostCounters.post_id) == bindparam("id"))
    .values(like_count=col(PostCounters.like_count) + bindparam("more"))
)
counters = Query(
    Counters, select(col(PostCounters.post_id), col(PostCounters.like_count)).where(any_of(PostCounters.post_id))
)


def putting(post: UUID, likes: int = 0) -> Write:
    return Write(put, {"post_id": post, "like_count": likes, "reply_count": 0, "repost_count": 0})


def liking(post: UUID, more: int = 1) -> Write:
    return Write(like, {"id": post, "more": more})


async def likes(database: Database, post: UUID) -> int | None:
    found = await database.first(counters, keys=[post])
    return found and found.like_count


async def test_are_written_with_the_postings(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    post = new_id()
    await books.submit(payment_of(ada, bob, 1, writes=(putting(post), liking(post), liking(post, 4))))
    assert await likes(books.database, post) == 5


async def test_are_not_written_for_a_refusal_or_a_replay(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    post = new_id()
    await books.submit(payment_of(ada, bob, 1, "key", writes=(putting(post),)))
    await books.submit(payment_of(ada, bob, 1, "key", writes=(liking(post),)))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 501, writes=(liking(post),)))
    assert await likes(books.database, post) == 0


BAD: dict[str, tuple[Callable[[UUID], Write], type[Exception]]] = {
    "a broken rule": (lambda post: putting(post, -1), ConstraintError),
    "a row that stands already": (putting, UniqueError),
    "a number that is too large": (lambda post: putting(new_id(), 1 << 63), DatabaseError),
    "a missing parameter": (lambda post: Write(put, {"post_id": post}), KeyError),
}


@pytest.mark.parametrize("bad", BAD)
async def test_one_that_fails_takes_its_own_order_with_it_and_no_other(
    books: Books, backdoor: Backdoor, bad: str
) -> None:
    make, error = BAD[bad]
    ada, bob = await books.people(2, 500)
    taken = new_id()
    await books.submit(payment_of(ada, bob, 1, writes=(putting(taken),)))
    before = await contents(backdoor)
    posts = [new_id() for _ in range(9)]
    orders: list[Order] = [payment_of(ada, bob, 1, f"key {n}", writes=(putting(post),)) for n, post in enumerate(posts)]
    orders.insert(4, payment_of(ada, bob, 100, "bad", writes=(putting(new_id()), make(taken))))

    outcomes = await asyncio.gather(*map(books.submit, orders), return_exceptions=True)

    assert isinstance(outcomes.pop(4), error)
    assert all(isinstance(outcome, Receipt) and not outcome.replayed for outcome in outcomes)
    assert [await likes(books.database, post) for post in posts] == [0] * 9
    assert await books.balances([ada, bob]) == [490, 510]
    after = await contents(backdoor)
    assert len(after["idempotency"]) - len(before["idempotency"]) == 9
    assert not (await books.submit(payment_of(ada, bob, 100, "bad"))).replayed  # nothing was kept under its key


async def test_one_that_fails_alone_leaves_nothing(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    before = await contents(backdoor)
    with pytest.raises(ConstraintError):
        await books.submit(payment_of(ada, bob, 1, writes=(putting(new_id(), -1),)))
    assert await contents(backdoor) == before


async def test_a_wallet_that_was_opened_in_vain_is_opened_again(books: Books) -> None:
    ada = new_id()
    with pytest.raises(ConstraintError):
        await books.submit(top_up_of(ada, 5, writes=(putting(new_id(), -1),)))
    await books.submit(top_up_of(ada, 5))
    assert await books.balance(ada) == 5


async def test_of_many_orders_on_one_row_add_up(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    post = new_id()
    await books.submit(payment_of(ada, bob, 1, writes=(putting(post),)))
    await asyncio.gather(*(books.submit(payment_of(ada, bob, 1, writes=(liking(post),))) for _ in range(100)))
    assert await likes(books.database, post) == 100
