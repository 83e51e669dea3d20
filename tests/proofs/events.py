"""What happens to money in the proofs, said once: the ledger is told it as orders, the model as it is."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from ledger import Draw, Line, Order, Resolution
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


RESOLVING = (Way.TOP_UP_APPROVED, Way.TOP_UP_DECLINED, Way.WITHDRAWAL_SENT, Way.WITHDRAWAL_FAILED)


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


def order_of(event: Event, **more: Any) -> Order:
    """The event as an order, with an id of its own each time."""
    return Order(
        id=new_id(),
        kind=event.way.name,
        actor_id=event.actor,
        key=event.key,
        request_hash=event.request,
        created_at=datetime.now(UTC),
        lines=_lines(event),
        resolutions=_resolutions(event),
        **{"draws": _draws(event), "reverses_id": event.of_id if event.of is not None else None, **more},
    )


def _lines(event: Event) -> tuple[Line, ...]:
    person, money = event.person, Money(event.amount, event.currency)
    match event.way:
        case Way.TOP_UP:
            return top_up.lines(person, money)
        case Way.TOP_UP_HELD:
            return top_up.hold(event.hold, person, money)
        case Way.TOP_UP_SETTLED:
            return top_up.settled(money)
        case Way.TIP:
            return tip.lines(person, event.other, money, Money(event.fee, event.currency))
        case Way.PAYMENT:
            return payment.lines(person, event.other, money)
        case Way.REFUND:
            assert event.of is not None, "a refund gives something back"
            paid = refund.Paid(event.of.person, event.of.other, event.of.amount, event.of.fee, event.currency)
            return refund.lines(paid, event.expected, event.amount)
        case Way.WITHDRAWAL:
            return withdrawal.hold(event.hold, person, money)
        case Way.WITHDRAWAL_RETURNED:
            return withdrawal.returned(person, money)
        case Way.WITHDRAWAL_SETTLED:
            return withdrawal.settled(money)
        case Way.CHARGEBACK:
            return chargeback.lines(person, money)
        case _:
            return ()


def _resolutions(event: Event) -> tuple[Resolution, ...]:
    money = Money(event.amount, event.currency)
    match event.way:
        case Way.TOP_UP_APPROVED:
            return top_up.approved(event.hold, money)
        case Way.TOP_UP_DECLINED:
            return top_up.declined(event.hold)
        case Way.WITHDRAWAL_SENT:
            return withdrawal.sent(event.hold, money)
        case Way.WITHDRAWAL_FAILED:
            return withdrawal.failed(event.hold)
        case _:
            return ()


def _draws(event: Event) -> tuple[Draw, ...]:
    draws: tuple[Draw, ...] = ()
    if event.of is not None:
        most, back = event.of.amount, event.amount
        draws = (Draw(event.of_id, REFUNDED, event.currency, TODAY, None, most, back, event.expected),)
    if event.limit is not None:
        draws = (*draws, Draw(event.person, SPENDING, event.currency, TODAY, None, event.limit, event.amount))
    return draws
