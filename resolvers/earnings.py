"""Earnings: what a creator's tips brought in, less fees and refunds."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, case, cast, func, select
from sqlmodel import col

from models.database import Query, any_of, day_of, share_of
from models.money import Currency, Money
from models.transfers import Transfer, TransferKind
from models.types import EPOCH
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.posts import PostRow, posts_by_id
from resolvers.statements import From, To
from resolvers.users import UserRow, ViewerRow, users_by_id
from resolvers.wallets import InCurrency

BEST = 10


class DayEarnings(NamedTuple):
    """What one UTC day brought in."""

    day: datetime
    total: Money


class PostEarnings(NamedTuple):
    """What one post brought in."""

    post: PostRow
    total: Money


class SupporterEarnings(NamedTuple):
    """What one person gave."""

    user: UserRow
    total: Money


class Earnings(NamedTuple):
    """What tips brought in during a time, and from what and whom the most of it came."""

    total: Money
    tip_count: int
    by_day: list[DayEarnings]
    top_posts: list[PostEarnings]
    top_supporters: list[SupporterEarnings]


class _DayRow(NamedTuple):
    recipient_id: UUID
    day: int
    total: int
    tip_count: int


class _SourceRow(NamedTuple):
    source_id: UUID
    total: int


_AMOUNT, _FEE, _REFUNDED = col(Transfer.amount), col(Transfer.fee), col(Transfer.refunded)
# What is left of the amount, less what is left of the fee; refunds give the fee back in the same proportion.
_KEPT: ColumnElement[int] = case(
    (_REFUNDED == 0, _AMOUNT - _FEE), else_=_AMOUNT - _REFUNDED - (_FEE - share_of(_FEE, _REFUNDED, _AMOUNT))
)
_TOTAL = cast(func.sum(_KEPT), BigInteger).label("total")


def _received(*columns: Any) -> Select[Any]:
    return select(*columns).where(
        any_of(Transfer.recipient_id),
        col(Transfer.kind) == TransferKind.TIP,
        col(Transfer.currency) == bindparam("in_currency"),
        col(Transfer.created_at) >= bindparam("from_"),
        col(Transfer.created_at) < bindparam("to"),
    )


_DAY = day_of(Transfer.created_at)
_by_day = Query(
    _DayRow,
    _received(col(Transfer.recipient_id), _DAY.label("day"), _TOTAL, func.count().label("tip_count"))
    .group_by(col(Transfer.recipient_id), _DAY)
    .order_by(_DAY),
)


def _best_by(source: Any) -> Query[_SourceRow]:
    grouped = _received(source, _TOTAL).where(source.is_not(None)).group_by(source)
    return Query(_SourceRow, grouped.order_by(_TOTAL.desc(), source).limit(BEST))


_best_posts = _best_by(col(Transfer.post_id))
_best_supporters = _best_by(col(Transfer.sender_id))


async def earnings_of(
    ctx: Context, viewers: list[ViewerRow], *, from_: From, to: To, currency: InCurrency = Currency.USD
) -> list[Earnings]:
    """Each creator's earnings. Raises BadInputError for a time that ends before it begins."""
    if to < from_:
        raise BadInputError("A time cannot end before it begins.")
    return [await _earnings(ctx, viewer, from_, to, currency) for viewer in viewers]


async def _earnings(ctx: Context, viewer: ViewerRow, from_: datetime, to: datetime, currency: Currency) -> Earnings:
    asked = {"keys": [viewer.id], "in_currency": currency, "from_": from_, "to": to}
    days = await ctx.database.fetch(_by_day, **asked)
    best_posts = await ctx.database.fetch(_best_posts, **asked)
    best_supporters = await ctx.database.fetch(_best_supporters, **asked)
    posts = await posts_by_id(ctx, [row.source_id for row in best_posts])
    people = await users_by_id(ctx, [row.source_id for row in best_supporters])
    return Earnings(
        total=Money(sum(row.total for row in days), currency),
        tip_count=sum(row.tip_count for row in days),
        by_day=[DayEarnings(EPOCH + timedelta(days=row.day), Money(row.total, currency)) for row in days],
        top_posts=[
            PostEarnings(posts[row.source_id], Money(row.total, currency))
            for row in best_posts
            if row.source_id in posts
        ],
        top_supporters=[
            SupporterEarnings(people[row.source_id], Money(row.total, currency)) for row in best_supporters
        ],
    )
