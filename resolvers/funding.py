"""Funding sources: the cards and bank accounts from which a wallet is topped up, and to which it pays out."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import Command, Query, Transaction, any_of, insert
from models.funding import FundingSource, SourceKind
from models.transfers import Rail
from models.users import User
from rails import Source
from rails.sandbox import FINE
from resolvers.context import App, Context
from resolvers.errors import NotFoundError, Refused
from resolvers.ids import Kind, key_of
from resolvers.users import UserRow

KINDS = {SourceKind.CARD: Kind.CARD}


class FundingSourceRow(NamedTuple):
    """A card or a bank account, as far as it may be shown."""

    id: UUID
    user_id: UUID
    kind: SourceKind
    rail: Rail
    label: str
    brand: str | None
    last4: str
    expires: str | None
    verified: bool


_SOURCE = select(*(getattr(FundingSource, name) for name in FundingSourceRow._fields))
_STANDS = col(FundingSource.removed_at).is_(None)
_by_users = Query(
    FundingSourceRow, _SOURCE.where(any_of(FundingSource.user_id), _STANDS).order_by(col(FundingSource.id))
)
_by_ids = Query(FundingSourceRow, _SOURCE.where(any_of(FundingSource.id), _STANDS))
_told = Query(
    Source,
    select(col(FundingSource.id), col(FundingSource.kind), col(FundingSource.reference), col(User.display_name))
    .join(User, col(User.id) == FundingSource.user_id)
    .where(any_of(FundingSource.id)),
)
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


async def own_source(ctx: Context, user_id: UUID, public_id: str | None) -> FundingSourceRow:
    """One of a user's funding sources, the oldest if none is named. Raises Refused if there is none."""
    sources = await sources_of_user(ctx, user_id)
    key = None if public_id is None else key_of(public_id, *KINDS.values())
    for source in sources:
        if public_id is None or source.id == key:
            return source
    raise Refused(NotFoundError("You have no such funding source.", ("fundingSourceId",)))


async def source_by_id(app: App, source_id: UUID) -> Source:
    """A funding source as its rail knows it, removed ones too: what is under way goes on."""
    source = await app.database.first(_told, keys=[source_id])
    assert source is not None, "sources are never deleted"
    return source


async def open_sandbox_card(transaction: Transaction, source_id: UUID, user_id: UUID, now: datetime) -> None:
    """Gives a new account the sandbox card that it is born with: play money, and plainly so."""
    await transaction.run(
        _insert,
        id=source_id,
        user_id=user_id,
        kind=SourceKind.CARD,
        rail=Rail.SANDBOX,
        label="Sandbox card",
        brand="SANDBOX",
        last4="4242",
        expires="12/2099",
        verified=True,
        reference=FINE,
        fingerprint=None,
        removed_at=None,
        created_at=now,
    )
