"""The ledger against plain integers: any orders, however grouped, give the answers that arithmetic gives."""

import asyncio
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import (
    Ceiling,
    Draw,
    IdempotencyConflictError,
    InsufficientFundsError,
    LimitExceededError,
    Order,
    Receipt,
)
from ledger.kinds import payment, tip, top_up
from ledger.verify import verify
from models.ids import new_id
from models.money import Currency, Money
from tests.harness.books import Books, order

PEOPLE = 3
KEYS = 4
LIMIT = 400
TODAY = datetime(2026, 1, 2, tzinfo=UTC)
CURRENCIES = (Currency.USD, Currency.JPY)


class Step(NamedTuple):
    """One order: who asks for what. `key` is one of a few, so that steps meet under it; None is a key of its own."""

    kind: str
    who: int
    whom: int
    units: int
    basis_points: int
    currency: Currency
    key: int | None
    limited: bool


def _step(who: int, ahead: int, units: int, basis_points: int, key: int | None, *chosen: object) -> Step:
    kind, currency, limited = chosen
    assert isinstance(kind, str)
    assert isinstance(currency, Currency)
    return Step(kind, who, (who + ahead) % PEOPLE, units, basis_points, currency, key, bool(limited))


steps = st.builds(
    _step,
    st.integers(0, PEOPLE - 1),
    st.integers(1, PEOPLE - 1),
    st.integers(1, 300),
    st.sampled_from([0, 1, 500, 9_999]),
    st.none() | st.integers(0, KEYS - 1),
    st.sampled_from([top_up.KIND, payment.KIND, payment.KIND, tip.KIND, tip.KIND]),
    st.sampled_from(CURRENCIES),
    st.booleans(),
)
waves = st.lists(st.lists(steps, min_size=1, max_size=8), max_size=8)
"""Steps of one wave arrive together, and the next wave when all of them are answered."""


class Model:
    """What must come of it, in plain integers."""

    def __init__(self) -> None:
        self.balances = {(person, currency): 0 for person in range(PEOPLE) for currency in CURRENCIES}
        self.fees = dict.fromkeys(CURRENCIES, 0)
        self.deposits = dict.fromkeys(CURRENCIES, 0)
        self.used: dict[tuple[int, Currency], int] = {}
        self.versions = dict.fromkeys(self.balances, 0)
        self._asked: dict[tuple[int, int], tuple[Step, str]] = {}

    def take(self, step: Step) -> str:
        """The answer to a step."""
        if step.key is None:
            return self._post(step)
        if (step.who, step.key) in self._asked:
            first, answer = self._asked[step.who, step.key]
            if _request(first) != _request(step):
                return "conflict"
            return "replayed" if answer == "posted" else answer
        answer = self._post(step)
        self._asked[step.who, step.key] = step, answer
        return answer

    def _post(self, step: Step) -> str:
        payer, payee = (step.who, step.currency), (step.whom, step.currency)
        if step.kind != top_up.KIND and self.balances[payer] < step.units:
            return f"{step.units - self.balances[payer]} too little"
        used = self.used.get(payer, 0)
        if step.limited and used + step.units > LIMIT:
            return f"{used} used up"
        if step.limited:
            self.used[payer] = used + step.units
        self.versions[payer] += 1
        if step.kind == top_up.KIND:
            self.balances[payer] += step.units
            self.deposits[step.currency] += step.units
            return "posted"
        fee = _fee(step)
        self.balances[payer] -= step.units
        self.balances[payee] += step.units - fee
        self.fees[step.currency] += fee
        self.versions[payee] += 1
        return "posted"


def _fee(step: Step) -> int:
    return step.units * step.basis_points // 10_000 if step.kind == tip.KIND else 0


def _request(step: Step) -> object:
    """What makes two steps under one key the same request: what moves, and whereto."""
    same = (step.kind, step.currency, step.units, _fee(step))
    return same if step.kind == top_up.KIND else (*same, step.whom)


def _order(step: Step, people: list[UUID]) -> Order:
    who, whom, amount = people[step.who], people[step.whom], Money(step.units, step.currency)
    lines = {
        top_up.KIND: lambda: top_up.lines(who, amount),
        payment.KIND: lambda: payment.lines(who, whom, amount),
        tip.KIND: lambda: tip.lines(who, whom, amount, tip.fee_of(amount, step.basis_points)),
    }[step.kind]()
    draw = Draw(who, "SPEND", step.currency, TODAY, step.units, (Ceiling("SPEND", LIMIT, TODAY),))
    key = None if step.key is None else f"key {step.key}"
    return order(step.kind, who, lines, key, draws=(draw,) if step.limited else ())


def _answer(outcome: Receipt | BaseException) -> str:
    match outcome:
        case Receipt():
            return "replayed" if outcome.replayed else "posted"
        case InsufficientFundsError():
            return f"{outcome.shortfall.minor_units} too little"
        case LimitExceededError():
            return f"{outcome.used.minor_units} used up"
        case IdempotencyConflictError():
            return "conflict"
    raise outcome


@given(waves)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_agrees_with_plain_integers(books: Books, waves: list[list[Step]]) -> None:
    people = [new_id() for _ in range(PEOPLE)]
    model = Model()
    for wave in waves:
        orders = [_order(step, people) for step in wave]
        outcomes = await asyncio.gather(*map(books.submit, orders), return_exceptions=True)
        assert [_answer(outcome) for outcome in outcomes] == [model.take(step) for step in wave]

    for currency in CURRENCIES:
        balances = await books.balances(people, currency)
        assert balances == [model.balances[person, currency] for person in range(PEOPLE)]
        assert sum(balances) + model.fees[currency] == model.deposits[currency]
        for person, owner in enumerate(people):
            lines = await books.entries(owner, currency)
            assert [line.version for line in lines] == list(range(1, model.versions[person, currency] + 1))
            assert [line.balance_after for line in lines][-1:] in ([], [balances[person]])
    assert (await verify(books.database)).problems == []
