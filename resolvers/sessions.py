"""Sessions: where somebody is signed in, and the end of it. A session is a token that signing in has made."""

from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.accounts import Token, TokenKind
from models.database import PageQuery, Query, columns_of
from models.security import SecurityEventKind
from models.types import Id, Timestamp
from resolvers import permissions
from resolvers.accounts import TokenRow, revoke, tokens_by_id
from resolvers.context import Context
from resolvers.errors import InputError, Refused
from resolvers.ids import Kind, key_of
from resolvers.pagination import After, First, Listing, Page, window
from resolvers.users import ViewerRow

_NOW = bindparam("now", type_=Timestamp())
_COLUMNS = columns_of(TokenRow, Token)


def _stands(columns: Any) -> list[Any]:
    return [columns.kind == TokenKind.SESSION, columns.revoked_at.is_(None), columns.expires_at > _NOW]


_listed: Listing[TokenRow] = Listing(
    PageQuery(TokenRow, _COLUMNS, parent=Token.user_id, order=Token.id, where=_stands),
    order=lambda session: session.id,
    parent=lambda session: session.user_id,
)
_others = Query(
    TokenRow,
    select(*_COLUMNS)
    .where(
        col(Token.user_id) == bindparam("owner_id", type_=Id()),
        col(Token.id) != bindparam("token_id", type_=Id()),
        *_stands(Token.__table__.c),  # type: ignore[attr-defined]
    )
    .order_by(col(Token.id).desc()),
)


async def sessions_of(
    ctx: Context, viewers: list[ViewerRow], *, first: First = None, after: After = None
) -> list[Page[TokenRow]]:
    """Each user's sessions that stand, the one that began last first."""
    pages = await _listed.pages(ctx.database, [viewer.id for viewer in viewers], window(first, after), now=ctx.now())
    return [pages[viewer.id] for viewer in viewers]


async def sessions_by_id(ctx: Context, ids: list[UUID]) -> dict[UUID, TokenRow]:
    """The sessions with these ids, those that are over too."""
    return await tokens_by_id(ctx, ids, (TokenKind.SESSION,))


async def are_current(ctx: Context, sessions: list[TokenRow]) -> list[bool]:
    """Whether each session is the one that the request came with."""
    current = None if ctx.viewer is None else ctx.viewer.token_id
    return [session.id == current for session in sessions]


async def revoke_session(ctx: Context, public_id: str) -> TokenRow:
    """Ends one of the viewer's sessions; their own counts as signing out."""
    viewer = permissions.session(ctx)
    key = key_of(public_id, Kind.SESSION)
    session = None if key is None else (await sessions_by_id(ctx, [key])).get(key)
    if session is None or session.user_id != viewer.user_id or not _is_standing(ctx, session):
        raise Refused(InputError("You have no such session.", ("id",)))
    [ended] = await _end(ctx, [session])
    if session.id == viewer.token_id:
        ctx.viewer = None
        ctx.signed_out = True
    return ended


async def revoke_other_sessions(ctx: Context) -> list[TokenRow]:
    """Ends all sessions of the viewer but the one that the request came with. Access tokens stay."""
    viewer = permissions.session(ctx)
    others = await ctx.database.fetch(_others, owner_id=viewer.user_id, token_id=viewer.token_id, now=ctx.now())
    return await _end(ctx, others) if others else []


def _is_standing(ctx: Context, session: TokenRow) -> bool:
    return session.revoked_at is None and (session.expires_at is None or session.expires_at > ctx.now())


async def _end(ctx: Context, sessions: list[TokenRow]) -> list[TokenRow]:
    await revoke(ctx, [session.id for session in sessions], SecurityEventKind.SESSION_REVOKED)
    return [session._replace(revoked_at=ctx.now()) for session in sessions]
