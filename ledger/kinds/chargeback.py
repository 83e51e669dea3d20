"""A top-up that its bank has taken back: wallet -> rail clearing as far as the wallet reaches.

The rest becomes a receivable, which the wallet's owner owes. Whatever the wallet gets later pays that first; the engine
sees to it for every kind.
"""

from uuid import UUID

from ledger.kinds.wallets import rail_clearing, receivable, wallet
from ledger.orders import Line
from models.money import Money

KIND = "CHARGEBACK"


def lines(owner_id: UUID, amount: Money) -> tuple[Line, ...]:
    """The postings of a chargeback."""
    currency = amount.currency
    owed = receivable(owner_id, currency)
    return (Line(wallet(owner_id, currency), rail_clearing(currency), amount.minor_units, overflow=owed),)
