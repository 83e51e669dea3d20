"""Freezes within the ledger: whoever is frozen moves nothing, in whichever process, from the moment it is known."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import bindparam, update
from sqlmodel import col

from ledger import FrozenError, Ledger, LedgerError, Receipt, recheck
from ledger.engine import LOCKED_AFTER_CONTENTION
from models.database import Command, Database, insert, open_database
from models.freezes import Freeze
from models.ids import new_id
from models.money import Currency
from models.types import Id
from tests.conftest import Counted
from tests.harness.batches import draw
from tests.harness.books import Books, order, payment_of, top_up_of

_insert = Command(insert(Freeze).values({name: bindparam(name) for name in Freeze.model_fields}))
_thaw = Command(
    update(Freeze)
    .where(col(Freeze.subject_id) == bindparam("subject", type_=Id()))
    .values(thawed_at=bindparam("moment"))
)


async def freeze(database: Database, subject_id: UUID, user_id: UUID) -> None:
    async with database.transaction() as transaction:
        row = Freeze(id=new_id(), subject_id=subject_id, user_id=user_id, reason="", frozen_at=datetime.now(UTC))
        await transaction.run(_insert, **row.model_dump())
    async with database.transaction() as transaction:
        await recheck(transaction, user_id)


async def thaw(database: Database, subject_id: UUID, user_id: UUID) -> None:
    async with database.transaction() as transaction:
        await transaction.run(_thaw, subject=subject_id, moment=datetime.now(UTC))
    async with database.transaction() as transaction:
        await recheck(transaction, user_id)


@pytest.fixture
async def operator(database_url: str) -> AsyncIterator[Database]:
    """The database as another process has it."""
    database = await open_database(database_url, connections=1)
    yield database
    await database.close()


@pytest.fixture
async def elsewhere(database_url: str) -> AsyncIterator[Books]:
    """The ledger as another process has it."""
    database = await open_database(database_url, connections=3)
    books = Books(database, Ledger(database))
    await books.ledger.start()
    yield books
    await books.ledger.stop()
    await database.close()


async def test_who_is_frozen_elsewhere_moves_nothing_from_then_on(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await books.submit(payment_of(ada, bob, 1, movers=(ada,)))
    await freeze(operator, ada, ada)
    for _ in range(2):
        with pytest.raises(FrozenError):
            await books.submit(payment_of(ada, bob, 1, movers=(ada,)))
    await thaw(operator, ada, ada)
    await books.submit(payment_of(ada, bob, 1, movers=(ada,)))
    assert await books.balances([ada, bob]) == [98, 102]


async def test_what_others_send_arrives(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await freeze(operator, ada, ada)
    await books.submit(payment_of(bob, ada, 1, movers=(bob,)))
    assert await books.balances([ada, bob]) == [101, 99]


async def test_a_frozen_token_moves_nothing_and_its_owner_does(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    token = new_id()
    await books.submit(payment_of(ada, bob, 1, movers=(ada, token)))
    await freeze(operator, token, ada)
    with pytest.raises(FrozenError):
        await books.submit(payment_of(ada, bob, 1, movers=(ada, token)))
    await books.submit(payment_of(ada, bob, 1, movers=(ada,)))


async def test_the_refusal_stays_the_answer_under_its_key(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await freeze(operator, ada, ada)
    paid = payment_of(ada, bob, 1, "key", movers=(ada,))
    with pytest.raises(FrozenError):
        await books.submit(paid)
    await thaw(operator, ada, ada)
    with pytest.raises(FrozenError):
        await books.ledger.recall(ada, "key", paid.request_hash)


async def test_what_stood_before_is_still_told(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    paid = payment_of(ada, bob, 1, "key", movers=(ada,))
    first = await books.submit(paid)
    await freeze(operator, ada, ada)
    assert await books.submit(paid) == Receipt(first.journal_id, replayed=True)


async def test_a_wallet_in_a_new_currency_is_no_way_around_it(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await books.submit(payment_of(ada, bob, 1, movers=(ada,)))
    await freeze(operator, ada, ada)
    with pytest.raises(FrozenError):
        await books.submit(top_up_of(ada, 100, currency=Currency.EUR, movers=(ada,)))


async def test_nor_is_one_that_another_process_has_opened(books: Books, elsewhere: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await books.submit(payment_of(ada, bob, 1, movers=(ada,)))
    await elsewhere.submit(top_up_of(ada, 100, currency=Currency.EUR, movers=(ada,)))
    await freeze(operator, ada, ada)
    with pytest.raises(FrozenError):
        await books.submit(top_up_of(ada, 100, currency=Currency.EUR, movers=(ada,)))


async def test_someone_without_an_account_can_be_frozen(books: Books, operator: Database) -> None:
    ada = new_id()
    await freeze(operator, ada, ada)
    with pytest.raises(FrozenError):
        await books.submit(top_up_of(ada, 100, movers=(ada,)))


async def test_nothing_that_was_asked_for_after_the_freeze_gets_by(
    books: Books, elsewhere: Books, operator: Database
) -> None:
    """Two processes pay as fast as they can while a third one freezes."""
    ada, bob = await books.people(2, 100_000)
    frozen = asyncio.Event()
    late: list[bool] = []

    async def pays(way: Books) -> None:
        while True:
            is_late = frozen.is_set()
            try:
                await way.submit(payment_of(ada, bob, 1, movers=(ada,)))
            except FrozenError:
                return
            except LedgerError:
                continue
            late.append(is_late)

    paying = [asyncio.create_task(pays(way)) for way in (books, elsewhere) for _ in range(4)]
    await asyncio.sleep(0.1)
    await freeze(operator, ada, ada)
    frozen.set()
    await asyncio.gather(*paying)
    assert late
    assert not any(late)


async def test_looking_for_freezes_costs_no_statement(books: Books, counted: Counted) -> None:
    ada, bob = await books.people(2, 1_000)
    token = new_id()
    await books.submit(payment_of(ada, bob, 1, movers=(ada, token)))
    costs = []
    for movers in ((), (ada, token)):
        with counted() as count:
            await books.submit(payment_of(ada, bob, 1, movers=movers))
        costs.append(count.statements)
    assert costs[0] == costs[1]


async def test_nor_does_it_under_locks(books: Books, elsewhere: Books, counted: Counted) -> None:
    ada, bob = await books.people(2, 1_000)
    await elsewhere.submit(payment_of(ada, bob, 1))
    drawn = (draw(1, 1_000, owner=ada),)
    await books.submit(payment_of(ada, bob, 1, draws=drawn))  # which meets the other's change
    costs = []
    for movers in ((), (ada,)):
        assert books.ledger._locked_batches > 0
        with counted() as count:
            await books.submit(payment_of(ada, bob, 1, movers=movers, draws=drawn))
        costs.append(count.statements)
    assert costs[0] == costs[1]
    assert len(costs) < LOCKED_AFTER_CONTENTION


async def test_a_journal_of_the_house_asks_nobody(books: Books, operator: Database) -> None:
    ada, bob = await books.people(2, 100)
    await freeze(operator, ada, ada)
    await books.submit(order("RETURN", bob, payment_of(ada, bob, 5).lines))
    assert await books.balances([ada, bob]) == [95, 105]
