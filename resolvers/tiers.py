"""Tiers: how well somebody is known. Their limits go by it.

A tier comes from what is linked, a card or a bank account that is known to be theirs, or from the operator; the higher
one counts.
"""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, exists, func, select
from sqlmodel import col

from models.accounts import Token
from models.database import Command, Query, Transaction, insert
from models.database.connection import Reader
from models.funding import FundingSource
from models.limits import GrantedTier, Tier
from models.security import SecurityEventKind
from resolvers import security
from resolvers.context import Context


class _StandingRow(NamedTuple):
    granted: int
    verified: bool


_VERIFIED = exists().where(
    col(FundingSource.user_id) == col(Token.user_id),
    col(FundingSource.verified),
    col(FundingSource.removed_at).is_(None),
)
_standing = Query(
    _StandingRow,
    select(func.coalesce(col(GrantedTier.tier), 0).label("granted"), _VERIFIED.label("verified"))
    .select_from(Token)
    .outerjoin(GrantedTier, col(GrantedTier.user_id) == col(Token.user_id))
    .where(col(Token.secret_hash) == bindparam("secret_hash")),
)
_grant = Command(
    insert(GrantedTier)
    .values({name: bindparam(name) for name in GrantedTier.model_fields})
    .on_conflict_do_update(
        index_elements=["user_id"],
        set_={"tier": bindparam("tier"), "granted_at": bindparam("granted_at")},
    )
)


async def tier_behind(reader: Reader, secret_hash: bytes) -> Tier:
    """The tier of whose secret this is."""
    row = await reader.first(_standing, secret_hash=secret_hash)
    if row is None:
        return Tier.NEW
    return max(Tier(row.granted), Tier.VERIFIED if row.verified else Tier.NEW)


async def grant(ctx: Context, user_id: UUID, tier: Tier) -> None:
    """Gives somebody at least this tier, from the operator. What was given before counts no more."""

    async def write(transaction: Transaction) -> None:
        await transaction.run(_grant, user_id=user_id, tier=int(tier), granted_at=ctx.now())
        await security.write(transaction, ctx.event(SecurityEventKind.TIER_GRANTED, user_id=user_id))

    await ctx.transact(write)
