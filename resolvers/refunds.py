"""Refunds: who received a tip or a payment gives it back, whole or in part. The fee's share comes back too."""

from uuid import UUID

from sqlalchemy import bindparam, case, update
from sqlmodel import col

from ledger import Ceiling, Draw, StaleError, Write
from ledger.kinds import refund
from models.database import Command
from models.money import Money
from models.transfers import Transfer, TransferKind, TransferStatus, Visibility
from models.types import Id
from resolvers import inputs, limits, transfers
from resolvers.context import Context, TokenScope, Viewer
from resolvers.errors import InputError, NotFoundError, Refused, UserError
from resolvers.ids import key_of
from resolvers.inputs import Checks, MoneyAsked
from resolvers.permissions import is_party, refusal_to_refund
from resolvers.tips import take_from_total
from resolvers.transfers import AMOUNT, Moved, Request, TransferRow, recalled, request_hash, transfers_by_id

REFUNDED = "REFUND"
ATTEMPTS = 8

_add_refund = Command(
    update(Transfer)
    .where(col(Transfer.id) == bindparam("original_id", type_=Id()))
    .values(
        refunded=col(Transfer.refunded) + bindparam("given_back"),
        status=case(
            (col(Transfer.refunded) + bindparam("given_back") == col(Transfer.amount), bindparam("when_whole")),
            else_=col(Transfer.status),
        ),
    )
)


async def refund_transfer(ctx: Context, public_id: str, asked: MoneyAsked | None, *, key: str) -> Moved:
    """Gives back a tip or a payment that the viewer received: `asked` of it, or all that is left."""
    viewer = ctx.actor(TokenScope.PAY)
    checks = Checks()
    amount = None if asked is None else checks.check(AMOUNT, inputs.money, asked)
    checks.check(("idempotencyKey",), inputs.idempotency_key, key)
    checks.done()
    request = Request(viewer.user_id, key, request_hash("refundTransfer", transfer=public_id, amount=amount))
    for _ in range(ATTEMPTS):
        original = await _received(ctx, public_id)
        refusal = _refusal(original, viewer.user_id, amount)
        if original is None or refusal is not None:
            return await recalled(ctx, request, refusal or _NO_SUCH_TRANSFER)
        try:
            return await _post(ctx, viewer, request, original, amount)
        except StaleError:  # another refund of it was first
            continue
    raise Refused(InputError("This transfer is being refunded by others at this moment: try again.", ("transferId",)))


_NO_SUCH_TRANSFER = NotFoundError("There is no such transfer.", ("transferId",))


async def _received(ctx: Context, public_id: str) -> TransferRow | None:
    key = key_of(public_id, *transfers.KINDS.values())
    found = None if key is None else (await transfers_by_id(ctx, [key])).get(key)
    return found if found is not None and is_party(found, ctx.viewer_id) else None


def _refusal(original: TransferRow | None, viewer_id: UUID, amount: Money | None) -> UserError | None:
    if original is None:
        return _NO_SUCH_TRANSFER
    not_permitted = refusal_to_refund(viewer_id, original)
    if not_permitted is not None:
        return not_permitted
    left = Money(original.amount - original.refunded, original.currency)
    if left.minor_units == 0:
        return InputError("All of it has been refunded.", ("transferId",))
    if amount is not None and amount.currency is not left.currency:
        return InputError(f"The transfer was in {left.currency}.", ("amount", "currency"))
    if amount is not None and amount.minor_units > left.minor_units:
        return InputError(f"Only {left.amount} {left.currency} of it is left to refund.", AMOUNT)
    return None


async def _post(ctx: Context, viewer: Viewer, request: Request, original: TransferRow, amount: Money | None) -> Moved:
    assert original.sender_id is not None, "tips and payments have two parties"
    assert original.recipient_id is not None, "tips and payments have two parties"
    back = original.amount - original.refunded if amount is None else amount.minor_units
    paid = refund.Paid(original.sender_id, original.recipient_id, original.amount, original.fee, original.currency)
    share = refund.fee_share(paid, original.refunded, back)
    transfer = given_back(ctx, original, back, share)
    writes = [count_refund(original, back)]
    if original.post_id is not None:
        total = {"tipped_id": original.post_id, "in_currency": original.currency, "given_back": back}
        writes.append(Write(take_from_total, total))
    # Counted in the ledger under its locks, so that two refunds at once never give back more than was paid.
    since = original.created_at
    whole = Ceiling(REFUNDED, original.amount, since)
    draw = Draw(original.id, REFUNDED, original.currency, since, back, (whole,), original.refunded)
    return await transfers.post(
        ctx,
        request,
        transfer,
        refund.lines(paid, original.refunded, back),
        draws=(draw, *limits.giving_back(ctx, viewer, Money(back, original.currency))),
        writes=tuple(writes),
        reverses_id=original.id,
    )


def count_refund(original: TransferRow, amount: int, when_whole: TransferStatus = TransferStatus.REVERSED) -> Write:
    """Counts what is given back of a transfer; with all of it, it is reversed. The database refuses more than that."""
    return Write(_add_refund, {"original_id": original.id, "given_back": amount, "when_whole": when_whole})


def given_back(ctx: Context, original: TransferRow, amount: int, fee: int = 0) -> TransferRow:
    """The row of what gives back `amount` of a transfer, with `fee` of its fee: from its recipient to its sender."""
    return TransferRow(
        id=ctx.new_id(),
        kind=TransferKind.REFUND,
        sender_id=original.recipient_id,
        recipient_id=original.sender_id,
        post_id=None,
        amount=amount,
        fee=fee,
        refunded=0,
        refund_of_id=original.id,
        currency=original.currency,
        status=TransferStatus.COMPLETED,
        visibility=Visibility.PARTIES_ONLY,
        note=None,
        rail=None,
        environment=None,
        network_code=None,
        created_at=ctx.now(),
    )


async def refunded_by(ctx: Context, refunds: list[TransferRow]) -> list[TransferRow]:
    """What each refund gives back."""
    found = await transfers_by_id(ctx, [row.refund_of_id for row in refunds if row.refund_of_id is not None])
    return [found[row.refund_of_id] for row in refunds if row.refund_of_id is not None]
