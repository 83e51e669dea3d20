"""Histories by chance: what some people do with their money, step by step, and what it comes to."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from ledger import (
    HoldResolvedError,
    IdempotencyConflictError,
    InsufficientFundsError,
    Ledger,
    LimitExceededError,
    Receipt,
    StaleError,
)
from models.database import Database, Query, any_of, columns_of
from models.ids import HOUSE, new_id
from models.ledger import Account, AccountCode, Entry
from models.money import Currency
from tests.proofs.events import RESOLVING, Event, Way, order_of
from tests.proofs.model import Model, Name, Outcome

CURRENCIES = (Currency.USD, Currency.JPY)
PEOPLE = 4
MOST_AT_ONCE = 6
BASIS_POINTS = (0, 1, 250, 3_333, 5_000)
LIMIT = 1_200
ASKED = {
    Way.TOP_UP: 14,
    Way.TOP_UP_HELD: 6,
    Way.TOP_UP_APPROVED: 6,
    Way.TOP_UP_DECLINED: 2,
    Way.TOP_UP_SETTLED: 2,
    Way.TIP: 22,
    Way.PAYMENT: 16,
    Way.REFUND: 18,
    Way.WITHDRAWAL: 8,
    Way.WITHDRAWAL_SENT: 5,
    Way.WITHDRAWAL_FAILED: 3,
    Way.WITHDRAWAL_RETURNED: 3,
    Way.WITHDRAWAL_SETTLED: 2,
    Way.CHARGEBACK: 7,
}
ALTERABLE = (Way.TOP_UP, Way.TIP, Way.PAYMENT, Way.CHARGEBACK)
Asked = list[tuple[Event, UUID]]
Balances = dict[Name, tuple[int, int, int, int]]


class AccountSums(NamedTuple):
    """An account as it stands in the database."""

    id: UUID
    owner_id: UUID
    code: AccountCode
    currency: Currency
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    version: int

    @property
    def balance(self) -> tuple[int, int, int, int]:
        """What it holds on its normal side, what leaves it, what comes to it, and its version."""
        debits, credits_ = self.debits_posted, self.credits_posted
        if self.code in (AccountCode.RAIL_CLEARING, AccountCode.RECEIVABLE, AccountCode.BANK_CASH):
            return debits - credits_, self.credits_pending, self.debits_pending, self.version
        return credits_ - debits, self.debits_pending, self.credits_pending, self.version


class LineRow(NamedTuple):
    """A line of a statement."""

    account_id: UUID
    version: int
    amount: int
    balance_after: int


accounts_of = Query(AccountSums, select(*columns_of(AccountSums, Account)).where(any_of(Account.owner_id)))
lines_of = Query(
    LineRow,
    select(*columns_of(LineRow, Entry))
    .where(any_of(Entry.account_id))
    .order_by(col(Entry.account_id), col(Entry.version)),
)


class History:
    """Some people and a ledger, or several on one database; a model goes along and is compared after each step."""

    def __init__(self, ledgers: Sequence[Ledger], database: Database, seed: int) -> None:
        self.model = Model()
        self.outcomes: dict[str, int] = defaultdict(int)
        self._ledgers = ledgers
        self._database = database
        self._seed = seed
        self._random = Random(seed)
        self._people = [new_id() for _ in range(PEOPLE)]
        self._past: list[Event] = []
        self._paid: list[tuple[UUID, Event]] = []
        self._log: Asked = []
        self._order: Asked = []

    async def live(self, steps: int) -> None:
        """Goes through so many steps. Raises AssertionError where the books and the model part."""
        for step in range(steps):
            ledger = self._random.choice(self._ledgers)
            await self._step(ledger, [self._next() for _ in range(self._random.randint(1, MOST_AT_ONCE))], step)
        await self._compare_statements()

    async def _step(self, ledger: Ledger, events: list[Event], step: int) -> None:
        orders = [order_of(event) for event in events]
        found = await asyncio.gather(*(ledger.submit(order) for order in orders), return_exceptions=True)
        asked = [(event, order.id) for event, order in zip(events, orders, strict=True)]
        outcomes = [outcome_of(result) for result in found]
        balances = await self._balances()
        fits = any(self._explains(asked, outcomes, balances, first) for first in range(len(asked)))
        assert fits, self._difference(asked, outcomes, balances, step)
        self._log.extend(self._order)
        for (event, order_id), outcome in zip(asked, outcomes, strict=True):
            self.outcomes[str(outcome[0])] += 1
            if outcome[0] == "posted":
                self.outcomes[event.way.name] += 1
                if event.way in (Way.TIP, Way.PAYMENT):
                    self._paid.append((order_id, event))
        self._past.extend(events)

    def _explains(self, asked: Asked, outcomes: list[Outcome], balances: Balances, first: int) -> bool:
        """Whether the answers and the balances are those of the events from `first` on, followed by those before it.

        What is asked at once is mostly posted in one batch, in its order. It may come to be in two of which the second
        one is quicker, so the model then tells the story from the beginning once more.
        """
        if first > 0:
            self.model = Model()
            for event, order_id in self._log:
                self.model.apply(event, order_id)
        self._order = asked[first:] + asked[:first]
        told = [self.model.apply(event, order_id) for event, order_id in self._order]
        return told == outcomes[first:] + outcomes[:first] and self.model.balances() == balances

    def _difference(self, asked: Asked, outcomes: list[Outcome], balances: Balances, step: int) -> str:
        self._explains(asked, outcomes, balances, len(asked))  # in the order in which it was asked
        expected = self.model.balances()
        names = [name for name in {**balances, **expected} if balances.get(name) != expected.get(name)]
        wrong = [f"{name}: {balances.get(name)} in the books, {expected.get(name)} in the model" for name in names]
        steps = [f"{event} -> {outcome}" for (event, _), outcome in zip(asked, outcomes, strict=True)]
        return "\n".join([f"history {self._seed}, step {step}:", *steps, *wrong])

    async def _balances(self) -> Balances:
        rows = await self._database.fetch(accounts_of, keys=self._people)
        return {(row.owner_id, row.code, row.currency): row.balance for row in rows if any(row.balance)}

    async def _compare_statements(self) -> None:
        accounts = await self._database.fetch(accounts_of, keys=self._people)
        rows = await self._database.fetch(lines_of, keys=[account.id for account in accounts])
        for account in accounts:
            purse = self.model.purses[account.owner_id, account.currency]
            expected = purse.lines if account.code is AccountCode.WALLET else purse.debts
            lines = [row for row in rows if row.account_id == account.id]
            assert [line.amount for line in lines] == expected, f"seed {self._seed}: the lines of {account}"
            assert [line.version for line in lines] == list(range(1, len(expected) + 1)), f"seed {self._seed}"
            assert [line.balance_after for line in lines] == [sum(expected[: n + 1]) for n in range(len(expected))]

    # What is asked next

    def _next(self) -> Event:
        chance = self._random.random()
        if self._past and chance < 0.08:
            return self._random.choice(self._past)
        alterable = [event for event in self._past[-20:] if event.way in ALTERABLE]
        if alterable and chance < 0.12:
            event = self._random.choice(alterable)
            return replace(event, amount=event.amount + self._random.randint(1, 3))
        [way] = self._random.choices(list(ASKED), list(ASKED.values()))
        if way is Way.REFUND:
            return self._refund() or self._plain(Way.TOP_UP)
        return self._resolving(way) if way in RESOLVING else self._plain(way)

    def _plain(self, way: Way) -> Event:
        person, other = self._random.sample(self._people, 2)
        amount = self._amount()
        fee = amount * self._random.choice(BASIS_POINTS) // 10_000 if way is Way.TIP else 0
        if way not in (Way.TIP, Way.PAYMENT):
            other = HOUSE
        if way in (Way.TOP_UP_SETTLED, Way.WITHDRAWAL_SETTLED):
            person = HOUSE
        theirs = way in (Way.TOP_UP, Way.TOP_UP_HELD, Way.TIP, Way.PAYMENT, Way.WITHDRAWAL)
        limited = way in (Way.TIP, Way.PAYMENT) and self._random.random() < 0.3
        return Event(
            way,
            person,
            self._random.choices(CURRENCIES, (4, 1))[0],
            amount,
            key=new_id().hex,
            actor=person if theirs else HOUSE,
            other=other,
            fee=fee,
            hold=new_id() if way in (Way.TOP_UP_HELD, Way.WITHDRAWAL) else HOUSE,
            limit=LIMIT if limited else None,
        )

    def _resolving(self, way: Way) -> Event:
        """The end of a hold: mostly of one that stands, for all or some of it, or for too much."""
        coming = way in (Way.TOP_UP_APPROVED, Way.TOP_UP_DECLINED)
        mine = [(hold_id, hold) for hold_id, hold in self.model.holds.items() if hold.coming is coming]
        standing = [(hold_id, hold) for hold_id, hold in mine if hold.stands]
        if not mine:
            return self._plain(Way.TOP_UP_HELD if coming else Way.WITHDRAWAL)
        hold_id, hold = self._random.choice(standing if standing and self._random.random() < 0.9 else mine)
        amount = self._random.choice([hold.amount, hold.amount, self._random.randint(1, hold.amount), hold.amount + 1])
        if way in (Way.TOP_UP_DECLINED, Way.WITHDRAWAL_FAILED):
            amount = hold.amount
        return Event(way, hold.person, hold.currency, amount, key=new_id().hex, actor=HOUSE, hold=hold_id)

    def _refund(self) -> Event | None:
        """Some of what is left to be given back of a payment or a tip, or all of it."""
        left = [(paid_id, paid) for paid_id, paid in self._paid if self.model.refunded[paid_id] < paid.amount]
        if not left:
            return None
        paid_id, paid = self._random.choice(left)
        given = self.model.refunded[paid_id]
        most = paid.amount - given
        amount = self._random.choice([most, self._random.randint(1, most), self._random.randint(1, most)])
        return Event(
            Way.REFUND,
            paid.person,
            paid.currency,
            amount,
            key=new_id().hex,
            actor=paid.other,
            other=paid.other,
            of=paid,
            of_id=paid_id,
            expected=given,
        )

    def _amount(self) -> int:
        return self._random.choice([self._random.randint(1, 9), self._random.randint(10, 999), 1_000])


def outcome_of(result: Receipt | BaseException) -> Outcome:
    """What the ledger answered, as the model says it."""
    match result:
        case Receipt():
            return ("replayed" if result.replayed else "posted"), result.journal_id
        case InsufficientFundsError():
            return "funds", result.available.minor_units, result.shortfall.minor_units
        case LimitExceededError():
            return "limit", result.max.minor_units, result.used.minor_units
        case HoldResolvedError():
            return "hold resolved", result.hold_id
        case IdempotencyConflictError():
            return ("conflict",)
        case StaleError():
            return ("stale",)
        case _:
            raise result
