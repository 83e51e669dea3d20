"""Funding sources: the cards and bank accounts from which a wallet is topped up, and to which it is paid out.

How they come to be linked is told in `linking`.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlmodel import col

from models.database import Command, Query, Transaction, any_of, columns_of, insert, is_one_of
from models.funding import FundingSource, SourceKind
from models.rails import IntentState, RailIntent
from models.security import SecurityEventKind
from models.transfers import Rail
from models.types import Id
from models.users import User
from rails import Source, UnreachableError, sandbox
from resolvers import permissions, security
from resolvers.context import App, Context, Viewer
from resolvers.errors import NotFoundError, Refused
from resolvers.ids import Kind, key_of
from resolvers.users import ViewerRow

FORGOTTEN_AT_ONCE = 100
SOURCES = {SourceKind.CARD: Kind.CARD, SourceKind.BANK_ACCOUNT: Kind.BANK_ACCOUNT}
MANAGED = "Cards and bank accounts"
"""What is managed from a session alone."""
NO_SUCH_SOURCE = NotFoundError("You have no such funding source.", ("id",))
_OVER = (
    IntentState.DECLINED,
    IntentState.REVERSED,
    IntentState.SETTLED,
    IntentState.RETURNED,
    IntentState.CANCELLED,
)


class FundingSourceRow(NamedTuple):
    """A card or a bank account, as far as it may be shown; and what its rail knows it by, which is not."""

    id: UUID
    user_id: UUID
    kind: SourceKind
    rail: Rail
    label: str
    brand: str | None
    last4: str
    expires: str | None
    verified: bool
    reference: str | None
    removed_at: datetime | None
    created_at: datetime


_SOURCE = select(*columns_of(FundingSourceRow, FundingSource))
_STANDS = col(FundingSource.removed_at).is_(None)
_ID = col(FundingSource.id) == bindparam("source_id", type_=Id())
_by_users = Query(
    FundingSourceRow, _SOURCE.where(any_of(FundingSource.user_id), _STANDS).order_by(col(FundingSource.id))
)
_by_ids = Query(FundingSourceRow, _SOURCE.where(any_of(FundingSource.id)))
_as_told = Query(
    Source,
    select(
        col(FundingSource.id),
        col(FundingSource.kind),
        func.coalesce(col(FundingSource.reference), "").label("reference"),
        col(User.display_name),
    )
    .join(User, col(User.id) == FundingSource.user_id)
    .where(any_of(FundingSource.id)),
)
_by_fingerprint = Query(
    FundingSourceRow,
    _SOURCE.where(
        col(FundingSource.user_id) == bindparam("owner_id", type_=Id()),
        _STANDS,
        col(FundingSource.fingerprint) == bindparam("known_fingerprint"),
    ),
)
_insert = Command(insert(FundingSource).values({name: bindparam(name) for name in FundingSource.model_fields}))
_verify = Command(update(FundingSource).where(_ID, _STANDS).values(verified=True))
_remove = Command(update(FundingSource).where(_ID, _STANDS).values(removed_at=bindparam("moment")))
_to_forget = Query(
    FundingSourceRow,
    _SOURCE.where(
        col(FundingSource.removed_at).is_not(None),
        col(FundingSource.reference).is_not(None),
        ~select(col(RailIntent.id))
        .where(
            col(RailIntent.owner_id) == col(FundingSource.user_id),
            col(RailIntent.source_id) == col(FundingSource.id),
            ~is_one_of(col(RailIntent.state), _OVER),
        )
        .exists(),
    )
    .order_by(col(FundingSource.removed_at))
    .limit(FORGOTTEN_AT_ONCE),
)
_forget = Command(update(FundingSource).where(_ID).values(reference=None))


async def funding_sources_of(ctx: Context, viewers: list[ViewerRow]) -> list[list[FundingSourceRow]]:
    """Each user's own funding sources that are not removed, the oldest first."""
    rows = await ctx.database.fetch(_by_users, keys=[viewer.id for viewer in viewers])
    return [[row for row in rows if row.user_id == viewer.id] for viewer in viewers]


async def sources_by_id(ctx: Context, ids: list[UUID]) -> dict[UUID, FundingSourceRow]:
    """The funding sources with these ids, removed ones too."""
    rows = await ctx.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows}


async def sources_of_user(ctx: Context, user_id: UUID) -> list[FundingSourceRow]:
    """One user's funding sources that are not removed, the oldest first."""
    return await ctx.database.fetch(_by_users, keys=[user_id])


async def source_to_use(ctx: Context, user_id: UUID, public_id: str | None) -> FundingSourceRow:
    """One of a user's funding sources, the oldest that is verified if none is named. Raises Refused."""
    for source in await sources_of_user(ctx, user_id):
        named = public_id is not None and key_of(public_id, SOURCES[source.kind]) == source.id
        if named or (public_id is None and source.verified):
            return source
    raise Refused(NotFoundError("You have no such funding source.", ("fundingSourceId",)))


async def source_by_id(app: App, source_id: UUID) -> Source:
    """A funding source as its rail knows it, removed ones too: what is under way goes on."""
    source = await app.database.first(_as_told, keys=[source_id])
    assert source is not None, "sources are never deleted"
    return source


async def source_with(ctx: Context, user_id: UUID, fingerprint: str) -> FundingSourceRow | None:
    """What somebody has linked under this number, unless it is removed."""
    return await ctx.database.first(_by_fingerprint, owner_id=user_id, known_fingerprint=fingerprint)


async def open_sandbox_card(transaction: Transaction, source_id: UUID, user_id: UUID, now: datetime) -> None:
    """Gives a new account the sandbox card that it is born with: play money, and plainly so."""
    card = FundingSourceRow(
        id=source_id,
        user_id=user_id,
        kind=SourceKind.CARD,
        rail=Rail.SANDBOX,
        label="Sandbox card",
        brand="SANDBOX",
        last4="4242",
        expires="12/2099",
        verified=True,
        reference=sandbox.FINE,
        removed_at=None,
        created_at=now,
    )
    await add(transaction, card, None)


async def own_source(ctx: Context, viewer: Viewer, public_id: str, *kinds: Kind) -> FundingSourceRow:
    """The viewer's source with this id, if it is of these kinds and not removed. Raises Refused."""
    key = key_of(public_id, *kinds)
    source = None if key is None else (await sources_by_id(ctx, [key])).get(key)
    if (
        source is None
        or source.user_id != viewer.user_id
        or source.removed_at is not None
        or key_of(public_id, SOURCES[source.kind]) is None
    ):
        raise Refused(NO_SUCH_SOURCE)
    return source


async def remove_funding_source(ctx: Context, public_id: str) -> FundingSourceRow:
    """Removes one of the viewer's cards or bank accounts. What was done with it stays."""
    viewer = permissions.session(ctx, MANAGED)
    source = await own_source(ctx, viewer, public_id, *SOURCES.values())
    if not await ctx.transact(lambda transaction: remove(ctx, transaction, source.id)):
        raise Refused(NO_SUCH_SOURCE)
    return (await sources_by_id(ctx, [source.id]))[source.id]


async def add(transaction: Transaction, source: FundingSourceRow, fingerprint: str | None) -> None:
    """Writes a new source. Raises UniqueError if its owner has linked the number already."""
    await transaction.run(_insert, **source._asdict(), fingerprint=fingerprint)


async def verify(transaction: Transaction, source_id: UUID) -> bool:
    """Has a source known to be its owner's, unless it is removed."""
    return bool(await transaction.run(_verify, source_id=source_id))


async def remove(ctx: Context, transaction: Transaction, source_id: UUID) -> bool:
    """Removes the viewer's source, unless it is removed already."""
    if not await transaction.run(_remove, source_id=source_id, moment=ctx.now()):
        return False
    await security.write(transaction, ctx.event(SecurityEventKind.SOURCE_REMOVED, source_id))
    return True


async def forget_removed(app: App) -> int:
    """Has networks and the vault forget removed sources, once no money is under way over them. Returns how many."""
    forgotten = 0
    for row in await app.database.fetch(_to_forget):
        adapter = app.rails.adapters.get(row.rail)
        if adapter is None or row.reference is None:
            continue
        try:
            await adapter.unlink(Source(row.id, row.kind, row.reference, ""))
        except UnreachableError:
            continue  # the next time
        if app.rails.vault is not None:
            await app.rails.vault.forget(row.reference)
        async with app.database.transaction() as transaction:
            forgotten += await transaction.run(_forget, source_id=row.id)
    return forgotten
