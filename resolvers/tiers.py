"""Tiers: how well somebody is known. Their limits go by it.

A tier comes from what is linked, a card or a bank account that is known to be theirs, or from the operator; the higher
one counts.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select
from sqlmodel import col

from models.accounts import Token
from models.database import Command, Transaction, insert
from models.funding import FundingSource
from models.limits import GrantedTier, Tier
from models.security import SecurityEventKind
from resolvers import security
from resolvers.context import Context

STANDING: tuple[Any, ...] = (
    func.coalesce(
        select(col(GrantedTier.tier)).where(col(GrantedTier.user_id) == col(Token.user_id)).scalar_subquery(), 0
    ).label("granted"),
    exists()
    .where(
        col(FundingSource.user_id) == col(Token.user_id),
        col(FundingSource.verified),
        col(FundingSource.removed_at).is_(None),
    )
    .label("verified"),
)
"""Columns beside those of a token, from which the tier of its owner follows: what was granted, and if one is known."""


_grant = Command(
    insert(GrantedTier)
    .values({name: bindparam(name) for name in GrantedTier.model_fields})
    .on_conflict_do_update(
        index_elements=["user_id"],
        set_={"tier": bindparam("tier"), "granted_at": bindparam("granted_at")},
    )
)


def tier_of(granted: int, verified: bool) -> Tier:
    """The tier of who stands like this."""
    return max(Tier(granted), Tier.VERIFIED if verified else Tier.NEW)


async def grant(ctx: Context, user_id: UUID, tier: Tier) -> None:
    """Gives somebody at least this tier, from the operator. What was given before counts no more."""

    async def write(transaction: Transaction) -> None:
        await transaction.run(_grant, user_id=user_id, tier=int(tier), granted_at=ctx.now())
        await security.write(transaction, ctx.event(SecurityEventKind.TIER_GRANTED, user_id=user_id))

    await ctx.transact(write)
