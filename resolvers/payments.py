"""Payments: money from one person to another."""

from typing import NamedTuple

from ledger.kinds import payment
from models.transfers import TransferKind, TransferStatus, Visibility
from resolvers import limits
from resolvers.context import Context, TokenScope
from resolvers.errors import NotFoundError
from resolvers.ids import Kind, key_of
from resolvers.inputs import Checks, MoneyAsked
from resolvers.permissions import refusal_to_pay
from resolvers.transfers import Moved, Request, TransferRow, check_money, post, recalled, request_hash
from resolvers.users import UserRow, user_by_handle, users_by_id


class RecipientAsked(NamedTuple):
    """Who is to be paid: by id or by handle, whichever is given."""

    user_id: str | None
    handle: str | None


async def send_money(
    ctx: Context, to: RecipientAsked, asked: MoneyAsked, *, note: str | None, visibility: Visibility, key: str
) -> Moved:
    """Sends money from the viewer's wallet to another person's."""
    viewer = ctx.actor(TokenScope.PAY)
    checks = Checks()
    amount, kept_note = check_money(checks, asked, key, note)
    checks.done()
    hashed = request_hash("sendMoney", to=to, amount=amount, note=kept_note, visibility=visibility)
    request = Request(viewer.user_id, key, hashed)
    recipient = await _recipient(ctx, to)
    refusal = _NO_SUCH_USER if recipient is None else await refusal_to_pay(ctx.database, viewer, recipient.id)
    if recipient is None or refusal is not None:
        return await recalled(ctx, request, refusal or _NO_SUCH_USER)
    transfer = TransferRow(
        id=ctx.new_id(),
        kind=TransferKind.PAYMENT,
        sender_id=viewer.user_id,
        recipient_id=recipient.id,
        post_id=None,
        amount=amount.minor_units,
        fee=0,
        refunded=0,
        refund_of_id=None,
        currency=amount.currency,
        status=TransferStatus.COMPLETED,
        visibility=visibility,
        note=kept_note,
        rail=None,
        environment=None,
        network_code=None,
        created_at=ctx.now(),
    )
    lines = payment.lines(viewer.user_id, recipient.id, amount)
    return await post(ctx, request, transfer, lines, draws=limits.spending(ctx, viewer, amount))


_NO_SUCH_USER = NotFoundError("There is no such user.", ("to",))


async def _recipient(ctx: Context, to: RecipientAsked) -> UserRow | None:
    if to.handle is not None:
        return await user_by_handle(ctx, to.handle)
    key = None if to.user_id is None else key_of(to.user_id, Kind.USER)
    return None if key is None else (await users_by_id(ctx, [key])).get(key)
