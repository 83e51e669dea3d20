"""Limits on money: how much may leave or enter a wallet within a day and within thirty, and what is used of it.

Windows roll. What is used is counted by the hour, and an hour counts until all of it is older than the window: so no
24 hours ever see more than a day's limit. How much somebody may move depends on their tier (`tiers`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from ledger import Ceiling, Draw
from models.database import Query, any_of, columns_of
from models.limits import LimitUsage, Tier
from models.money import EXPONENTS, Currency, Money
from models.rails import Direction, IntentState
from resolvers.context import Context, Viewer
from resolvers.errors import LimitState
from resolvers.users import ViewerRow

SPENT, TOPPED_UP, WITHDRAWN, TOKEN_SPENT = "SPEND", "TOP_UP", "WITHDRAWAL", "TOKEN_SPEND"
"""What is counted."""
TOKEN_SPEND = "TOKEN_SPEND_PER_DAY"  # noqa: S105 - a limit's name
HOUR, DAY, MONTH = timedelta(hours=1), timedelta(days=1), timedelta(days=30)


class Limit(NamedTuple):
    """How much of what is `counted` may be used within a span, at the tier VERIFIED, in whole units."""

    name: str
    counted: str
    span: timedelta
    verified: Mapping[Currency, int]


# Plain numbers of about the same worth, chosen here, not converted.
_SMALL = {Currency.USD: 2_000, Currency.EUR: 2_000, Currency.GBP: 2_000, Currency.JPY: 300_000, Currency.CNY: 15_000}
_LARGE = {Currency.USD: 5_000, Currency.EUR: 5_000, Currency.GBP: 5_000, Currency.JPY: 750_000, Currency.CNY: 36_000}


def _tenfold(units: Mapping[Currency, int]) -> Mapping[Currency, int]:
    return {currency: 10 * amount for currency, amount in units.items()}


LIMITS = (
    Limit("SPEND_PER_DAY", SPENT, DAY, _SMALL),
    Limit("TOP_UP_PER_DAY", TOPPED_UP, DAY, _LARGE),
    Limit("WITHDRAWAL_PER_DAY", WITHDRAWN, DAY, _LARGE),
    Limit("SPEND_PER_MONTH", SPENT, MONTH, _tenfold(_SMALL)),
    Limit("TOP_UP_PER_MONTH", TOPPED_UP, MONTH, _tenfold(_LARGE)),
    Limit("WITHDRAWAL_PER_MONTH", WITHDRAWN, MONTH, _tenfold(_LARGE)),
)
_TENTHS = {Tier.NEW: 1, Tier.VERIFIED: 10, Tier.TRUSTED: 100}
_COUNTED = {Direction.PULL: TOPPED_UP, Direction.PUSH: WITHDRAWN}
_NOTHING_CAME_OF_IT = (IntentState.DECLINED, IntentState.CANCELLED, IntentState.REVERSED)


class _UsageRow(NamedTuple):
    owner_id: UUID
    name: str
    currency: Currency
    since: datetime
    used: int


_used_since = Query(
    _UsageRow,
    select(*columns_of(_UsageRow, LimitUsage)).where(
        any_of(LimitUsage.owner_id), col(LimitUsage.since) >= bindparam("since")
    ),
)


# What is drawn


def spending(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What spending an amount draws on: the account's limits, and the token's own if it has one."""
    return *_account_draw(ctx, viewer, SPENT, amount), *_token_draw(ctx, viewer, amount)


def giving_back(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What giving an amount back draws on: the token's own limit if it has one, for the money leaves the wallet."""
    return _token_draw(ctx, viewer, amount)


def topping_up(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What topping up by an amount draws on."""
    return _account_draw(ctx, viewer, TOPPED_UP, amount)


def withdrawing(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What withdrawing an amount draws on."""
    return _account_draw(ctx, viewer, WITHDRAWN, amount)


def bucket_of(draws: Iterable[Draw], direction: Direction) -> datetime | None:
    """In which bucket these draws count what comes in or goes out over a rail; None if they do not."""
    return next((draw.since for draw in draws if draw.name == _COUNTED[direction]), None)


class _Drawn(Protocol):
    """An intent, as far as limits are concerned."""

    @property
    def owner_id(self) -> UUID: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def currency(self) -> Currency: ...
    @property
    def amount(self) -> int: ...
    @property
    def state(self) -> IntentState: ...
    @property
    def drawn_in(self) -> datetime | None: ...


def taken_back(intent: _Drawn, now: datetime) -> tuple[Draw, ...]:
    """What an intent of which nothing has come gives back of what it drew, as long as that counts."""
    if intent.drawn_in is None or intent.state not in _NOTHING_CAME_OF_IT or now - intent.drawn_in > MONTH + HOUR:
        return ()
    return (Draw(intent.owner_id, _COUNTED[intent.direction], intent.currency, intent.drawn_in, -intent.amount),)


def window(name: str, most: int, span: timedelta, now: datetime, bucket: timedelta = HOUR) -> Ceiling:
    """At most so much within any stretch of time as long as `span`, counted in buckets."""
    return Ceiling(name, most, bucket_at(now, bucket) - span, span + bucket)


def bucket_at(now: datetime, bucket: timedelta = HOUR) -> datetime:
    """When the bucket of this moment began."""
    return now - (now - _EPOCH) % bucket


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _token_draw(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    if viewer.spend_limit is None:
        return ()
    # A token with a limit in one currency spends nothing in another.
    most = viewer.spend_limit.minor_units if viewer.spend_limit.currency is amount.currency else 0
    now = ctx.now()
    ceilings = (window(TOKEN_SPEND, most, DAY, now),)
    return (Draw(viewer.token_id, TOKEN_SPENT, amount.currency, bucket_at(now), amount.minor_units, ceilings),)


def _account_draw(ctx: Context, viewer: Viewer, counted: str, amount: Money) -> tuple[Draw, ...]:
    if not ctx.policy.money_limits:
        return ()
    now, currency = ctx.now(), amount.currency
    ceilings = tuple(
        [
            window(limit.name, _most(limit, viewer.tier, currency).minor_units, limit.span, now)
            for limit in LIMITS
            if limit.counted == counted
        ]
    )
    return (Draw(viewer.user_id, counted, currency, bucket_at(now), amount.minor_units, ceilings),)


def _most(limit: Limit, tier: Tier, currency: Currency) -> Money:
    return Money(limit.verified[currency] * 10 ** EXPONENTS[currency] * _TENTHS[tier] // 10, currency)


# What is told


async def limits_of(ctx: Context, viewers: list[ViewerRow]) -> list[list[LimitState]]:
    """The viewer's limits: in US dollars, and in each other currency of which something is used; nobody else's."""
    viewer = ctx.viewer
    if viewer is None or not ctx.policy.money_limits:
        return [[] for _ in viewers]
    now = ctx.now()
    rows = await ctx.database.fetch(_used_since, keys=[viewer.user_id], since=bucket_at(now) - MONTH)
    states = [
        _state(window(limit.name, _most(limit, viewer.tier, currency).minor_units, limit.span, now), currency, used)
        for limit in LIMITS
        for currency in Currency
        if (used := [row for row in rows if (row.name, row.currency) == (limit.counted, currency) and row.used])
        or currency is Currency.USD
    ]
    return [states if one.id == viewer.user_id else [] for one in viewers]


async def first_exceeded(ctx: Context, draws: Sequence[Draw]) -> LimitState | None:
    """The first limit that these draws would pass, as things stand; None if there is none."""
    if not draws:
        return None
    since = min(draw.looks_back_to for draw in draws)
    rows = await ctx.database.fetch(_used_since, keys=[draw.owner_id for draw in draws], since=since)
    for draw in draws:
        of_draw = [row for row in rows if row[:3] == (draw.owner_id, draw.name, draw.currency) and row.used]
        for ceiling in draw.ceilings:
            state = _state(ceiling, draw.currency, of_draw)
            if state.used.minor_units + draw.amount > ceiling.max:
                return state
    return None


def _state(ceiling: Ceiling, currency: Currency, rows: Iterable[_UsageRow]) -> LimitState:
    """How a window stands. It lets in more again when the oldest use leaves it."""
    within = [row for row in rows if row.since >= ceiling.since]
    oldest = min((row.since for row in within), default=None)
    resets_at = None if oldest is None or ceiling.lasts is None else oldest + ceiling.lasts
    used = Money(sum(row.used for row in within), currency)
    return LimitState(ceiling.name, Money(ceiling.max, currency), used, resets_at)
