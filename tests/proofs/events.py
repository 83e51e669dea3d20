"""What happens to money in the proofs, said once: the ledger is told it as orders, the model as it is."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from ledger import Ceiling, Draw, Line, Order, Resolution
from ledger.kinds import chargeback, payment, refund, tip, top_up, withdrawal
from models.ids import HOUSE, new_id
from models.money import Currency, Money

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
SPENDING = "PROOF_SPENDING"
REFUNDED = "REFUND"


class Way(Enum):
    """The ways that money moves."""

    TOP_UP = auto()
    TOP_UP_HELD = auto()
    TOP_UP_APPROVED = auto()
    TOP_UP_DECLINED = auto()
    TOP_UP_SETTLED = auto()
    TIP = auto()
    PAYMENT = auto()
    REFUND = auto()
    WITHDRAWAL = auto()
    WITHDRAWAL_SENT = auto()
    WITHDRAWAL_FAILED = auto()
    WITHDRAWAL_RETURNED = auto()
    WITHDRAWAL_SETTLED = auto()
    CHARGEBACK = auto()


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that is asked of the ledger. `person` gives or gets, `other` gets.

    `fee` belongs to a tip; a refund gives back part of the event `of`, and was made when `expected` had been given
    back. `limit` is how much the person may spend in all.
    """

    way: Way
    person: UUID
    currency: Currency
    amount: int
    key: str
    actor: UUID
    other: UUID = HOUSE
    fee: int = 0
    hold: UUID = HOUSE
    of: "Event | None" = None
    of_id: UUID = HOUSE
    expected: int = 0
    limit: int | None = None

    @property
    def request(self) -> bytes:
        """What tells it from another request: all that its sender says."""
        said = (self.way, self.person, self.currency, self.amount, self.other, self.hold, self.of_id)
        return hashlib.sha256(repr(said).encode()).digest()


_LINES: dict[Way, Callable[[Event, Money], tuple[Line, ...]]] = {
    Way.TOP_UP: lambda event, money: top_up.lines(event.person, money),
    Way.TOP_UP_HELD: lambda event, money: top_up.hold(event.hold, event.person, money),
    Way.TOP_UP_SETTLED: lambda _, money: top_up.settled(money),
    Way.TIP: lambda event, money: tip.lines(event.person, event.other, money, Money(event.fee, event.currency)),
    Way.PAYMENT: lambda event, money: payment.lines(event.person, event.other, money),
    Way.REFUND: lambda event, _: _lines_back(event),
    Way.WITHDRAWAL: lambda event, money: withdrawal.hold(event.hold, event.person, money),
    Way.WITHDRAWAL_RETURNED: lambda event, money: withdrawal.returned(event.person, money),
    Way.WITHDRAWAL_SETTLED: lambda _, money: withdrawal.settled(money),
    Way.CHARGEBACK: lambda event, money: chargeback.lines(event.person, money),
}
_RESOLUTIONS: dict[Way, Callable[[Event, Money], tuple[Resolution, ...]]] = {
    Way.TOP_UP_APPROVED: lambda event, money: top_up.approved(event.hold, money),
    Way.TOP_UP_DECLINED: lambda event, _: top_up.declined(event.hold),
    Way.WITHDRAWAL_SENT: lambda event, money: withdrawal.sent(event.hold, money),
    Way.WITHDRAWAL_FAILED: lambda event, _: withdrawal.failed(event.hold),
}
RESOLVING = tuple(_RESOLUTIONS)
"""The ways that end a hold."""


def order_of(event: Event, **more: Any) -> Order:
    """The event as an order, with an id of its own each time."""
    money = Money(event.amount, event.currency)
    lines, resolutions = _LINES.get(event.way), _RESOLUTIONS.get(event.way)
    return Order(
        id=new_id(),
        kind=event.way.name,
        actor_id=event.actor,
        key=event.key,
        request_hash=event.request,
        created_at=datetime.now(UTC),
        lines=() if lines is None else lines(event, money),
        resolutions=() if resolutions is None else resolutions(event, money),
        draws=_draws(event),
        reverses_id=None if event.of is None else event.of_id,
        **more,
    )


def _lines_back(event: Event) -> tuple[Line, ...]:
    assert event.of is not None, "a refund gives something back"
    paid = refund.Paid(event.of.person, event.of.other, event.of.amount, event.of.fee, event.currency)
    return refund.lines(paid, event.expected, event.amount)


def _draws(event: Event) -> tuple[Draw, ...]:
    draws: tuple[Draw, ...] = ()
    if event.of is not None:
        most, back = event.of.amount, event.amount
        whole = Ceiling(REFUNDED, most, TODAY)
        draws = (Draw(event.of_id, REFUNDED, event.currency, TODAY, back, (whole,), event.expected),)
    if event.limit is not None:
        most_spent = Ceiling(SPENDING, event.limit, TODAY)
        draws = (*draws, Draw(event.person, SPENDING, event.currency, TODAY, event.amount, (most_spent,)))
    return draws
