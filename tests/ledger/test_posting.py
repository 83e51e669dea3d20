"""Orders in the books, on both databases."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import select

from ledger import InsufficientFundsError, Ledger, Receipt, TooLargeError
from ledger.kinds.wallets import rail_clearing, wallet
from ledger.reads import balances_of_owners, entries_at
from ledger.verify import verify
from models.database import ConstraintError, Database, Query, columns_of
from models.ids import HOUSE, new_id
from models.ledger import Journal
from models.money import MAX_MINOR_UNITS, Currency, Money
from tests.conftest import Counted
from tests.harness.backdoor import Backdoor
from tests.harness.books import USD, Books, contents, order, payment_of, tip_of, top_up_of


class JournalRow(NamedTuple):
    id: UUID
    kind: str
    actor_id: UUID
    reference: str | None
    created_at: datetime


journals = Query(JournalRow, select(*columns_of(JournalRow, Journal)))


async def test_a_top_up_makes_a_wallet(books: Books) -> None:
    ada = new_id()
    receipt = await books.submit(the_order := top_up_of(ada, 500))
    [row] = await books.database.fetch(balances_of_owners, keys=[ada])
    assert receipt == Receipt(the_order.id, replayed=False, left=(row,))
    assert row[1:] == (ada, USD, 500, 0, 0, 1)


async def test_a_payment_moves_money(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    await books.submit(payment_of(ada, bob, 200))
    assert await books.balances([ada, bob]) == [300, 700]


async def test_a_payment_opens_the_payees_wallet(books: Books) -> None:
    [ada], bob = await books.people(1, 500), new_id()
    await books.submit(payment_of(ada, bob, 500))
    assert await books.balances([ada, bob]) == [0, 500]


async def test_what_would_pass_64_bits_leaves_nothing_and_its_neighbours_are_posted(
    books: Books, backdoor: Backdoor
) -> None:
    [ada], bob = await books.people(1, MAX_MINOR_UNITS), new_id()
    await books.submit(payment_of(ada, bob, MAX_MINOR_UNITS))
    before = await contents(backdoor)
    with pytest.raises(TooLargeError):
        await books.submit(payment_of(bob, ada, 1))
    assert await contents(backdoor) == before
    eve = new_id()
    orders = [payment_of(bob, eve, 1), payment_of(bob, ada, 1), payment_of(bob, eve, 2)]
    outcomes = await asyncio.gather(*map(books.submit, orders), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Receipt, TooLargeError, Receipt]
    assert await books.balances([ada, bob, eve]) == [0, MAX_MINOR_UNITS - 3, 3]
    assert (await verify(books.database)).problems == []


async def test_a_tip_without_a_fee_arrives_whole(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    await books.submit(tip_of(ada, bob, 200))
    assert await books.balances([ada, bob]) == [300, 700]
    assert await backdoor.fetch("SELECT code FROM accounts WHERE code = 'FEE_INCOME'") == []


async def test_the_fee_of_a_tip_goes_to_the_house(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    await books.submit(tip_of(ada, bob, 200, basis_points=1_000))
    assert await books.balances([ada, bob]) == [300, 680]
    assert await backdoor.fetch("SELECT credits_posted FROM accounts WHERE code = 'FEE_INCOME'") == [(20,)]


async def test_the_house_owes_what_has_come_in(books: Books, backdoor: Backdoor) -> None:
    people = await books.people(3, 500)
    await books.submit(payment_of(people[0], people[1], 100))
    rows = await backdoor.fetch("SELECT debits_posted, credits_posted FROM accounts WHERE code = 'RAIL_CLEARING'")
    assert rows == [(1_500, 0)]


async def test_a_statement_shows_each_order_and_the_balance_after_it(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    first = await books.submit(payment_of(ada, bob, 200))
    second = await books.submit(payment_of(bob, ada, 50))
    lines = [(entry.version, entry.amount, entry.balance_after) for entry in await books.entries(ada)]
    assert lines == [(1, 500, 500), (2, -200, 300), (3, 50, 350)]
    assert [entry.journal_id for entry in await books.entries(ada)][1:] == [first.journal_id, second.journal_id]


async def test_a_statement_line_is_found_by_its_owner_alone(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    [line] = await books.entries(ada)
    where = {"keys": [line.account_id], "versions": [line.version]}
    assert await books.database.fetch(entries_at, **where, owner_id=ada) == [line]
    assert await books.database.fetch(entries_at, **where, owner_id=bob) == []
    assert await books.database.fetch(entries_at, keys=[line.account_id], versions=[2], owner_id=ada) == []


async def test_currencies_do_not_mix(books: Books) -> None:
    ada, bob = new_id(), new_id()
    await books.submit(top_up_of(ada, 500, currency=Currency.JPY))
    with pytest.raises(InsufficientFundsError) as refusal:
        await books.submit(payment_of(ada, bob, 1))
    assert (refusal.value.available, refusal.value.shortfall) == (Money(0, USD), Money(1, USD))
    assert await books.balance(ada, Currency.JPY) == 500


async def test_without_funds_nothing_is_left_but_the_refusal(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 500)
    before = await contents(backdoor)

    with pytest.raises(InsufficientFundsError) as refusal:
        await books.submit(payment_of(ada, bob, 700))

    assert (refusal.value.available, refusal.value.shortfall) == (Money(500, USD), Money(200, USD))
    after = await contents(backdoor)
    assert len(after.pop("idempotency") - before.pop("idempotency")) == 1
    assert after == before


async def test_the_last_cent_can_be_spent_and_not_one_more(books: Books) -> None:
    ada, bob = await books.people(2, 500)
    await books.submit(payment_of(ada, bob, 500))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 1))
    assert await books.balances([ada, bob]) == [0, 1_000]


async def test_of_many_that_spend_the_same_money_as_many_win_as_it_pays_for(books: Books) -> None:
    [ada], shops = await books.people(1, 500), [new_id() for _ in range(50)]
    outcomes = await asyncio.gather(
        *(books.submit(payment_of(ada, shop, 200)) for shop in shops), return_exceptions=True
    )
    assert sum(isinstance(outcome, InsufficientFundsError) for outcome in outcomes) == 48
    assert await books.balance(ada) == 100
    assert sum(await books.balances(shops)) == 400


async def test_a_journal_has_the_moment_of_its_order_and_an_entry_that_of_its_posting(books: Books) -> None:
    long_ago = datetime(2020, 2, 3, 4, 5, 6, 7, UTC)
    ada = new_id()
    before = datetime.now(UTC)
    await books.submit(top_up_of(ada, 500, created_at=long_ago, reference="wire 17"))
    journal = await books.database.first(journals)
    assert journal is not None
    assert journal[1:] == ("TOP_UP", ada, "wire 17", long_ago)
    [entry] = await books.entries(ada)
    assert before <= entry.created_at <= datetime.now(UTC)


async def test_processes_use_stripes_of_the_houses_accounts(
    books: Books, database: Database, backdoor: Backdoor
) -> None:
    ada = new_id()
    for _ in range(40):
        other = Ledger(database)
        await other.start()
        await other.submit(top_up_of(ada, 10))
        await other.stop()
    stripes = await backdoor.fetch("SELECT stripe, debits_posted FROM accounts WHERE code = 'RAIL_CLEARING'")
    assert len({stripe for stripe, _ in stripes}) > 1
    assert sum(debits for _, debits in stripes) == 400
    assert await books.balance(ada) == 400


@pytest.mark.parametrize("line", ["to itself", "nothing", "a debt"])
async def test_the_database_refuses_what_no_kind_would_ask(books: Books, backdoor: Backdoor, line: str) -> None:
    ada, bob = await books.people(2, 500)
    before = await contents(backdoor)
    [one] = payment_of(ada, bob, 5).lines
    bad = {
        "to itself": one._replace(credit=one.debit),
        "nothing": one._replace(amount=0),
        "a debt": one._replace(amount=-5),
    }[line]
    with pytest.raises(ConstraintError, match=r"two_accounts|amount_positive|balance_adds_up|sums_not_negative"):
        await books.submit(order("PAYMENT", ada, (bad,)))
    assert await contents(backdoor) == before


async def test_an_order_that_posts_nothing_is_refused_and_its_neighbours_are_posted(
    books: Books, backdoor: Backdoor
) -> None:
    ada, bob = await books.people(2, 500)
    empty = order("PAYMENT", ada, ())
    outcomes = await asyncio.gather(
        *(books.submit(each) for each in (payment_of(ada, bob, 5), empty, payment_of(ada, bob, 7))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Receipt, ValueError, Receipt]
    assert await books.balances([ada, bob]) == [488, 512]
    assert await backdoor.fetch("SELECT count(*) FROM journals") == [(4,)]
    assert await books.ledger.recall(ada, empty.key, empty.request_hash) is None


async def test_a_batch_costs_as_many_statements_as_one_order(books: Books, counted: Counted) -> None:
    people = await books.people(10, 1_000)
    await books.submit(payment_of(people[0], people[1], 1))
    costs = []
    for size in (1, 100):
        with counted() as count:
            await asyncio.gather(
                *(books.submit(payment_of(people[n % 10], people[(n + 1) % 10], 1)) for n in range(size))
            )
        costs.append(count.statements)
    # All that is written, if nothing else has changed. One order alone, or all in one batch.
    assert costs == ([1, 1] if books.database.dialect == "postgresql" else [2, 2])


def test_names_of_accounts_are_distinct() -> None:
    ada = new_id()
    assert wallet(ada, USD) != wallet(ada, Currency.EUR)
    assert rail_clearing(USD).owner_id == HOUSE
