"""Top-ups: money drawn from a funding source into the viewer's wallet."""

from ledger.kinds import top_up
from models.rails import Direction, PayoutSpeed
from resolvers import funding, limits, rail_transfers
from resolvers.context import Context
from resolvers.inputs import MoneyAsked
from resolvers.rail_transfers import Asked
from resolvers.transfers import Moved


async def top_up_wallet(ctx: Context, source_id: str | None, asked: MoneyAsked, *, key: str) -> Moved:
    """Draws money from a funding source, the account's first if none is named, into the wallet.

    Waits for the network for a while. If it takes longer the transfer is PENDING_RAIL, and goes on without the caller.
    Raises Refused, also when the network declines.
    """
    viewer, request, amount = rail_transfers.checked(ctx, "topUpWallet", asked, key, source=source_id)
    stands = await rail_transfers.recalled(ctx, request)
    if stands is not None:
        return stands
    source = await funding.source_to_use(ctx, viewer.user_id, source_id)
    hold_id = ctx.new_id()
    return await rail_transfers.open_transfer(
        ctx,
        request,
        Asked(source, amount, Direction.PULL, PayoutSpeed.INSTANT),
        kind=top_up.KIND,
        hold_id=hold_id,
        lines=top_up.hold(hold_id, viewer.user_id, amount),
        draws=limits.topping_up(ctx, viewer, amount),
    )
