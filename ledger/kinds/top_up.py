"""Money that comes in over a rail: rail clearing -> wallet, at once or after the rail's answer."""

from uuid import UUID

from ledger.kinds.wallets import bank_cash, rail_clearing, wallet
from ledger.orders import Line, Resolution
from models.ledger import Phase
from models.money import Money

KIND = "TOP_UP"
APPROVED = "TOP_UP_APPROVED"
DECLINED = "TOP_UP_DECLINED"
SETTLED = "TOP_UP_SETTLED"


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
