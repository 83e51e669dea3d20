"""Several processes on one database, as ledgers with connections of their own."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from ledger import (
    Ceiling,
    Draw,
    IdempotencyConflictError,
    InsufficientFundsError,
    Ledger,
    LimitExceededError,
    Line,
    Order,
    Receipt,
)
from ledger.engine import LOCKED_AFTER_CONTENTION
from ledger.kinds.wallets import wallet
from ledger.verify import verify
from models.database import open_database
from models.ids import new_id
from models.ledger import Phase
from models.money import Currency
from models.types import EPOCH
from tests.harness.books import USD, Books, order, payment_of, tip_of, top_up_of

PROCESSES = 3


@pytest.fixture
async def many(database_url: str) -> AsyncIterator[list[Books]]:
    """Books that share a database and nothing else."""
    databases = [await open_database(database_url, connections=3) for _ in range(PROCESSES)]
    many = [Books(database, Ledger(database)) for database in databases]
    for books in many:
        await books.ledger.start()
    yield many
    for books in many:
        await books.ledger.stop()
    problems = (await verify(databases[0])).problems
    for database in databases:
        await database.close()
    assert problems == []


async def test_a_key_has_one_effect_whoever_hears_it_first(many: list[Books]) -> None:
    ada, bob = await many[0].people(2, 1_000)
    keys = [f"key {n}" for n in range(40)]
    receipts = await asyncio.gather(
        *(books.submit(payment_of(ada, bob, 5, key)) for key in keys for books in many for _ in range(3))
    )
    assert sum(not receipt.replayed for receipt in receipts) == len(keys)
    assert len({receipt.journal_id for receipt in receipts}) == len(keys)
    assert await many[0].balances([ada, bob]) == [800, 1_200]


async def test_a_wallet_is_opened_once_whoever_is_first(many: list[Books]) -> None:
    people = [new_id() for _ in range(20)]
    await asyncio.gather(*(books.submit(top_up_of(person, 10, "key")) for person in people for books in many))
    await asyncio.gather(*(books.submit(top_up_of(person, 1)) for person in people for books in many))
    assert await many[0].balances(people) == [10 + PROCESSES] * len(people)


async def test_altered_copies_are_conflicts_and_one_of_them_wins(many: list[Books]) -> None:
    ada, bob = await many[0].people(2, 1_000)
    answers = await asyncio.gather(
        *(
            books.submit(payment_of(ada, bob, 1 + number, f"key {key}"))
            for key in range(20)
            for number, books in enumerate(many)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Receipt) for answer in answers) == 20
    assert sum(isinstance(answer, IdempotencyConflictError) for answer in answers) == 20 * (PROCESSES - 1)


async def test_a_limit_holds_whichever_process_it_was_drawn_on_in(many: list[Books]) -> None:
    here, there = many[0], many[1]
    ada, bob = await here.people(2, 1_000)

    ceilings = (Ceiling("SPEND", 100, EPOCH),)

    def payment(amount: int) -> Order:
        return payment_of(ada, bob, amount, draws=(Draw(ada, "SPEND", USD, EPOCH, amount, ceilings),))

    await here.submit(payment(40))
    await there.submit(payment(40))
    # From here on her wallet is known here as it is, but nobody has asked what she has spent there.
    for _ in range(LOCKED_AFTER_CONTENTION + 1):
        await here.submit(payment_of(bob, ada, 1))
    with pytest.raises(LimitExceededError):
        await here.submit(payment(40))


async def test_money_that_is_spent_twice_at_once_is_spent_once(many: list[Books]) -> None:
    for _ in range(10):
        [ada] = await many[0].people(1, 100)
        shops = [new_id() for _ in range(PROCESSES * 4)]
        answers = await asyncio.gather(
            *(many[n % PROCESSES].submit(payment_of(ada, shop, 100)) for n, shop in enumerate(shops)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, Receipt) for answer in answers) == 1
        assert sum(isinstance(answer, InsufficientFundsError) for answer in answers) == len(shops) - 1
        assert await many[0].balance(ada) == 0


async def test_cross_payments_neither_lock_each_other_out_nor_make_or_lose_money(many: list[Books]) -> None:
    people = await many[0].people(8, 500)
    chance = random.Random(1)

    async def client(books: Books) -> int:
        posted = 0
        for _ in range(15):
            payer, payee = chance.sample(people, 2)
            order = chance.choice((payment_of, tip_of))(payer, payee, chance.randrange(1, 200))
            try:
                await books.submit(order)
            except InsufficientFundsError:
                continue
            posted += 1
        return posted

    async def watch() -> None:
        while True:
            balances = await many[-1].balances(people)
            assert sum(balances) == 8 * 500
            assert min(balances) >= 0
            await asyncio.sleep(0.005)

    watching = asyncio.create_task(watch())
    posted = await asyncio.gather(*(client(books) for books in many for _ in range(8)))
    watching.cancel()
    await asyncio.wait([watching])
    assert watching.cancelled()
    assert sum(posted) > 0
    assert sum(await many[0].balances(people)) == 8 * 500


async def test_one_key_for_two_currencies_at_once_is_a_conflict(many: list[Books]) -> None:
    # The one case in which two batches with the same key lock no account in common.
    for _ in range(10):
        ada = new_id()
        currencies = (Currency.USD, Currency.EUR)
        for currency in currencies:
            await many[0].submit(top_up_of(ada, 10, currency=currency))
        answers = await asyncio.gather(
            *(
                books.submit(top_up_of(ada, 5, "key", currency))
                for books, currency in zip(many, currencies, strict=False)
            ),
            return_exceptions=True,
        )
        assert sorted(type(answer).__name__ for answer in answers) == ["IdempotencyConflictError", "Receipt"]
        assert sum([await many[0].balance(ada, currency) for currency in currencies]) == 25


async def test_holds_of_several_processes_add_up(many: list[Books]) -> None:
    # A hold makes no entry, so no chain of entries would tell of one that is lost.
    ada, bob = await many[0].people(2, 50)
    line = Line(wallet(ada, USD), wallet(bob, USD), 1, Phase.PEND)
    answers = await asyncio.gather(
        *(books.submit(order("HOLD", ada, (line,))) for _ in range(20) for books in many), return_exceptions=True
    )
    assert sum(isinstance(answer, Receipt) for answer in answers) == 50
    assert sum(isinstance(answer, InsufficientFundsError) for answer in answers) == 20 * PROCESSES - 50
    assert await many[0].balances([ada, bob]) == [0, 50]
