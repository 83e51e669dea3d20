"""One key, one effect: at once, later, and in another process."""

import asyncio

import pytest

from ledger import IdempotencyConflictError, InsufficientFundsError, Ledger, Receipt
from ledger.kinds.wallets import wallet
from models.database import Database, open_database
from models.ids import new_id
from models.money import Money
from tests.conftest import Counted
from tests.harness.backdoor import Backdoor
from tests.harness.books import USD, Books, contents, payment_of, top_up_of


async def test_a_retry_replays(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    first = await books.submit(payment_of(ada, bob, 200, "key"))
    before = await contents(backdoor)
    assert await books.submit(payment_of(ada, bob, 200, "key")) == Receipt(first.journal_id, replayed=True)
    assert await contents(backdoor) == before


async def test_another_request_under_the_key_is_a_conflict(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    first = payment_of(ada, bob, 200, "key")
    await books.submit(first)
    before = await contents(backdoor)
    with pytest.raises(IdempotencyConflictError) as conflict:
        await books.submit(payment_of(ada, bob, 201, "key"))
    assert conflict.value.first_used_at == first.created_at
    assert await contents(backdoor) == before


async def test_a_refusal_stays_after_money_has_come(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    with pytest.raises(InsufficientFundsError) as first:
        await books.submit(payment_of(ada, bob, 700, "key"))
    await books.submit(top_up_of(ada, 10_000))
    with pytest.raises(InsufficientFundsError) as again:
        await books.submit(payment_of(ada, bob, 700, "key"))
    assert again.value.stored() == first.value.stored()
    assert (again.value.available, again.value.shortfall) == (Money(500, USD), Money(200, USD))
    assert await books.balances([ada, bob]) == [10_500, 500]
    await books.submit(payment_of(ada, bob, 700, "a new key"))


async def test_another_request_under_a_refused_key_is_a_conflict(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 700, "key"))
    with pytest.raises(IdempotencyConflictError):
        await books.submit(payment_of(ada, bob, 5, "key"))


async def test_two_with_one_key_in_one_batch_are_one(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    orders = [payment_of(ada, bob, 200, "key") for _ in range(2)]
    receipts = await asyncio.gather(*map(books.submit, orders))
    assert [(receipt.journal_id, receipt.replayed) for receipt in receipts] == [
        (orders[0].id, False),
        (orders[0].id, True),
    ]
    assert await books.balance(bob) == 700


async def test_a_storm_of_one_key_has_one_effect(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    copies = (books.submit(payment_of(ada, bob, 2, "key")) for _ in range(1_000))
    receipts = await asyncio.gather(*copies)
    assert sorted(receipt.replayed for receipt in receipts) == [False] + [True] * 999
    assert len({receipt.journal_id for receipt in receipts}) == 1
    assert await books.balances([ada, bob]) == [498, 502]


async def test_many_keys_with_copies_and_an_altered_one(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)
    orders = [payment_of(ada, bob, 2 if copy < 8 else 3, f"key {key}") for copy in range(9) for key in range(50)]
    outcomes = await asyncio.gather(*map(books.submit, orders), return_exceptions=True)
    assert sum(isinstance(outcome, Receipt) and not outcome.replayed for outcome in outcomes) == 50
    assert sum(isinstance(outcome, IdempotencyConflictError) for outcome in outcomes) == 50
    assert await books.balances([ada, bob]) == [900, 1_100]


async def test_the_same_key_of_two_people_is_two_keys(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    receipts = await asyncio.gather(
        books.submit(payment_of(ada, bob, 200, "key")), books.submit(payment_of(bob, ada, 50, "key"))
    )
    assert [receipt.replayed for receipt in receipts] == [False, False]
    assert await books.balances([ada, bob]) == [350, 650]


@pytest.mark.parametrize("key", ["", " ", "ключ", "k" * 255, 'it\'s "quoted" \\ {}', "\n\t\x01"])
async def test_any_text_can_be_a_key(books: Books, key: str) -> None:
    ada, bob = await books.people(2, 500)
    await books.submit(payment_of(ada, bob, 1, key))
    await books.submit(payment_of(ada, bob, 1, key + "x"))
    assert (await books.submit(payment_of(ada, bob, 1, key))).replayed
    assert await books.balance(bob) == 502


async def test_a_key_is_remembered_by_the_database_alone(books: Books, database_url: str) -> None:
    ada, bob = await books.people(2, 500)
    first = await books.submit(payment_of(ada, bob, 200, "key"))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 700, "another"))

    later = await open_database(database_url)
    ledger = Ledger(later)
    await ledger.start()
    assert await ledger.submit(payment_of(ada, bob, 200, "key")) == Receipt(first.journal_id, replayed=True)
    with pytest.raises(InsufficientFundsError):
        await ledger.submit(payment_of(ada, bob, 700, "another"))
    await ledger.stop()
    await later.close()


async def test_recalls_what_a_key_stands_for(books: Books, ledger: Ledger, counted: Counted) -> None:
    ada, bob = await books.people(2, 500)
    posted, refused = payment_of(ada, bob, 200, "key"), payment_of(ada, bob, 700, "another")
    assert await ledger.recall(ada, "key", posted.request_hash) is None
    await books.submit(posted)
    with pytest.raises(InsufficientFundsError):
        await books.submit(refused)

    with counted() as count:
        assert await ledger.recall(ada, "key", posted.request_hash) == Receipt(posted.id, replayed=True)
    assert count.statements == 1
    assert await ledger.recall(bob, "key", posted.request_hash) is None
    with pytest.raises(IdempotencyConflictError):
        await ledger.recall(ada, "key", b"another request")
    with pytest.raises(InsufficientFundsError):
        await ledger.recall(ada, "another", refused.request_hash)


async def test_an_order_that_opens_its_actors_wallet_is_replayed_too(books: Books, database: Database) -> None:
    ada = new_id()
    receipts = await asyncio.gather(*(books.submit(top_up_of(ada, 500, "key")) for _ in range(20)))
    assert sum(receipt.replayed for receipt in receipts) == 19
    assert await books.balance(ada) == 500
    assert wallet(ada, USD).stripe == 0
