"""Money that leaves over a rail: held in the wallet, then sent, or let go; and perhaps returned later."""

from uuid import UUID

from ledger.kinds.wallets import bank_cash, payout_clearing, wallet
from ledger.orders import Line, Resolution
from models.ledger import Phase
from models.money import Money

KIND = "WITHDRAWAL"
SENT = "WITHDRAWAL_SENT"
FAILED = "WITHDRAWAL_FAILED"
SETTLED = "WITHDRAWAL_SETTLED"
RETURNED = "WITHDRAWAL_RETURNED"
CANCELLED = "WITHDRAWAL_CANCELLED"
RETURN_SETTLED = "WITHDRAWAL_RETURN_SETTLED"


def hold(hold_id: UUID, owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """Sets the money aside, until the rail has answered."""
    debit, credit = wallet(owner_id, amount.currency), payout_clearing(amount.currency)
    return (Line(debit, credit, amount.minor_units, Phase.PEND, id=hold_id),)


def sent(hold_id: UUID, amount: Money) -> tuple[Resolution, ...]:
    """The rail has taken the money."""
    return (Resolution(hold_id, amount.minor_units),)


def failed(hold_id: UUID) -> tuple[Resolution, ...]:
    """The rail has refused: the money is its owner's again."""
    return (Resolution(hold_id, None),)


def settled(amount: Money) -> tuple[Line, ...]:
    """The bank has paid the rail."""
    return (Line(payout_clearing(amount.currency), bank_cash(amount.currency), amount.minor_units),)


def returned(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """What was sent has come back."""
    return (Line(payout_clearing(amount.currency), wallet(owner_id, amount.currency), amount.minor_units),)


def return_settled(amount: Money) -> tuple[Line, ...]:
    """The bank has got back what was returned."""
    return (Line(bank_cash(amount.currency), payout_clearing(amount.currency), amount.minor_units),)
