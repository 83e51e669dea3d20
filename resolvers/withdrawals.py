"""Withdrawals: money that leaves the viewer's wallet for a card or a bank account."""

from datetime import timedelta

from sqlalchemy import bindparam, update
from sqlmodel import col

from ledger import Order
from ledger.kinds import withdrawal
from models.database import Command
from models.money import Money
from models.rails import Direction, IntentState, PayoutSpeed, RailIntent
from models.transfers import TransferStatus
from models.types import Id
from resolvers import funding, intents, limits, permissions, rail_transfers
from resolvers.context import Context
from resolvers.errors import InputError, NotFoundError, Refused
from resolvers.ids import Kind, key_of
from resolvers.inputs import MoneyAsked
from resolvers.intents import Taken
from resolvers.outcomes import Step
from resolvers.rail_transfers import Asked
from resolvers.refunds import count_refund, given_back
from resolvers.transfers import Moved, Request, TransferRow, order_of, transfers_by_id

STANDARD_WAIT = timedelta(minutes=10)
"""How long a STANDARD withdrawal can still be cancelled before it leaves."""

_cancel = Command(
    update(RailIntent)
    .where(
        col(RailIntent.id) == bindparam("intent_id", type_=Id()),
        col(RailIntent.owner_id) == bindparam("by_owner", type_=Id()),
        col(RailIntent.state) == IntentState.CREATED,
    )
    .values(state=IntentState.CANCELLED, turn=col(RailIntent.turn) + 1, due_at=bindparam("due_at"))
)


async def withdraw(ctx: Context, source_id: str, asked: MoneyAsked, *, speed: PayoutSpeed, key: str) -> Moved:
    """Sends money from the wallet to a card or a bank account.

    It is held at once. INSTANT is sent at once, STANDARD after a while, in which it can be cancelled. Raises Refused.
    """
    viewer, request, amount = rail_transfers.checked(ctx, "withdraw", asked, key, source=source_id, speed=speed)
    stands = await rail_transfers.recalled(ctx, request)
    if stands is not None:
        return stands
    source = await funding.source_to_use(ctx, viewer.user_id, source_id)
    hold_id = ctx.new_id()
    return await rail_transfers.open_transfer(
        ctx,
        request,
        Asked(source, amount, Direction.PUSH, speed),
        kind=withdrawal.KIND,
        hold_id=hold_id,
        lines=withdrawal.hold(hold_id, viewer.user_id, amount),
        draws=limits.withdrawing(ctx, viewer, amount),
        wait=STANDARD_WAIT if speed is PayoutSpeed.STANDARD else None,
    )


async def cancel_withdrawal(ctx: Context, public_id: str) -> TransferRow:
    """Takes back a withdrawal that has not left yet. Saying it twice changes nothing more. Raises Refused."""
    viewer = permissions.account_holder(ctx)
    transfer_id = key_of(public_id, Kind.WITHDRAWAL)
    found = {} if transfer_id is None else await intents.intents_by_id(ctx.app, [transfer_id])
    intent = None if transfer_id is None else found.get(transfer_id)
    if intent is None or intent.owner_id != viewer.user_id or intent.direction is not Direction.PUSH:
        raise Refused(NotFoundError("You have no such withdrawal.", ("transferId",)))
    # Claimed first, because whoever sends it claims it too. If this process dies then, the hold is let go later.
    due_at = ctx.now()
    async with ctx.database.transaction() as transaction:
        claimed = await transaction.run(_cancel, intent_id=intent.id, by_owner=viewer.user_id, due_at=due_at)
    [intent] = (await intents.intents_by_id(ctx.app, [intent.id])).values()
    if intent.state is not IntentState.CANCELLED:
        raise Refused(InputError("It has left already.", ("transferId",)))
    if claimed:
        await intents.see_to(ctx.app, Taken(intent, Step.LET_GO), ctx.now)
    return (await transfers_by_id(ctx, [intent.id]))[intent.id]


def returned(ctx: Context, request: Request, sent: TransferRow) -> Order:
    """What was sent has come back."""
    assert sent.sender_id is not None, "it was somebody's"
    transfer = given_back(ctx, sent, sent.amount)
    lines = withdrawal.returned(sent.sender_id, Money(sent.amount, sent.currency))
    writes = (count_refund(sent, sent.amount, TransferStatus.RETURNED),)
    return order_of(request, transfer, lines, kind=withdrawal.RETURNED, writes=writes, reverses_id=sent.id)
