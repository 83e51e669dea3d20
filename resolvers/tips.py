"""Tips: money for a post, in one transaction with the post's totals."""

import asyncio
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, cast, func, select, update
from sqlmodel import col

from ledger import Write
from ledger.kinds import tip
from models.database import Command, PageQuery, Query, add_to_rows, any_of, columns_of
from models.money import Currency, Money
from models.transfers import PostTips, Transfer, TransferKind, TransferStatus, Visibility
from models.types import Id
from resolvers import blocks, freezes, inputs, limits, permissions, transfers, wallets
from resolvers.blocks import VIEWER, or_nobody
from resolvers.context import Context, TokenScope, Viewer
from resolvers.errors import (
    InsufficientFundsError,
    LimitExceededError,
    LimitState,
    NotFoundError,
    Refused,
    UserError,
)
from resolvers.ids import Kind, key_of
from resolvers.inputs import Checks, MoneyAsked
from resolvers.pagination import After, First, Listing, Page, window
from resolvers.posts import PostRow, for_viewer, posts_by_id, posts_or_none, standing_by_ids
from resolvers.prefetching import prefetched
from resolvers.transfers import (
    AMOUNT,
    COLUMNS,
    Moved,
    Request,
    TransferRow,
    check_money,
    recalled,
    request_hash,
)
from resolvers.wallets import InCurrency, WalletRow

NO_SUCH_POST = NotFoundError("There is no such post.", ("postId",))


class TotalRow(NamedTuple):
    """What a post has been tipped in one currency."""

    post_id: UUID
    currency: Currency
    tip_count: int
    total: int


class _SumRow(NamedTuple):
    post_id: UUID
    total: int


class TipPreview(NamedTuple):
    """What a tip would do. `balance_after` is None when there is nothing to say it of."""

    fee: Money
    recipient_gets: Money
    balance_after: Money | None
    user_errors: list[UserError]


def _post_of(transfer: TransferRow) -> UUID:
    assert transfer.post_id is not None, "a tip has a post"
    return transfer.post_id


_tips: Listing[TransferRow] = Listing(
    PageQuery(TransferRow, COLUMNS, parent=Transfer.post_id, order=Transfer.id, where=permissions.visible_tip),
    order=lambda transfer: transfer.id,
    parent=_post_of,
)
_totals = Query(
    TotalRow,
    select(*columns_of(TotalRow, PostTips)).where(any_of(PostTips.post_id)),
)
_by_viewer = Query(
    _SumRow,
    select(col(Transfer.post_id), cast(func.sum(Transfer.amount - Transfer.refunded), BigInteger))
    .where(
        col(Transfer.sender_id) == VIEWER,
        any_of(Transfer.post_id),
        col(Transfer.currency) == bindparam("in_currency"),
    )
    .group_by(col(Transfer.post_id)),
)
_add_to_total = add_to_rows(PostTips, key=("post_id", "currency"), add=("tip_count", "total"))  # as in TotalRow

take_from_total = Command(
    update(PostTips)
    .where(
        col(PostTips.post_id) == bindparam("tipped_id", type_=Id()),
        col(PostTips.currency) == bindparam("in_currency"),
    )
    .values(total=col(PostTips.total) - bindparam("given_back"))
)
"""Takes a refund out of a post's total. The tip still counts as one."""


async def tips_of(
    ctx: Context, posts: list[PostRow], *, first: First = None, after: After = None
) -> list[Page[TransferRow]]:
    """The tips of each post that the viewer may see, newest first."""
    asked = window(first, after)
    who = {"viewer": or_nobody(ctx.viewer_id), permissions.READER.key: permissions.reader_or_nobody(ctx)}
    pages = await _tips.pages(ctx.database, [post.id for post in posts], asked, **who)
    return [pages[post.id] for post in posts]


@prefetched(PostRow, "id", _totals, "post_id")
async def tip_count_of(ctx: Context, posts: list[PostRow]) -> list[int]:
    """How many tips each post has had, in all currencies, whoever may see them."""
    counts: dict[UUID, int] = {}
    for row in await ctx.database.fetch(_totals, keys=[post.id for post in posts]):
        counts[row.post_id] = counts.get(row.post_id, 0) + row.tip_count
    return [counts.get(post.id, 0) for post in posts]


@prefetched(PostRow, "id", _totals, "post_id")
async def tip_total_of(ctx: Context, posts: list[PostRow], *, currency: InCurrency = Currency.USD) -> list[Money]:
    """What each post has been tipped in one currency."""
    rows = await ctx.database.fetch(_totals, keys=[post.id for post in posts])
    totals = {row.post_id: Money(row.total, currency) for row in rows if row.currency is currency}
    nothing = Money(0, currency)
    return [totals.get(post.id, nothing) for post in posts]


async def viewer_tip_total_of(
    ctx: Context, posts: list[PostRow], *, currency: InCurrency = Currency.USD
) -> list[Money | None]:
    """What the viewer has tipped each post in one currency; None for whoever may not see it."""
    reader = permissions.reader_id(ctx)
    if reader is None:
        return [None] * len(posts)
    keys = [post.id for post in posts]
    rows = await ctx.database.fetch(_by_viewer, viewer=reader, keys=keys, in_currency=currency)
    totals = {row.post_id: Money(row.total, currency) for row in rows}
    nothing = Money(0, currency)
    return [totals.get(post.id, nothing) for post in posts]


@prefetched(TransferRow, "post_id", standing_by_ids, params=for_viewer)
async def tipped_posts_of(ctx: Context, tips: list[TransferRow]) -> list[PostRow | None]:
    """The post of each tip; None once it is deleted."""
    return await posts_or_none(ctx, [tip.post_id for tip in tips])


async def tip_post(
    ctx: Context, post_id: str, asked: MoneyAsked, *, note: str | None, visibility: Visibility, key: str
) -> Moved:
    """Tips a post from the viewer's wallet. The post's totals change in the same transaction."""
    viewer = ctx.actor(TokenScope.PAY)
    checks = Checks()
    amount, kept_note = check_money(checks, asked, key, note)
    checks.done()
    hashed = request_hash("tipPost", post=post_id, amount=amount, note=kept_note, visibility=visibility)
    request = Request(viewer.user_id, key, hashed)
    tipped, refusal = await _tippable(ctx, viewer, post_id)
    if tipped is None or refusal is not None:
        return await recalled(ctx, request, refusal or NO_SUCH_POST)
    fee = tip.fee_of(amount, ctx.policy.fee_basis_points)
    transfer = TransferRow(
        id=ctx.new_id(),
        kind=TransferKind.TIP,
        sender_id=viewer.user_id,
        recipient_id=tipped.author_id,
        post_id=tipped.id,
        amount=amount.minor_units,
        fee=fee.minor_units,
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
    lines = tip.lines(viewer.user_id, tipped.author_id, amount, fee)
    writes = (Write(_add_to_total, TotalRow(tipped.id, amount.currency, 1, amount.minor_units)),)
    return await transfers.post(
        ctx, request, transfer, lines, draws=limits.spending(ctx, viewer, amount), writes=writes
    )


async def tip_preview(ctx: Context, post_id: str, asked: MoneyAsked) -> TipPreview:
    """What a tip would do, by the rules of `tip_post`; nothing is written."""
    nothing = Money(0, asked.currency)
    try:
        viewer = ctx.actor(TokenScope.PAY)
        checks = Checks()
        amount = checks.check(AMOUNT, inputs.money, asked)
        checks.done()
    except Refused as refused:
        return TipPreview(nothing, nothing, None, list(refused.errors))
    fee = tip.fee_of(amount, ctx.policy.fee_basis_points)
    gets = Money(amount.minor_units - fee.minor_units, amount.currency)
    _, refusal = await _tippable(ctx, viewer, post_id)
    if refusal is not None:
        return TipPreview(fee, gets, None, [refusal])
    [balance], frozen = await asyncio.gather(  # in one trip
        wallets.balance_of(ctx, [WalletRow(viewer.user_id)], currency=amount.currency),
        freezes.frozen_among(ctx.database, list(viewer.movers)),
    )
    if frozen:
        return TipPreview(fee, gets, None, [transfers.FROZEN])
    left = balance.available.minor_units - amount.minor_units
    if left < 0:
        short = InsufficientFundsError(
            "The balance is too low.", AMOUNT, available=balance.available, shortfall=Money(-left, amount.currency)
        )
        return TipPreview(fee, gets, None, [short])
    exceeded = await limits.first_exceeded(ctx, limits.spending(ctx, viewer, amount))
    if exceeded is not None:
        return TipPreview(fee, gets, None, [_over(exceeded)])
    return TipPreview(fee, gets, Money(left, amount.currency), [])


async def _tippable(ctx: Context, viewer: Viewer, public_id: str) -> tuple[PostRow | None, UserError | None]:
    """The post, and why the viewer may not tip it."""
    key = key_of(public_id, Kind.POST)
    if key is None:
        return None, NO_SUCH_POST
    found, is_blocked = await asyncio.gather(  # in one trip
        posts_by_id(ctx, [key]), blocks.is_author_blocked(ctx.database, viewer.user_id, key)
    )
    tipped = found.get(key)
    if tipped is None:
        return None, NO_SUCH_POST
    return tipped, permissions.refusal_to_tip(viewer, tipped.author_id, is_blocked=is_blocked)


def _over(limit: LimitState) -> UserError:
    return LimitExceededError("This would pass a limit.", AMOUNT, limit=limit)
