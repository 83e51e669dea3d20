"""The books as plain integers: what the ledger must come to, told the simplest way."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.ids import HOUSE
from models.ledger import AccountCode
from models.money import Currency
from tests.proofs.events import RESOLVING, Event, Way

Outcome = tuple[Any, ...]
Name = tuple[UUID, AccountCode, Currency]


@dataclass(slots=True)
class Purse:
    """One person's money in one currency, what they owe, and the lines of both statements."""

    posted: int = 0
    held: int = 0
    coming: int = 0
    owed: int = 0
    lines: list[int] = field(default_factory=list)
    debts: list[int] = field(default_factory=list)

    @property
    def available(self) -> int:
        return self.posted - self.held


@dataclass(slots=True)
class Hold:
    """Money set aside: into a wallet or out of it."""

    person: UUID
    currency: Currency
    amount: int
    coming: bool
    stands: bool = True


class Model:
    """What has happened so far."""

    def __init__(self) -> None:
        self.purses: dict[tuple[UUID, Currency], Purse] = defaultdict(Purse)
        self.house: dict[tuple[AccountCode, Currency], int] = defaultdict(int)
        self.holds: dict[UUID, Hold] = {}
        self.refunded: dict[UUID, int] = defaultdict(int)
        self.spent: dict[tuple[UUID, Currency], int] = defaultdict(int)
        self.journals = 0
        self._claims: dict[tuple[UUID, str], tuple[bytes, Outcome]] = {}

    def apply(self, event: Event, order_id: UUID) -> Outcome:
        """Does what the event says, and tells what the ledger must answer."""
        claim = self._claims.get((event.actor, event.key))
        if claim is not None:
            if claim[0] != event.request:
                return ("conflict",)
            return ("replayed", claim[1][1]) if claim[1][0] == "posted" else claim[1]
        if event.of is not None and self.refunded[event.of_id] != event.expected:
            return ("stale",)
        refusal = self._refusal(event)
        outcome = refusal or ("posted", order_id)
        self._claims[event.actor, event.key] = event.request, outcome
        if refusal is None:
            self._post(event)
        return outcome

    def balances(self) -> dict[Name, tuple[int, int, int, int]]:
        """What each person's account must hold, what leaves it, what comes to it, and its version."""
        balances: dict[Name, tuple[int, int, int, int]] = {}
        for (person, currency), purse in self.purses.items():
            wallet = purse.posted, purse.held, purse.coming, len(purse.lines)
            balances[person, AccountCode.WALLET, currency] = wallet
            balances[person, AccountCode.RECEIVABLE, currency] = purse.owed, 0, 0, len(purse.debts)
        return {name: balance for name, balance in balances.items() if any(balance)}

    def _refusal(self, event: Event) -> Outcome | None:
        if event.way in RESOLVING:
            hold = self.holds.get(event.hold)
            if hold is None or not hold.stands or event.amount > hold.amount:
                return "hold resolved", event.hold
        payer = self.purses[event.other if event.way is Way.REFUND else event.person, event.currency]
        needed = _needed(event)
        if needed > payer.available:
            return "funds", payer.available, needed - payer.available
        spent = self.spent[event.person, event.currency]
        if event.limit is not None and spent + event.amount > event.limit:
            return "limit", event.limit, spent
        return None

    def _post(self, event: Event) -> None:
        self.journals += 1
        if event.limit is not None:
            self.spent[event.person, event.currency] += event.amount
        if event.of is not None:
            self.refunded[event.of_id] += event.amount
        touched = {(person, event.currency) for person in (event.person, event.other) if person != HOUSE}
        before = {name: (self.purses[name].posted, self.purses[name].owed) for name in touched}
        self._move(event)
        for name, (posted, owed) in before.items():
            purse = self.purses[name]
            swept = max(0, min(purse.posted - posted, purse.owed, purse.available))
            purse.posted -= swept
            purse.owed -= swept
            purse.lines.extend(line for line in [purse.posted - posted] if line)
            purse.debts.extend(line for line in [purse.owed - owed] if line)

    def _move(self, event: Event) -> None:
        person, other = self.purses[event.person, event.currency], self.purses[event.other, event.currency]
        if event.way in (Way.TIP, Way.PAYMENT, Way.REFUND):
            self._between(event, person, other)
        elif event.way.name.startswith("WITHDRAWAL"):
            self._out(event, person)
        else:
            self._in(event, person)

    def _in(self, event: Event, person: Purse) -> None:
        amount = event.amount
        match event.way:
            case Way.TOP_UP:
                person.posted += amount
                self._house(AccountCode.RAIL_CLEARING, event, amount)
            case Way.TOP_UP_HELD:
                person.coming += amount
                self.holds[event.hold] = Hold(event.person, event.currency, amount, coming=True)
            case Way.TOP_UP_APPROVED:
                person.coming -= self._resolve(event)
                person.posted += amount
                self._house(AccountCode.RAIL_CLEARING, event, amount)
            case Way.TOP_UP_DECLINED:
                person.coming -= self._resolve(event)
            case Way.TOP_UP_SETTLED:
                self._house(AccountCode.BANK_CASH, event, amount)
                self._house(AccountCode.RAIL_CLEARING, event, -amount)
            case Way.CHARGEBACK:
                taken = min(amount, person.available)
                person.posted -= taken
                person.owed += amount - taken
                self._house(AccountCode.RAIL_CLEARING, event, -amount)

    def _between(self, event: Event, person: Purse, other: Purse) -> None:
        amount = event.amount
        match event.way:
            case Way.TIP:
                person.posted -= amount
                other.posted += amount - event.fee
                self._house(AccountCode.FEE_INCOME, event, event.fee)
            case Way.PAYMENT:
                person.posted -= amount
                other.posted += amount
            case Way.REFUND:
                share = fee_share(event)
                other.posted -= amount - share
                person.posted += amount
                self._house(AccountCode.FEE_INCOME, event, -share)

    def _out(self, event: Event, person: Purse) -> None:
        amount = event.amount
        match event.way:
            case Way.WITHDRAWAL:
                person.held += amount
                self.holds[event.hold] = Hold(event.person, event.currency, amount, coming=False)
            case Way.WITHDRAWAL_SENT:
                person.held -= self._resolve(event)
                person.posted -= amount
                self._house(AccountCode.PAYOUT_CLEARING, event, amount)
            case Way.WITHDRAWAL_FAILED:
                person.held -= self._resolve(event)
            case Way.WITHDRAWAL_RETURNED:
                person.posted += amount
                self._house(AccountCode.PAYOUT_CLEARING, event, -amount)
            case Way.WITHDRAWAL_SETTLED:
                self._house(AccountCode.PAYOUT_CLEARING, event, -amount)
                self._house(AccountCode.BANK_CASH, event, -amount)

    def _house(self, code: AccountCode, event: Event, amount: int) -> None:
        self.house[code, event.currency] += amount

    def _resolve(self, event: Event) -> int:
        hold = self.holds[event.hold]
        hold.stands = False
        return hold.amount


def fee_share(event: Event) -> int:
    """What a refund gives back of the fee: what is due by then, less what was given back before."""
    assert event.of is not None, "a refund gives something back"
    fee, whole = event.of.fee, event.of.amount
    return fee * (event.expected + event.amount) // whole - fee * event.expected // whole


def _needed(event: Event) -> int:
    if event.way is Way.REFUND:
        return event.amount - fee_share(event)
    return event.amount if event.way in (Way.TIP, Way.PAYMENT, Way.WITHDRAWAL) else 0
