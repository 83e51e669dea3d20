"""A tip: payer -> creator, less the fee, and payer -> fee income."""

from uuid import UUID

from ledger.kinds.wallets import fee_income, wallet
from ledger.orders import Line
from models.money import Money

KIND = "TIP"
BASIS_POINTS = 10_000


def fee_of(amount: Money, basis_points: int) -> Money:
    """The house's share of a tip, rounded down: never more than its rate."""
    return Money(amount.minor_units * basis_points // BASIS_POINTS, amount.currency)


def lines(payer_id: UUID, creator_id: UUID, amount: Money, fee: Money) -> tuple[Line, ...]:
    """The postings of a tip; none for the fee where there is none."""
    assert 0 <= fee.minor_units < amount.minor_units, "a tip leaves something for its creator"
    payer, creator = wallet(payer_id, amount.currency), wallet(creator_id, amount.currency)
    tip = Line(payer, creator, amount.minor_units - fee.minor_units)
    if fee.minor_units == 0:
        return (tip,)
    return tip, Line(payer, fee_income(amount.currency), fee.minor_units)
