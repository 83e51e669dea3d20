"""Rules against abuse of the rails: too many transfers, and money that comes in only to go out again.

Few, and all of them here. They are ceilings like any limit (`limits`), so the ledger holds them within the transaction
that moves the money, and nobody passes one by asking for much at once. Whoever would gets a `RiskHoldError`; what was
refused counts no further. `HATFUL_MONEY_LIMITS=off` switches them off.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, cast, func, select
from sqlmodel import col

from ledger import Draw
from models.database import Query, is_one_of
from models.funding import FundingSource, SourceKind
from models.money import EXPONENTS, Currency, Money
from models.rails import Direction, IntentState, RailIntent
from models.types import Id, Timestamp
from resolvers import limits
from resolvers.context import Context, Viewer
from resolvers.limits import HOUR, WITHDRAWN

MINUTE = timedelta(minutes=1)


class Velocity(NamedTuple):
    """At most so many transfers of a direction and a currency within an hour, those that come to nothing too."""

    name: str
    counted: str
    most: int
    message: str


class InAndOut(NamedTuple):
    """Who has drawn in more than `above` (whole units) from cards within an hour withdraws no more than that in it.

    A card's owner can take back what it paid; what was withdrawn by then is gone.
    """

    name: str
    above: Mapping[Currency, int]
    message: str


VELOCITY = {
    Direction.PULL: Velocity(
        "TOP_UPS_PER_HOUR", "TOP_UPS", 60, "That is a great many top-ups within an hour. Try again later."
    ),
    Direction.PUSH: Velocity(
        "WITHDRAWALS_PER_HOUR", "WITHDRAWALS", 30, "That is a great many withdrawals within an hour. Try again later."
    ),
}
IN_AND_OUT = InAndOut(
    "IN_AND_OUT",
    {Currency.USD: 1_000, Currency.EUR: 1_000, Currency.GBP: 1_000, Currency.JPY: 150_000, Currency.CNY: 7_000},
    "Money from a card cannot leave so soon in such an amount. Try again in two hours.",
)
MESSAGES = {IN_AND_OUT.name: IN_AND_OUT.message, **{rule.name: rule.message for rule in VELOCITY.values()}}
"""What is said of each rule that stands in the way."""


class _SumRow(NamedTuple):
    total: int


_CAME_TO_NOTHING = (IntentState.DECLINED, IntentState.REVERSING, IntentState.REVERSED, IntentState.RETURNED)
_from_cards = Query(
    _SumRow,
    select(cast(func.coalesce(func.sum(RailIntent.amount), 0), BigInteger).label("total"))
    .join(FundingSource, col(FundingSource.id) == col(RailIntent.source_id))
    .where(
        col(RailIntent.owner_id) == bindparam("of_owner", type_=Id()),
        col(RailIntent.created_at) >= bindparam("since", type_=Timestamp()),
        col(RailIntent.direction) == Direction.PULL,
        col(RailIntent.currency) == bindparam("in_currency"),
        ~is_one_of(col(RailIntent.state), _CAME_TO_NOTHING),
        col(FundingSource.kind) == SourceKind.CARD,
    ),
)


async def watched(
    ctx: Context, viewer: Viewer, direction: Direction, amount: Money, draws: Sequence[Draw]
) -> tuple[Draw, ...]:
    """What a transfer over a rail draws on, with what the rules add to it."""
    if not ctx.policy.money_limits:
        return tuple(draws)
    now, rule = ctx.now(), VELOCITY[direction]
    window = limits.window(rule.name, rule.most, HOUR, now, MINUTE)
    counted = Draw(viewer.user_id, rule.counted, amount.currency, limits.bucket_at(now, MINUTE), 1, (window,))
    if direction is Direction.PUSH and await _is_hot(ctx, viewer.user_id, amount.currency):
        draws = [_held_back(ctx, draw) if draw.name == WITHDRAWN else draw for draw in draws]
    return *draws, counted


async def _is_hot(ctx: Context, owner_id: UUID, currency: Currency) -> bool:
    came = await ctx.database.first(_from_cards, of_owner=owner_id, since=ctx.now() - HOUR, in_currency=currency)
    assert came is not None, "a sum is one row"
    return came.total > _most(currency)


def _held_back(ctx: Context, draw: Draw) -> Draw:
    window = limits.window(IN_AND_OUT.name, _most(draw.currency), HOUR, ctx.now())
    return draw._replace(ceilings=(window, *draw.ceilings))


def _most(currency: Currency) -> int:
    most: int = IN_AND_OUT.above[currency] * 10 ** EXPONENTS[currency]
    return most
