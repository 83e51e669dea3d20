"""Chargebacks: a bank takes a top-up back. Whoever hears of one from a rail submits this order."""

from ledger import Order
from ledger.kinds import chargeback
from models.money import Money
from models.transfers import TransferKind, TransferStatus
from resolvers.context import Context
from resolvers.refunds import count_refund, given_back
from resolvers.transfers import Request, TransferRow, order_of


def charged_back(ctx: Context, request: Request, top_up: TransferRow, amount: Money) -> Order:
    """Takes `amount` of a top-up back. What the wallet has not is owed by its owner."""
    assert top_up.kind is TransferKind.TOP_UP, "only what came in over a rail is taken back"
    assert top_up.recipient_id is not None, "only what came in over a rail is taken back"
    assert top_up.currency is amount.currency, "it is taken back in the currency in which it came"
    return order_of(
        request,
        given_back(ctx, top_up, amount.minor_units),
        chargeback.lines(top_up.recipient_id, amount),
        kind=chargeback.KIND,
        writes=(count_refund(top_up, amount.minor_units, TransferStatus.RETURNED),),
        reverses_id=top_up.id,
    )
