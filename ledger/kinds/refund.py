"""A refund, whole or in part: creator -> payer and fee income -> payer, in proportion.

The fee's share is counted from the beginning each time, so that any partition of refunds gives back exactly the whole
fee with the whole amount, and never more.
"""

from typing import NamedTuple
from uuid import UUID

from ledger.kinds.wallets import fee_income, wallet
from ledger.orders import Line
from models.money import Currency

KIND = "REFUND"


class Paid(NamedTuple):
    """What is to be refunded: who paid whom how much, fee included. Amounts are minor units of the currency."""

    payer_id: UUID
    payee_id: UUID
    amount: int
    fee: int
    currency: Currency


def fee_share(paid: Paid, refunded: int, amount: int) -> int:
    """How much of the fee a refund of `amount` gives back after `refunded` has been given back already."""
    assert 0 < amount <= paid.amount - refunded, "no more can be refunded than was paid"
    return paid.fee * (refunded + amount) // paid.amount - paid.fee * refunded // paid.amount


def lines(paid: Paid, refunded: int, amount: int) -> tuple[Line, ...]:
    """The postings of a refund of `amount` after `refunded` has been given back already."""
    share = fee_share(paid, refunded, amount)
    payer = wallet(paid.payer_id, paid.currency)
    both = (
        Line(wallet(paid.payee_id, paid.currency), payer, amount - share),
        Line(fee_income(paid.currency), payer, share),
    )
    return tuple(line for line in both if line.amount)
