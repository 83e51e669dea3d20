"""Limits on money: how much may leave or enter a wallet in one UTC day, and what is used of it."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from ledger import Draw
from models.database import Query, any_of, columns_of
from models.limits import LimitUsage
from models.money import EXPONENTS, Currency, Money
from resolvers.context import Context, Viewer
from resolvers.errors import LimitState
from resolvers.users import UserRow

SPEND = "SPEND_PER_DAY"
TOP_UP = "TOP_UP_PER_DAY"
WITHDRAWAL = "WITHDRAWAL_PER_DAY"
TOKEN_SPEND = "TOKEN_SPEND_PER_DAY"  # noqa: S105 - a limit's name

# In whole units of the currency. Plain numbers of about the same worth, chosen here, not converted.
_PER_DAY = {
    SPEND: {Currency.USD: 2_000, Currency.EUR: 2_000, Currency.GBP: 2_000, Currency.JPY: 300_000, Currency.CNY: 15_000},
    TOP_UP: {
        Currency.USD: 5_000,
        Currency.EUR: 5_000,
        Currency.GBP: 5_000,
        Currency.JPY: 750_000,
        Currency.CNY: 36_000,
    },
}
_PER_DAY[WITHDRAWAL] = _PER_DAY[TOP_UP]
_DAY = timedelta(days=1)


class _UsageRow(NamedTuple):
    owner_id: UUID
    name: str
    currency: Currency
    used: int


_used_today = Query(
    _UsageRow,
    select(*columns_of(_UsageRow, LimitUsage)).where(
        any_of(LimitUsage.owner_id), col(LimitUsage.since) == bindparam("since")
    ),
)


def spending(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What spending an amount draws on: the account's limit, and the token's own if it has one."""
    return *_account_draw(ctx, viewer, SPEND, amount), *_token_draw(ctx, viewer, amount)


def giving_back(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What giving an amount back draws on: the token's own limit if it has one, for the money leaves the wallet."""
    return _token_draw(ctx, viewer, amount)


def topping_up(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What topping up by an amount draws on."""
    return _account_draw(ctx, viewer, TOP_UP, amount)


def withdrawing(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    """What withdrawing an amount draws on."""
    return *_account_draw(ctx, viewer, WITHDRAWAL, amount), *_token_draw(ctx, viewer, amount)


async def limits_of(ctx: Context, users: list[UserRow]) -> list[list[LimitState]]:
    """Each user's limits: in US dollars, and in each other currency in which something is used today."""
    if not ctx.policy.money_limits:
        return [[] for _ in users]
    since, resets_at = _today(ctx.now())
    rows = await ctx.database.fetch(_used_today, keys=[user.id for user in users], since=since)
    used = {(row.owner_id, row.name, row.currency): row.used for row in rows}
    return [
        [
            LimitState(name, _most(name, currency), Money(used.get((user.id, name, currency), 0), currency), resets_at)
            for name in _PER_DAY
            for currency in Currency
            if currency is Currency.USD or (user.id, name, currency) in used
        ]
        for user in users
    ]


def _token_draw(ctx: Context, viewer: Viewer, amount: Money) -> tuple[Draw, ...]:
    if viewer.spend_limit is None:
        return ()
    # A token with a limit in one currency spends nothing in another.
    most = viewer.spend_limit.minor_units if viewer.spend_limit.currency is amount.currency else 0
    return (_draw(viewer.token_id, TOKEN_SPEND, amount, most, ctx.now()),)


def _account_draw(ctx: Context, viewer: Viewer, name: str, amount: Money) -> tuple[Draw, ...]:
    if not ctx.policy.money_limits:
        return ()
    return (_draw(viewer.user_id, name, amount, _most(name, amount.currency).minor_units, ctx.now()),)


def _draw(owner_id: UUID, name: str, amount: Money, most: int, now: datetime) -> Draw:
    since, resets_at = _today(now)
    return Draw(owner_id, name, amount.currency, since, resets_at, most, amount.minor_units)


def _most(name: str, currency: Currency) -> Money:
    return Money(_PER_DAY[name][currency] * 10 ** EXPONENTS[currency], currency)


def _today(now: datetime) -> tuple[datetime, datetime]:
    since = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return since, since + _DAY


async def first_exceeded(ctx: Context, draws: tuple[Draw, ...]) -> LimitState | None:
    """The first limit that these draws would pass, as things stand; None if there is none."""
    if not draws:
        return None
    since = draws[0].since
    rows = await ctx.database.fetch(_used_today, keys=[draw.owner_id for draw in draws], since=since)
    used = {(row.owner_id, row.name, row.currency): row.used for row in rows}
    for draw in draws:
        gone = used.get((draw.owner_id, draw.name, draw.currency), 0)
        if gone + draw.amount > draw.max:
            most = Money(draw.max, draw.currency)
            return LimitState(draw.name, most, Money(gone, draw.currency), draw.resets_at)
    return None
