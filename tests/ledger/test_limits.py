"""Limits that orders draw on, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from ledger import Ceiling, Draw, InsufficientFundsError, Ledger, LimitExceededError, Receipt
from models.database import ConstraintError
from models.ids import new_id
from models.money import Currency, Money
from tests.harness.backdoor import Backdoor
from tests.harness.books import USD, Books, contents, payment_of, top_up_of

TODAY = datetime(2026, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)


def draw(owner: UUID, amount: int, most: int = 100, name: str = "SPEND", since: datetime = TODAY) -> Draw:
    return Draw(owner, name, USD, since, amount, (Ceiling(name, most, since, DAY),))


async def used(backdoor: Backdoor) -> list[int]:
    return [amount for (amount,) in await backdoor.fetch("SELECT used FROM limit_usage ORDER BY used")]


async def test_a_limit_can_be_used_up_but_not_passed(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    for amount in (60, 40):
        await books.submit(payment_of(ada, bob, amount, draws=(draw(ada, amount),)))
    before = await contents(backdoor)

    with pytest.raises(LimitExceededError) as refusal:
        await books.submit(payment_of(ada, bob, 1, draws=(draw(ada, 1),)))

    limit = refusal.value
    assert (limit.name, limit.max, limit.used, limit.resets_at) == (
        "SPEND",
        Money(100, USD),
        Money(100, USD),
        TODAY + DAY,
    )
    after = await contents(backdoor)
    assert len(after.pop("idempotency") - before.pop("idempotency")) == 1
    assert after == before


async def test_a_limit_begins_anew_with_its_window(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    for day in range(3):
        await books.submit(payment_of(ada, bob, 100, draws=(draw(ada, 100, since=TODAY + day * DAY),)))
    assert await used(backdoor) == [100, 100, 100]


async def test_an_exceeded_limit_stays_the_answer_after_it_has_begun_anew(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    with pytest.raises(LimitExceededError) as first:
        await books.submit(payment_of(ada, bob, 101, "key", draws=(draw(ada, 101),)))
    with pytest.raises(LimitExceededError) as again:
        await books.submit(payment_of(ada, bob, 101, "key", draws=(draw(ada, 101, since=TODAY + DAY),)))
    assert again.value.stored() == first.value.stored()


async def test_both_limits_of_an_order_are_drawn_on(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    token = new_id()
    both = (draw(ada, 30), draw(token, 30, 50, "TOKEN"))
    await books.submit(payment_of(ada, bob, 30, draws=both))
    assert await used(backdoor) == [30, 30]
    with pytest.raises(LimitExceededError) as refusal:
        await books.submit(payment_of(ada, bob, 30, draws=both))
    assert refusal.value.name == "TOKEN"
    assert await used(backdoor) == [30, 30]
    await books.submit(payment_of(ada, bob, 30, draws=both[:1]))
    assert await used(backdoor) == [30, 60]


async def test_a_limit_holds_within_one_batch(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 5_000)
    orders = [payment_of(ada, bob, 10, draws=(draw(ada, 10),)) for _ in range(50)]
    outcomes = await asyncio.gather(*map(books.submit, orders), return_exceptions=True)
    assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True] * 10 + [False] * 40
    assert await used(backdoor) == [100]
    assert await books.balance(ada) == 4_900


async def test_people_have_limits_of_their_own(books: Books, backdoor: Backdoor) -> None:
    people = await books.people(5, 100)
    orders = [payment_of(person, people[n - 1], 100, draws=(draw(person, 100),)) for n, person in enumerate(people)]
    await asyncio.gather(*map(books.submit, orders))
    assert await used(backdoor) == [100] * 5


async def test_refusals_and_replays_use_nothing_up(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 50)
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 60, draws=(draw(ada, 60),)))
    for _ in range(3):
        await books.submit(payment_of(ada, bob, 20, "key", draws=(draw(ada, 20),)))
    assert await used(backdoor) == [20]


async def test_a_limit_of_money_that_comes_in(books: Books) -> None:
    ada = new_id()
    await books.submit(top_up_of(ada, 100, draws=(draw(ada, 100),)))
    with pytest.raises(LimitExceededError):
        await books.submit(top_up_of(ada, 1, draws=(draw(ada, 1),)))
    assert await books.balance(ada) == 100


# Windows that roll


def rolling(owner: UUID, amount: int, hour: int, most: int = 100) -> Draw:
    """A draw in an hour of the day, under a window of three hours."""
    bucket = TODAY + timedelta(hours=hour)
    window = Ceiling("WITHIN_THREE_HOURS", most, bucket - timedelta(hours=2), timedelta(hours=3))
    return Draw(owner, "SPEND", USD, bucket, amount, (window,))


async def test_a_window_rolls_over_its_buckets(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 1_000)
    for hour, amount in ((0, 30), (1, 30), (2, 40)):
        await books.submit(payment_of(ada, bob, amount, draws=(rolling(ada, amount, hour),)))
    with pytest.raises(LimitExceededError) as refusal:
        await books.submit(payment_of(ada, bob, 31, draws=(rolling(ada, 31, 3),)))
    limit = refusal.value
    assert (limit.name, limit.used.minor_units) == ("WITHIN_THREE_HOURS", 70)
    assert limit.resets_at == TODAY + timedelta(hours=1 + 3), "what was used at one o'clock is the first to leave"
    await books.submit(payment_of(ada, bob, 30, draws=(rolling(ada, 30, 3),)))
    assert await used(backdoor) == [30, 30, 30, 40]


async def test_two_ceilings_of_one_draw_hold_both_and_it_counts_once(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 1_000)
    wide = Ceiling("WIDE", 150, TODAY - DAY)

    def both(amount: int, hour: int) -> Draw:
        draw = rolling(ada, amount, hour)
        return draw._replace(ceilings=(*draw.ceilings, wide))

    await books.submit(payment_of(ada, bob, 100, draws=(both(100, 0),)))
    for hour, name in ((1, "WITHIN_THREE_HOURS"), (3, "WIDE")):
        with pytest.raises(LimitExceededError) as refusal:
            await books.submit(payment_of(ada, bob, 51, draws=(both(51, hour),)))
        assert refusal.value.name == name
    await books.submit(payment_of(ada, bob, 50, draws=(both(50, 3),)))
    assert await used(backdoor) == [50, 100]


async def test_what_is_given_back_can_be_used_again(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 100, draws=(rolling(ada, 100, 0),)))
    await books.submit(payment_of(bob, ada, 60, draws=(rolling(ada, -60, 0)._replace(ceilings=()),)))
    assert await used(backdoor) == [40]
    with pytest.raises(LimitExceededError):
        await books.submit(payment_of(ada, bob, 61, draws=(rolling(ada, 61, 1),)))
    await books.submit(payment_of(ada, bob, 60, draws=(rolling(ada, 60, 1),)))


async def test_it_is_given_back_in_a_bucket_that_was_forgotten(books: Books, backdoor: Backdoor) -> None:
    """What this ledger knows of the limit begins later than that."""
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 100, draws=(rolling(ada, 100, 0),)))
    other = Books(books.database, Ledger(books.database))
    await other.ledger.start()
    await other.submit(payment_of(ada, bob, 10, draws=(rolling(ada, 10, 9),)))
    await other.submit(payment_of(bob, ada, 60, draws=(rolling(ada, -60, 0)._replace(ceilings=()),)))
    await other.submit(payment_of(ada, bob, 50, draws=(rolling(ada, 50, 1),)))
    with pytest.raises(LimitExceededError):
        await other.submit(payment_of(ada, bob, 1, draws=(rolling(ada, 1, 2),)))
    await other.ledger.stop()
    assert await used(backdoor) == [10, 40, 50]


async def test_more_than_was_used_is_not_given_back(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 10, draws=(rolling(ada, 10, 0),)))
    with pytest.raises(ConstraintError):
        await books.submit(payment_of(bob, ada, 11, draws=(rolling(ada, -11, 0)._replace(ceilings=()),)))
    assert await used(backdoor) == [10]
    assert await books.balances([ada, bob]) == [990, 1_010]


async def test_a_limit_in_a_currency_that_another_process_was_first_in_holds(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 1, draws=(draw(ada, 1),)))
    other = Books(books.database, Ledger(books.database))
    await other.ledger.start()
    in_euros = draw(ada, 100)._replace(currency=Currency.EUR)
    await other.submit(top_up_of(ada, 100, currency=Currency.EUR, draws=(in_euros,)))
    await other.ledger.stop()
    with pytest.raises(LimitExceededError):
        await books.submit(top_up_of(ada, 1, currency=Currency.EUR, draws=(in_euros._replace(amount=1),)))
