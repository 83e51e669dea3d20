"""Money that comes in over a rail: rail clearing -> wallet, at once or after the rail's answer.

What has come in but cannot be given to its owner, not yet or not at all, is in suspense: rail clearing -> suspense.
From there it is released (suspense -> wallet) or sent back (suspense -> rail clearing).
"""

from uuid import UUID

from ledger.kinds.wallets import bank_cash, rail_clearing, suspense, wallet
from ledger.orders import Line, Resolution
from models.ledger import Phase
from models.money import Money

KIND = "TOP_UP"
APPROVED = "TOP_UP_APPROVED"
DECLINED = "TOP_UP_DECLINED"
SETTLED = "TOP_UP_SETTLED"
PROCESSING = "TOP_UP_PROCESSING"
RELEASED = "TOP_UP_RELEASED"
SUSPENDED = "TOP_UP_SUSPENDED"
REVERSED = "TOP_UP_REVERSED"
RETURN_SETTLED = "TOP_UP_RETURN_SETTLED"


def lines(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The posting of a top-up that its rail has approved already."""
    return (Line(rail_clearing(amount.currency), wallet(owner_id, amount.currency), amount.minor_units),)


def hold(hold_id: UUID, owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """Shows the money as on its way, until the rail has answered."""
    debit, credit = rail_clearing(amount.currency), wallet(owner_id, amount.currency)
    return (Line(debit, credit, amount.minor_units, Phase.PEND, id=hold_id),)


def approved(hold_id: UUID, amount: Money) -> tuple[Resolution, ...]:
    """The rail has approved."""
    return (Resolution(hold_id, amount.minor_units),)


def declined(hold_id: UUID) -> tuple[Resolution, ...]:
    """The rail has declined."""
    return (Resolution(hold_id, None),)


def settled(amount: Money) -> tuple[Line, ...]:
    """The rail has paid the bank."""
    return (Line(bank_cash(amount.currency), rail_clearing(amount.currency), amount.minor_units),)


def processing(hold_id: UUID, owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The bank has taken up the debit: the money is on its way to the wallet, and held in suspense until it is sure."""
    currency, units = amount.currency, amount.minor_units
    waits = suspense(owner_id, currency)
    return (
        Line(rail_clearing(currency), waits, units),
        Line(waits, wallet(owner_id, currency), units, Phase.PEND, id=hold_id),
    )


def suspended(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The rail has moved money that the wallet may not have: it is to be sent back."""
    return (Line(rail_clearing(amount.currency), suspense(owner_id, amount.currency), amount.minor_units),)


def reversed_lines(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """What was in suspense has gone back."""
    return (Line(suspense(owner_id, amount.currency), rail_clearing(amount.currency), amount.minor_units),)


def return_settled(amount: Money) -> tuple[Line, ...]:
    """The bank has given back what a top-up had brought."""
    return (Line(rail_clearing(amount.currency), bank_cash(amount.currency), amount.minor_units),)
