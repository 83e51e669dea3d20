"""Money that has come in over a rail: rail clearing -> wallet."""

from uuid import UUID

from ledger.kinds.wallets import rail_clearing, wallet
from ledger.orders import Line
from models.money import Money

KIND = "TOP_UP"


def lines(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The posting of a top-up that its rail has approved."""
    return (Line(rail_clearing(amount.currency), wallet(owner_id, amount.currency), amount.minor_units),)
