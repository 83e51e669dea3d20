"""Funding sources: the cards from which a wallet is topped up."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import Command, Query, Transaction, any_of, insert
from models.funding import FundingSource
from models.transfers import Rail
from resolvers.context import Context
from resolvers.users import UserRow


class FundingSourceRow(NamedTuple):
    """A card, as far as it may be shown."""

    id: UUID
    user_id: UUID
    rail: Rail
    label: str
    brand: str
    last4: str
    expires: str
    verified: bool


_SOURCE = select(*(getattr(FundingSource, name) for name in FundingSourceRow._fields))
_by_users = Query(FundingSourceRow, _SOURCE.where(any_of(FundingSource.user_id)).order_by(col(FundingSource.id)))
_by_ids = Query(FundingSourceRow, _SOURCE.where(any_of(FundingSource.id)))
_insert = Command(insert(FundingSource).values({name: bindparam(name) for name in FundingSource.model_fields}))


async def funding_sources_of(ctx: Context, users: list[UserRow]) -> list[list[FundingSourceRow]]:
    """Each user's own funding sources, the oldest first."""
    rows = await ctx.database.fetch(_by_users, keys=[user.id for user in users])
    return [[row for row in rows if row.user_id == user.id] for user in users]


async def sources_by_id(ctx: Context, ids: list[UUID]) -> dict[UUID, FundingSourceRow]:
    """The funding sources with these ids."""
    rows = await ctx.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows}


async def sources_of_user(ctx: Context, user_id: UUID) -> list[FundingSourceRow]:
    """One user's funding sources, the oldest first."""
    return await ctx.database.fetch(_by_users, keys=[user_id])


async def open_sandbox_card(transaction: Transaction, source_id: UUID, user_id: UUID, now: datetime) -> None:
    """Gives a new account the sandbox card that it is born with: play money, and plainly so."""
    await transaction.run(
        _insert,
        id=source_id,
        user_id=user_id,
        rail=Rail.SANDBOX,
        label="Sandbox card",
        brand="SANDBOX",
        last4="4242",
        expires="12/2099",
        verified=True,
        created_at=now,
    )
