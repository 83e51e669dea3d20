"""What the ledger is asked and what it answers: small values without behaviour of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple
from uuid import UUID

from models.database import Command
from models.ledger import AccountCode, Phase
from models.money import Currency, Money


class AccountName(NamedTuple):
    """Which account: whose, what for, in which currency. The ledger opens it when it is first needed."""

    owner_id: UUID
    code: AccountCode
    currency: Currency
    stripe: int = 0


class Line(NamedTuple):
    """A posting to be made: `amount` minor units from the debited account to the credited one.

    With `overflow`, what the debited account has not available is taken from that account instead. A hold is given its
    `id`, by which it is resolved later.
    """

    debit: AccountName
    credit: AccountName
    amount: int
    phase: Literal[Phase.POST, Phase.PEND] = Phase.POST
    overflow: AccountName | None = None
    id: UUID | None = None


class Resolution(NamedTuple):
    """The end of a hold, which is a posting made with PEND: `amount` of it is moved and the rest let go.

    None lets all of it go.
    """

    hold_id: UUID
    amount: int | None


class Ceiling(NamedTuple):
    """What a limit may not pass: at most `max` in all buckets that began at `since` or later.

    A bucket counts for as long as `lasts` from when it began; for ever, if that is None.
    """

    name: str
    max: int
    since: datetime
    lasts: timedelta | None = None


class Draw(NamedTuple):
    """A limit that an order uses up by `amount`, counted in the bucket that begins at `since`, under each ceiling.

    Less than nothing gives back what was counted in that bucket. With `expected`, the order was made for exactly that
    much being used in the bucket: if it is not so any more, the order is stale.
    """

    owner_id: UUID
    name: str
    currency: Currency
    since: datetime
    amount: int
    ceilings: tuple[Ceiling, ...] = ()
    expected: int | None = None

    @property
    def looks_back_to(self) -> datetime:
        """The first bucket that the draw depends on."""
        return min([self.since, *(ceiling.since for ceiling in self.ceilings)])


class Write(NamedTuple):
    """A write of another room, made in the same transaction as the postings.

    A command for sets of rows may be given its row as it is.
    """

    command: Command
    params: Mapping[str, Any] | tuple[Any, ...]


class Message(NamedTuple):
    """What must leave the process once the order stands."""

    topic: str
    payload: str


@dataclass(frozen=True, slots=True)
class Order:
    """One business event to be posted: all of it, or none.

    `key` is unique for the actor, for ever; `request_hash` tells a retry from another request with the same key.
    """

    id: UUID
    kind: str
    actor_id: UUID
    key: str
    request_hash: bytes
    created_at: datetime
    lines: tuple[Line, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    draws: tuple[Draw, ...] = ()
    writes: tuple[Write, ...] = ()
    messages: tuple[Message, ...] = ()
    reverses_id: UUID | None = None
    reference: str | None = None
    movers: tuple[UUID, ...] = ()
    """Who moves the money: nothing is posted if one of them is frozen. It touches their accounts, or their owner's."""


class BalanceRow(NamedTuple):
    """One wallet's money in one currency, in minor units. `available` + `held` is what the wallet owns."""

    account_id: UUID
    owner_id: UUID
    currency: Currency
    available: int
    held: int
    pending: int
    version: int


class Receipt(NamedTuple):
    """What became of an order: the journal that stands, and whether it stood before."""

    journal_id: UUID
    replayed: bool
    left: tuple[BalanceRow, ...] = ()
    """The actor's wallets as the order has left them; nothing of an order that stood before."""


class LedgerError(Exception):
    """The root of what the ledger may raise."""


class BusyError(LedgerError):
    """Too much is waiting, or the ledger is stopping. Nothing was posted; trying again is safe."""


class StaleError(LedgerError):
    """What the order was made from has changed meanwhile. Nothing was posted: look again, and make it anew."""


class IdempotencyConflictError(LedgerError):
    """The key was used before for another request. Nothing was posted."""

    def __init__(self, first_used_at: datetime) -> None:
        super().__init__("The key was used before for another request.")
        self.first_used_at = first_used_at


class TooLargeError(LedgerError):
    """One of the order's accounts cannot take so much: a sum of it would pass 64 bits. Nothing was posted."""


class RefusalError(LedgerError):
    """The order cannot be posted. The refusal is kept: the same key is answered the same way for ever."""

    def stored(self) -> str:
        """The refusal as it is kept."""
        raise NotImplementedError


class InsufficientFundsError(RefusalError):
    """The debited account has `available`, which is `shortfall` less than the order needs."""

    def __init__(self, available: Money, shortfall: Money) -> None:
        super().__init__("The balance is too low.")
        self.available = available
        self.shortfall = shortfall

    def stored(self) -> str:
        return json.dumps(
            {
                "refusal": "INSUFFICIENT_FUNDS",
                "currency": self.available.currency,
                "available": self.available.minor_units,
                "shortfall": self.shortfall.minor_units,
            }
        )


class LimitExceededError(RefusalError):
    """The limit `name` allows `max`, of which `used` is gone. Some of that counts no more from `resets_at` on."""

    def __init__(self, name: str, maximum: Money, used: Money, resets_at: datetime | None) -> None:
        super().__init__("A limit would be exceeded.")
        self.name = name
        self.max = maximum
        self.used = used
        self.resets_at = resets_at

    def stored(self) -> str:
        return json.dumps(
            {
                "refusal": "LIMIT_EXCEEDED",
                "currency": self.max.currency,
                "name": self.name,
                "max": self.max.minor_units,
                "used": self.used.minor_units,
                "resets_at": None if self.resets_at is None else self.resets_at.isoformat(),
            }
        )


class FrozenError(RefusalError):
    """Who moves the money is frozen."""

    def __init__(self) -> None:
        super().__init__("Who moves the money is frozen.")

    def stored(self) -> str:
        return json.dumps({"refusal": "FROZEN"})


class HoldResolvedError(RefusalError):
    """The hold does not stand any more, or is for less."""

    def __init__(self, hold_id: UUID) -> None:
        super().__init__("The hold does not stand any more, or is for less.")
        self.hold_id = hold_id

    def stored(self) -> str:
        return json.dumps({"refusal": "HOLD_RESOLVED", "hold_id": self.hold_id.hex})


def refusal_from(stored: str) -> RefusalError:
    """The refusal that was stored."""
    facts = json.loads(stored)
    if facts["refusal"] == "HOLD_RESOLVED":
        return HoldResolvedError(UUID(hex=facts["hold_id"]))
    if facts["refusal"] == "FROZEN":
        return FrozenError()
    currency = Currency(facts["currency"])
    if facts["refusal"] == "INSUFFICIENT_FUNDS":
        return InsufficientFundsError(Money(facts["available"], currency), Money(facts["shortfall"], currency))
    assert facts["refusal"] == "LIMIT_EXCEEDED", "only known refusals are stored"
    used, maximum = Money(facts["used"], currency), Money(facts["max"], currency)
    resets_at = None if facts["resets_at"] is None else datetime.fromisoformat(facts["resets_at"])
    return LimitExceededError(facts["name"], maximum, used, resets_at)
