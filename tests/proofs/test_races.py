"""The same request many times at once has one effect, and the same money is spent once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from ledger import BusyError, Ledger, Order
from ledger.verify import verify
from models.database import ContentionError, Database, Query, UnavailableError, any_of, open_database
from models.ids import new_id
from models.ledger import Journal
from tests.harness.books import Books, payment_of
from tests.proofs.conftest import Say
from tests.proofs.histories import outcome_of
from tests.proofs.model import Outcome

COPIES = 8
RACERS = 50
WAVE = 100
PAUSE_SECONDS = 0.01
LEDGERS = 2


class _Count(NamedTuple):
    journals: int


journals_of = Query(_Count, select(func.count()).where(any_of(Journal.actor_id), col(Journal.kind) == "PAYMENT"))


@pytest.fixture
async def ledgers(database: Database, ledger: Ledger, database_url: str) -> AsyncIterator[list[Ledger]]:
    """Two ledgers on one database, as two processes have them."""
    other = await open_database(database_url)
    second = Ledger(other)
    await second.start()
    yield [ledger, second]
    await second.stop()
    await other.close()


@pytest.mark.parametrize(
    "keys", [pytest.param(100, id="small"), pytest.param(2_000, id="full", marks=pytest.mark.proof)]
)
async def test_copies_of_a_request_at_once_have_one_effect_and_another_request_under_its_key_has_none(
    books: Books, ledgers: list[Ledger], keys: int, seed: int, say: Say
) -> None:
    random = Random(seed)
    payers = await books.people(keys, 100)
    payees = [new_id() for _ in payers]
    counts: Counter[str] = Counter()
    for start in range(0, keys, WAVE):
        wave = list(zip(payers, payees, strict=True))[start : start + WAVE]
        for outcomes in await asyncio.gather(*(_storm(ledgers, payer, payee, random) for payer, payee in wave)):
            counts.update(outcomes)
    assert counts == {"posted": keys, "replayed": keys * (COPIES - 1), "conflict": keys}
    assert await books.balances(payers) == [90] * keys
    assert await books.balances(payees) == [10] * keys
    assert await books.database.first(journals_of, keys=payers) == (keys,)
    assert (await verify(books.database)).problems == []
    say(
        f"duplicates: {keys:,} keys, {COPIES} copies and an altered one at once, through {LEDGERS} ledgers:"
        f" {counts['posted']:,} effects, {counts['conflict']:,} conflicts, {counts['replayed']:,} replays"
    )


async def _storm(ledgers: list[Ledger], payer: UUID, payee: UUID, random: Random) -> list[str]:
    """The answers to copies of one payment, and to another one under its key that comes at a moment among them."""
    key = new_id().hex
    altered = payment_of(payer, payee, 11, key)
    first, *copies = [(random.choice(ledgers), payment_of(payer, payee, 10, key)) for _ in range(COPIES)]
    # Behind a copy in the same line, so that it is certain which of them has the key.
    copies.insert(random.randint(0, len(copies)), (first[0], altered))
    outcomes = await asyncio.gather(*(_answer(ledger, order) for ledger, order in [first, *copies]))
    [journal_id] = {outcome[1] for outcome in outcomes if len(outcome) > 1}
    assert journal_id in {order.id for _, order in [first, *copies] if order is not altered}
    return [str(outcome[0]) for outcome in outcomes]


@pytest.mark.parametrize(
    "rounds", [pytest.param(10, id="small"), pytest.param(200, id="full", marks=pytest.mark.proof)]
)
async def test_of_many_who_spend_the_same_money_at_once_one_wins(
    books: Books, ledgers: list[Ledger], rounds: int, seed: int, say: Say
) -> None:
    random = Random(seed)
    counts: Counter[str] = Counter()
    for _ in range(rounds):
        units = random.randint(1, 1_000)
        [payer], payees = await books.people(1, units), [new_id() for _ in range(RACERS)]
        racers = [(random.choice(ledgers), payment_of(payer, payee, units)) for payee in payees]
        outcomes = Counter(
            str(outcome[0]) for outcome in await asyncio.gather(*(_answer(ledger, order) for ledger, order in racers))
        )
        assert outcomes == {"posted": 1, "funds": RACERS - 1}
        assert await books.balance(payer) == 0
        assert sorted(await books.balances(payees)) == [0] * (RACERS - 1) + [units]
        counts.update(outcomes)
    assert (await verify(books.database)).problems == []
    say(
        f"double spends: {rounds} rounds of {RACERS} over money for one, through {LEDGERS} ledgers:"
        f" {counts['posted']:,} winners, {counts['funds']:,} refused"
    )


async def _answer(ledger: Ledger, order: Order) -> Outcome:
    """The answer to a request of which a busy or lost database is no answer: then it is sent again, with a new id."""
    while True:
        try:
            return outcome_of(await ledger.submit(order))
        except (BusyError, ContentionError, UnavailableError):
            await asyncio.sleep(PAUSE_SECONDS)
            order = replace(order, id=new_id())
        except Exception as error:  # noqa: BLE001 - a refusal is an answer, and what is not is raised again
            return outcome_of(error)
