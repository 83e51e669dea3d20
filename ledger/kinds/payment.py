"""Money sent from one person to another: payer -> payee."""

from uuid import UUID

from ledger.kinds.wallets import wallet
from ledger.orders import Line
from models.money import Money

KIND = "PAYMENT"


def lines(payer_id: UUID, payee_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The posting of a payment."""
    return (Line(wallet(payer_id, amount.currency), wallet(payee_id, amount.currency), amount.minor_units),)
