"""One batch: orders posted together, each with its own outcome. Pure: it is given rows and gives rows.

One order that lacks funds never harms its neighbours: an order is tried on copies of the balances that it touches,
which count only if it fits.
"""

from collections.abc import Iterable, Mapping
from copy import copy
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from ledger.balances import Balance
from ledger.orders import (
    AccountName,
    Draw,
    IdempotencyConflictError,
    InsufficientFundsError,
    LedgerError,
    LimitExceededError,
    Line,
    Order,
    Receipt,
    RefusalError,
    Write,
    refusal_from,
)
from ledger.statements import AccountRow, ClaimRow, UsageRow
from models.ids import new_id
from models.money import Money

Outcome = Receipt | LedgerError
Usage = tuple[UUID, str, str, datetime]


class Claim(NamedTuple):
    """A key that is taken: by which request, and what became of it."""

    request_hash: bytes
    outcome: Receipt | RefusalError
    created_at: datetime


class Batch:
    """What a set of orders does to the books as they were read, locked, for it."""

    def __init__(
        self,
        accounts: Mapping[AccountName, AccountRow],
        claims: Iterable[ClaimRow],
        usage: Iterable[UsageRow],
        now: datetime,
    ) -> None:
        self.journals: list[dict[str, Any]] = []
        self.postings: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self.claims: list[dict[str, Any]] = []
        self.draws: list[Draw] = []
        self.writes: list[Write] = []
        self._balances = {name: Balance.of(account) for name, account in accounts.items()}
        self._changed: set[AccountName] = set()
        self._claims = {(claim.actor_id, claim.key): _claim(claim) for claim in claims}
        self._usage: dict[Usage, int] = {tuple(row[:4]): row.used for row in usage}  # type: ignore[misc]
        self._now = now

    def add(self, order: Order) -> Outcome:
        """Posts the order, replays it, or says why not."""
        claim = self._claims.get((order.actor_id, order.key))
        if claim is not None:
            return _answer(claim, order.request_hash)
        outcome: Receipt | RefusalError
        try:
            self._post(order)
            outcome = Receipt(order.id, replayed=False)
        except RefusalError as refusal:
            outcome = refusal
        self._claim(order, outcome)
        return outcome

    def changed(self) -> list[Balance]:
        """The accounts with other sums than before, in the order of their ids."""
        return sorted((self._balances[name] for name in self._changed), key=lambda balance: balance.account.id)

    def _post(self, order: Order) -> None:
        touched = self._moved(order.lines)
        self._check_draws(order.draws)
        # From here on nothing can refuse.
        self.journals.append(
            {
                "id": order.id,
                "kind": order.kind,
                "actor_id": order.actor_id,
                "reference": order.reference,
                "created_at": order.created_at,
            }
        )
        self.postings.extend(self._posting(order, line) for line in order.lines)
        for name, balance in touched.items():
            self._enter(order, self._balances[name], balance)
        self._balances.update(touched)
        self._changed.update(touched)
        for draw in order.draws:
            usage = _usage(draw)
            self._usage[usage] = self._usage.get(usage, 0) + draw.amount
        self.draws.extend(order.draws)
        self.writes.extend(order.writes)

    def _moved(self, lines: Iterable[Line]) -> dict[AccountName, Balance]:
        touched: dict[AccountName, Balance] = {}
        for line in lines:
            for name in (line.debit, line.credit):
                if name not in touched:
                    touched[name] = copy(self._balances[name])
            touched[line.debit].debit(line.amount, line.phase)
            touched[line.credit].credit(line.amount, line.phase)
        for name, balance in touched.items():
            if balance.shortfall:
                available = Money(self._balances[name].available, name.currency)
                raise InsufficientFundsError(available, Money(balance.shortfall, name.currency))
        return touched

    def _check_draws(self, draws: Iterable[Draw]) -> None:
        for draw in draws:
            used = self._usage.get(_usage(draw), 0)
            if used + draw.amount > draw.max:
                maximum, gone = Money(draw.max, draw.currency), Money(used, draw.currency)
                raise LimitExceededError(draw.name, maximum, gone, draw.resets_at)

    def _posting(self, order: Order, line: Line) -> dict[str, Any]:
        return {
            "id": new_id(),
            "journal_id": order.id,
            "phase": line.phase,
            "debit_account_id": self._balances[line.debit].account.id,
            "credit_account_id": self._balances[line.credit].account.id,
            "amount": line.amount,
            "currency": line.debit.currency,
            "pending_id": None,
        }

    def _enter(self, order: Order, before: Balance, after: Balance) -> None:
        if after.posted == before.posted:
            return  # a hold moves nothing yet
        after.version = before.version + 1
        self.entries.append(
            {
                "account_id": after.account.id,
                "version": after.version,
                "previous_version": before.version or None,
                "journal_id": order.id,
                "amount": after.posted - before.posted,
                "balance_before": before.posted,
                "balance_after": after.posted,
                "created_at": self._now,
            }
        )

    def _claim(self, order: Order, outcome: Receipt | RefusalError) -> None:
        self._claims[order.actor_id, order.key] = Claim(order.request_hash, outcome, order.created_at)
        self.claims.append(
            {
                "actor_id": order.actor_id,
                "key": order.key,
                "request_hash": order.request_hash,
                "journal_id": outcome.journal_id if isinstance(outcome, Receipt) else None,
                "refusal": outcome.stored() if isinstance(outcome, RefusalError) else None,
                "created_at": order.created_at,
            }
        )


def answer(claim: ClaimRow, request_hash: bytes) -> Outcome:
    """What a request that comes with a taken key is answered."""
    return _answer(_claim(claim), request_hash)


def _answer(claim: Claim, request_hash: bytes) -> Outcome:
    if claim.request_hash != request_hash:
        return IdempotencyConflictError(claim.created_at)
    if isinstance(claim.outcome, RefusalError):
        return claim.outcome
    return Receipt(claim.outcome.journal_id, replayed=True)


def _claim(row: ClaimRow) -> Claim:
    if row.refusal is not None:
        return Claim(row.request_hash, refusal_from(row.refusal), row.created_at)
    assert row.journal_id is not None, "the database holds that a claim is posted or refused"
    return Claim(row.request_hash, Receipt(row.journal_id, replayed=True), row.created_at)


def _usage(draw: Draw) -> Usage:
    return draw.owner_id, draw.name, draw.currency, draw.since
