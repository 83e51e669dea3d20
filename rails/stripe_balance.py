"""What Stripe's balance says of our calls: each of its transactions is about one of them, or about nothing of ours."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import stripe

from models.money import Currency, Money
from models.rails import SettlementKind
from rails.interface import Settlement

# https://docs.stripe.com/reports/reporting-categories
# A payout that failed may have been paid before; a charge that failed was never ours.
_SETTLED = {"charge": frozenset({"succeeded"}), "payout": frozenset({"paid", "failed", "canceled"})}
_BACK = frozenset({"dispute", "payout_reversal"})
_REFUND = "refund"


class _Entry(NamedTuple):
    """A transaction of Stripe's balance that is about a call of ours."""

    id: str
    category: str
    network_ref: str
    amount: Money
    created_at: datetime
    available_at: datetime
    is_available: bool
    status: str
    """How the charge or the payout stands now."""
    code: str | None
    """Why it came back."""


def _entry(transaction: stripe.BalanceTransaction) -> _Entry | None:
    source: Any = transaction.source
    category, currency = transaction.reporting_category, transaction.currency.upper()
    if category not in {*_SETTLED, *_BACK, _REFUND} or currency not in set(Currency):
        return None
    is_payout = source.object == "payout"
    network_ref = source.id if is_payout else source.payment_intent
    if network_ref is None:
        return None
    available_on = source.arrival_date if category == "payout" else transaction.available_on
    return _Entry(
        transaction.id,
        category,
        network_ref,
        Money(abs(transaction.amount), Currency(currency)),
        datetime.fromtimestamp(transaction.created, UTC),
        datetime.fromtimestamp(available_on, UTC),
        transaction.status == "available",
        source.status,
        None if category not in _BACK else source.failure_code if is_payout else source.reason,
    )


def lines_of(transactions: Iterable[stripe.BalanceTransaction]) -> list[Settlement]:
    """What the balance says of our calls. The transactions have their sources in them."""
    entries = [_entry(transaction) for transaction in transactions]
    return list(_lines([entry for entry in entries if entry is not None]))


def _lines(entries: Sequence[_Entry]) -> Iterator[Settlement]:
    """What was refunded before it was ours is not told, and neither is its refund."""
    refunds = {entry.network_ref: entry.created_at for entry in entries if entry.category == _REFUND}
    never_ours = {
        entry.network_ref
        for entry in entries
        if entry.category == "charge" and refunds.get(entry.network_ref, entry.available_at) < entry.available_at
    }
    for entry in entries:
        if entry.category in _BACK:
            yield _told(entry, SettlementKind.RETURNED, entry.created_at)
        if not entry.is_available or entry.network_ref in never_ours:
            continue
        if entry.category not in _SETTLED:
            yield _told(entry, SettlementKind.RETURN_SETTLED, entry.available_at)
        elif entry.status in _SETTLED[entry.category]:
            yield _told(entry, SettlementKind.SETTLED, entry.available_at)


def _told(entry: _Entry, kind: SettlementKind, at: datetime) -> Settlement:
    return Settlement(f"{entry.id} {kind}", entry.network_ref, kind, entry.amount, at, entry.code)
