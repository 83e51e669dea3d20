"""Orders that wait together are posted together, and each has its own answer whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

import pytest

from ledger import BusyError, InsufficientFundsError, Ledger, Line, Order, Receipt, engine
from ledger.kinds.wallets import payout_clearing, wallet
from ledger.verify import verify
from models.database import ContentionError, Database, Guard, Others, RowSet, UnavailableError, UniqueError
from models.ids import new_id
from models.ledger import Phase
from models.money import Currency
from tests.harness.books import USD, Books, order, payment_of, top_up_of
from tests.harness.faults import FaultyDatabase


@pytest.fixture
def faulty(database: Database) -> FaultyDatabase:
    return FaultyDatabase(database)


@pytest.fixture
async def books(faulty: FaultyDatabase) -> AsyncIterator[Books]:
    """Books on a database that fails when it is told to."""
    ledger = Ledger(faulty)
    await ledger.start()
    yield Books(faulty, ledger)
    await ledger.stop()
    assert (await verify(faulty)).problems == []


async def outcomes(books: Books, orders: Sequence[Order]) -> list[Receipt | BaseException]:
    return await asyncio.gather(*map(books.submit, orders), return_exceptions=True)


async def test_what_waits_is_posted_in_one_transaction(books: Books, faulty: FaultyDatabase) -> None:
    ada, bob = await books.people(2, 1_000)
    before = faulty.transactions
    await outcomes(books, [payment_of(ada, bob, 1) for _ in range(engine.MAX_BATCH)])
    assert faulty.transactions - before == 1


async def test_no_batch_is_larger_than_a_transaction_should_be(books: Books, faulty: FaultyDatabase) -> None:
    ada, bob = await books.people(2, 1_000)
    before = faulty.transactions
    await outcomes(books, [payment_of(ada, bob, 1) for _ in range(2 * engine.MAX_BATCH + 1)])
    assert faulty.transactions - before >= 3
    assert await books.balance(ada) == 1_000 - 2 * engine.MAX_BATCH - 1


async def test_what_comes_first_is_posted_first(books: Books) -> None:
    [ada], bob = await books.people(1, 100), new_id()
    receipts = await outcomes(books, [payment_of(ada, bob, 30) for _ in range(5)])
    assert [isinstance(receipt, Receipt) for receipt in receipts] == [True, True, True, False, False]


async def test_each_has_its_own_answer(books: Books) -> None:
    ada, bob = await books.people(2, 100)
    orders = [
        payment_of(ada, bob, units, key) for units, key in ((60, "a"), (60, "b"), (60, "a"), (61, "a"), (40, "c"))
    ]
    answers = await outcomes(books, orders)
    assert [type(answer).__name__ for answer in answers] == [
        "Receipt",
        "InsufficientFundsError",
        "Receipt",
        "IdempotencyConflictError",
        "Receipt",
    ]


# Contention and outages


@pytest.mark.parametrize("error", [ContentionError, UniqueError])
async def test_a_batch_that_loses_against_another_process_is_tried_again(
    books: Books, faulty: FaultyDatabase, error: type[Exception]
) -> None:
    ada, bob = await books.people(2, 100)
    faulty.before = [error("lost")] * 3
    receipts = await outcomes(books, [payment_of(ada, bob, 1) for _ in range(10)])
    assert all(isinstance(receipt, Receipt) and not receipt.replayed for receipt in receipts)
    assert await books.balance(ada) == 90


async def test_contention_without_end_is_told_to_each(
    books: Books, faulty: FaultyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    ada, bob = await books.people(2, 100)
    faulty.before = [ContentionError("lost")] * 100
    assert {type(answer) for answer in await outcomes(books, [payment_of(ada, bob, 1) for _ in range(5)])} == {
        ContentionError
    }
    faulty.before = []
    await books.submit(payment_of(ada, bob, 1))


async def test_an_outage_is_told_to_each_and_later_orders_go_on(books: Books, faulty: FaultyDatabase) -> None:
    ada, bob = await books.people(2, 100)
    orders = [payment_of(ada, bob, 1, f"key {n}") for n in range(10)]
    faulty.before = [UnavailableError("gone")]
    assert {type(answer) for answer in await outcomes(books, orders)} == {UnavailableError}
    assert await books.balance(ada) == 100
    receipts = await outcomes(books, orders)
    assert all(isinstance(receipt, Receipt) and not receipt.replayed for receipt in receipts)
    assert await books.balance(ada) == 90


async def test_a_retry_finds_out_what_became_of_a_commit_that_was_never_answered(
    books: Books, faulty: FaultyDatabase
) -> None:
    ada, bob = await books.people(2, 100)
    orders = [payment_of(ada, bob, 20, f"key {n}") for n in range(6)]
    faulty.after = [UnavailableError("gone around the commit")]
    assert {type(answer) for answer in await outcomes(books, orders)} == {UnavailableError}

    answers = await outcomes(books, orders)

    assert answers[:5] == [Receipt(order.id, replayed=True) for order in orders[:5]]
    assert isinstance(answers[5], InsufficientFundsError)
    assert await books.balances([ada, bob]) == [0, 200]


async def test_what_a_batch_that_was_undone_had_opened_is_opened_again(books: Books, faulty: FaultyDatabase) -> None:
    people = [new_id() for _ in range(3)]
    faulty.before = [UnavailableError("gone")]
    await outcomes(books, [top_up_of(person, 10) for person in people])
    await outcomes(books, [top_up_of(person, 10) for person in people])
    assert await books.balances(people) == [10, 10, 10]


# Callers that leave, a queue that is full, and the end


async def test_an_order_is_posted_though_its_caller_has_gone(books: Books) -> None:
    ada, bob = await books.people(2, 100)
    order = payment_of(ada, bob, 10, "key")
    caller = asyncio.create_task(books.submit(order))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await books.submit(order) == Receipt(order.id, replayed=True)
    assert await books.balance(ada) == 90


async def test_a_refusal_that_nobody_waits_for_disturbs_nobody(books: Books) -> None:
    ada, bob = await books.people(2, 100)
    callers = [asyncio.create_task(books.submit(payment_of(ada, bob, 1_000))) for _ in range(10)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer).__name__ for answer in answers] == ["CancelledError", "InsufficientFundsError"] * 5


async def test_a_full_queue_is_busy_and_nothing_of_what_it_turned_away_is_posted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "MAX_WAITING", 3)
    ledger = Ledger(database)
    books = Books(database, ledger)
    people = [new_id() for _ in range(5)]
    callers = [asyncio.create_task(books.submit(top_up_of(person, 10))) for person in people]
    await asyncio.sleep(0)
    await ledger.start()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Receipt] * 3 + [BusyError] * 2
    assert await books.balances(people) == [10, 10, 10, 0, 0]
    await books.submit(top_up_of(people[4], 10))
    await ledger.stop()


async def test_stopping_answers_all_that_wait(database: Database) -> None:
    ledger = Ledger(database)
    await ledger.start()
    books = Books(database, ledger)
    people = [new_id() for _ in range(2 * engine.MAX_BATCH)]
    callers = [asyncio.create_task(books.submit(top_up_of(person, 10))) for person in people]
    await asyncio.sleep(0)
    await ledger.stop()
    assert await books.balances(people) == [10] * len(people)  # at once: the next thing to stop is the database
    assert {type(receipt) for receipt in await asyncio.gather(*callers)} == {Receipt}


async def test_a_stopped_ledger_is_busy(database: Database) -> None:
    ledger = Ledger(database)
    await ledger.start()
    await ledger.stop()
    with pytest.raises(BusyError):
        await ledger.submit(top_up_of(new_id(), 10))


async def test_a_ledger_that_was_never_started_can_be_stopped(database: Database) -> None:
    await Ledger(database).stop()


# Batches that are made while another one is written


class Slow(FaultyDatabase):
    """Its writes wait until they are let go."""

    def __init__(self, real: Database) -> None:
        super().__init__(real)
        self.go = asyncio.Event()
        self.go.set()

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        await self.go.wait()
        await super().write(guard, sets, others)


@pytest.fixture
async def slow(database: Database) -> AsyncIterator[tuple[Books, Slow]]:
    slow = Slow(database)
    ledger = Ledger(slow)
    await ledger.start()
    yield Books(slow, ledger), slow
    await ledger.stop()
    assert (await verify(database)).problems == []


async def in_two_flights(books: Books, slow: Slow, first: Order, second: Order) -> list[Receipt | BaseException]:
    """The outcomes of two orders, the second of which is made while the first is in flight."""
    slow.go.clear()
    callers = []
    for one in (first, second):
        callers.append(asyncio.create_task(books.submit(one)))
        await asyncio.sleep(0.05)
    slow.go.set()
    return await asyncio.gather(*callers, return_exceptions=True)


async def test_a_batch_spends_what_the_one_before_it_brings(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    [ada, bob, eve] = await books.people(3, 100)
    answers = await in_two_flights(books, database, payment_of(ada, bob, 100), payment_of(bob, eve, 200))
    assert [type(answer) for answer in answers] == [Receipt, Receipt]
    assert await books.balances([ada, bob, eve]) == [0, 0, 300]


async def test_another_processs_change_is_not_taken_for_that_of_the_batch_before(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    other = Ledger(database._real)
    await other.start()
    ada, bob = await books.people(2, 100)
    held = order("HELD", ada, (Line(wallet(ada, USD), payout_clearing(USD), 10, Phase.PEND, id=new_id()),))
    database.go.clear()
    ours = []
    for one in (payment_of(ada, bob, 60), held):
        ours.append(asyncio.create_task(books.submit(one)))
        await asyncio.sleep(0.05)
    await other.submit(payment_of(ada, bob, 30))  # as many changes of her wallet as the first batch makes, but another
    database.go.set()
    await asyncio.gather(*ours)
    await other.stop()
    assert await books.balances([ada, bob]) == [0, 190]


async def test_a_batch_that_spends_what_never_came_is_made_anew(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    [ada, bob, eve] = await books.people(3, 100)
    database.before = [UnavailableError("gone")]
    answers = await in_two_flights(books, database, payment_of(ada, bob, 100), payment_of(bob, eve, 200))
    assert [type(answer) for answer in answers] == [UnavailableError, InsufficientFundsError]
    assert await books.balances([ada, bob, eve]) == [100, 100, 100]


async def test_a_key_that_the_batch_before_took_is_free_if_that_one_fails(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    [ada, bob, eve] = await books.people(3, 100)
    first, again = payment_of(ada, bob, 60, "key"), payment_of(ada, bob, 60, "key")
    database.before = [UnavailableError("gone")]
    answers = await in_two_flights(books, database, first, again)
    assert isinstance(answers[0], UnavailableError)
    assert isinstance(answers[1], Receipt)
    assert (answers[1].journal_id, answers[1].replayed) == (again.id, False)
    assert await books.balances([ada, bob, eve]) == [40, 160, 100]


async def test_a_conflict_with_the_batch_before_is_none_if_that_one_fails(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    [ada] = await books.people(1, 100)
    await books.submit(top_up_of(ada, 1, currency=Currency.EUR))
    database.before = [UnavailableError("gone")]
    # They touch no account in common, so no guard tells the second of the first.
    orders = [top_up_of(ada, 10, "key", currency) for currency in (Currency.USD, Currency.EUR)]
    answers = await in_two_flights(books, database, *orders)
    assert isinstance(answers[0], UnavailableError)
    assert isinstance(answers[1], Receipt)
    assert (answers[1].journal_id, answers[1].replayed) == (orders[1].id, False)
    assert [await books.balance(ada, currency) for currency in (Currency.USD, Currency.EUR)] == [100, 11]


async def test_a_refusal_that_the_batch_before_caused_does_not_outlive_it(slow: tuple[Books, Slow]) -> None:
    books, database = slow
    [ada, bob] = await books.people(2, 100)
    database.before = [UnavailableError("gone")]
    answers = await in_two_flights(books, database, payment_of(ada, bob, 60), payment_of(ada, bob, 70))
    assert [type(answer) for answer in answers] == [UnavailableError, Receipt]
    assert await books.balances([ada, bob]) == [30, 170]


async def test_an_order_is_made_of_what_another_process_left(books: Books, database: Database) -> None:
    other = Ledger(database)
    await other.start()
    ada, bob = await books.people(2, 100)
    await other.submit(payment_of(ada, bob, 60))
    with pytest.raises(InsufficientFundsError) as refusal:
        await books.submit(payment_of(ada, bob, 50))
    assert refusal.value.available.minor_units == 40
    await other.submit(payment_of(bob, ada, 10))
    await books.submit(payment_of(ada, bob, 50))
    await other.stop()
    assert await books.balances([ada, bob]) == [0, 200]


async def test_what_is_kept_in_mind_is_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_KNOWN", 5)
    people = await books.people(20, 100)
    for payer, payee in pairwise(people):
        await books.submit(payment_of(payer, payee, 100))
        assert len(books.ledger._books) < 20
    assert await books.balances(people) == [0] + [100] * 18 + [200]
