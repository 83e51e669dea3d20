"""Withdrawals: money that leaves a wallet over a rail. Whoever hears from a rail what became of one submits these.

To hold money and to let it go again moves nothing, so `ledger.kinds.withdrawal` is all that those take.
"""

from typing import NamedTuple
from uuid import UUID

from ledger import Order
from ledger.kinds import withdrawal
from models.money import Money
from models.transfers import Rail, RailEnvironment, TransferKind, TransferStatus, Visibility
from resolvers.context import Context
from resolvers.refunds import count_refund, given_back
from resolvers.transfers import Request, TransferRow, order_of


class Payout(NamedTuple):
    """What is to leave whose wallet, and how. `hold_id` is the posting that sets it aside."""

    hold_id: UUID
    owner_id: UUID
    amount: Money
    rail: Rail
    environment: RailEnvironment


def sent(ctx: Context, request: Request, payout: Payout, network_code: str | None = None) -> Order:
    """The rail has taken the money."""
    transfer = TransferRow(
        id=ctx.new_id(),
        kind=TransferKind.TOP_UP,
        sender_id=payout.owner_id,
        recipient_id=None,
        post_id=None,
        amount=payout.amount.minor_units,
        fee=0,
        refunded=0,
        refund_of_id=None,
        currency=payout.amount.currency,
        status=TransferStatus.COMPLETED,
        visibility=Visibility.PARTIES_ONLY,
        note=None,
        rail=payout.rail,
        environment=payout.environment,
        network_code=network_code,
        created_at=ctx.now(),
    )
    resolutions = withdrawal.sent(payout.hold_id, payout.amount)
    return order_of(request, transfer, kind=withdrawal.SENT, resolutions=resolutions)


def returned(ctx: Context, request: Request, sent: TransferRow) -> Order:
    """What was sent has come back."""
    assert sent.sender_id is not None, "it was somebody's"
    transfer = given_back(ctx, sent, sent.amount)
    lines = withdrawal.returned(sent.sender_id, Money(sent.amount, sent.currency))
    writes = (count_refund(sent, sent.amount),)
    return order_of(request, transfer, lines, kind=withdrawal.RETURNED, writes=writes, reverses_id=sent.id)
