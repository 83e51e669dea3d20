"""Nodes: whatever has a public id, found by it, as far as the viewer may see it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from models.accounts import TokenKind
from models.database import Query, any_of
from models.security import SecurityEventKind
from models.transfers import TransferKind, Visibility
from models.users import Follow
from resolvers import blocks
from resolvers.accounts import TokenRow, tokens_by_id
from resolvers.blocks import VIEWER
from resolvers.context import Context, SecurityEventRow, TokenScope
from resolvers.errors import BadInputError
from resolvers.funding import sources_by_id
from resolvers.ids import Kind, NodeId, require_id
from resolvers.posts import posts_by_id
from resolvers.security import events_by_id
from resolvers.sessions import sessions_by_id
from resolvers.transfers import KINDS, TransferRow, is_party, transfers_by_id
from resolvers.users import IdRow, users_by_id
from resolvers.wallets import WalletRow, entries_by_id

MAX_NODES = 100
_followed = Query(
    IdRow, select(col(Follow.followed_id)).where(col(Follow.follower_id) == VIEWER, any_of(Follow.followed_id))
)


async def nodes(ctx: Context, public_ids: list[str]) -> list[Any]:
    """What these ids are of, in the same order; None for what there is not, or not for this viewer.

    Raises BadInputError for what is no id, and for more than 100 of them.
    """
    if len(public_ids) > MAX_NODES:
        raise BadInputError(f"Ask for at most {MAX_NODES} nodes at once, not {len(public_ids)}.")
    asked = [require_id(public_id) for public_id in public_ids]
    found: dict[NodeId, Any] = {}
    for kind in Kind:
        of_kind = [node for node in asked if node.kind is kind]
        if of_kind:
            found.update(await _FINDERS[kind](ctx, of_kind))
    return [found.get(node) for node in asked]


async def node(ctx: Context, public_id: str) -> Any:
    """What this id is of, or None."""
    [found] = await nodes(ctx, [public_id])
    return found


Found = Mapping[NodeId, Any]
Finder = Callable[[Context, list[NodeId]], Awaitable[Found]]


def _by_key(find: Callable[[Context, list[UUID]], Awaitable[Mapping[UUID, Any]]]) -> Finder:
    async def finder(ctx: Context, asked: list[NodeId]) -> Found:
        rows = await find(ctx, [node.id for node in asked])
        return {node: rows.get(node.id) for node in asked}

    return finder


async def _wallets(ctx: Context, asked: list[NodeId]) -> Found:
    return {node: WalletRow(node.id) for node in asked if node.id == ctx.viewer_id and _may_read(ctx)}


async def _entries(ctx: Context, asked: list[NodeId]) -> Found:
    if ctx.viewer_id is None or not _may_read(ctx):
        return {}
    return await entries_by_id(ctx, ctx.viewer_id, asked)


async def _own_tokens(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    rows = await tokens_by_id(ctx, ids) if _may_read(ctx) else {}
    return {key: row for key, row in rows.items() if row.user_id == ctx.viewer_id}


async def _own_sessions(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    rows = await sessions_by_id(ctx, ids) if _may_read(ctx) else {}
    return {key: row for key, row in rows.items() if row.user_id == ctx.viewer_id}


async def _own_events(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    if ctx.viewer_id is None or not _may_read(ctx):
        return {}
    return await events_by_id(ctx, ctx.viewer_id, ids)


Subject = TransferRow | TokenRow
"""What an event may be about."""


async def tokens_of_events(ctx: Context, events: list[SecurityEventRow]) -> list[Subject | None]:
    """The session or the access token with which each event was done, if there was one."""
    return await _subjects(ctx, [], [event.token_id for event in events])


async def subjects_of_events(ctx: Context, events: list[SecurityEventRow]) -> list[Subject | None]:
    """What each event was about. A transfer is one of the event's owner, so they may see it."""
    money = [event.subject_id for event in events if event.kind is SecurityEventKind.MONEY_MOVED]
    return await _subjects(ctx, money, [event.subject_id for event in events])


async def _subjects(ctx: Context, money: Sequence[UUID | None], ids: Sequence[UUID | None]) -> list[Subject | None]:
    moved = {key for key in money if key is not None}
    others = {key for key in ids if key is not None} - moved
    transfers, tokens = await asyncio.gather(  # in one trip
        transfers_by_id(ctx, list(moved)), tokens_by_id(ctx, list(others), (TokenKind.ACCESS, TokenKind.SESSION))
    )
    found: dict[UUID, Subject] = {**transfers, **tokens}
    return [None if key is None else found.get(key) for key in ids]


async def _own_sources(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    rows = await sources_by_id(ctx, ids) if _may_read(ctx) else {}
    return {key: row for key, row in rows.items() if row.user_id == ctx.viewer_id}


async def _transfers(ctx: Context, asked: list[NodeId]) -> Found:
    rows = await transfers_by_id(ctx, [node.id for node in asked])
    visible = await visible_transfers(ctx, list(rows.values()))
    by_id = {(KINDS[row.kind], row.id): row for row in visible}
    return {node: by_id.get((node.kind, node.id)) for node in asked}


async def visible_transfers(ctx: Context, rows: list[TransferRow]) -> list[TransferRow]:
    """Those transfers that the viewer may see: as a party, or as their visibility says."""
    viewer_id = ctx.viewer_id
    others = [row.sender_id for row in rows if row.sender_id is not None and not is_party(row, viewer_id)]
    if viewer_id is None or not others:
        return [row for row in rows if is_party(row, viewer_id) or row.visibility is Visibility.PUBLIC]
    followed = {row.id for row in await ctx.database.fetch(_followed, viewer=viewer_id, keys=others)}
    apart = {key for row in await blocks.blocks_between(ctx.database, viewer_id, others) for key in row}

    def may_see(row: TransferRow) -> bool:
        if is_party(row, viewer_id):
            return True
        if row.sender_id in apart:
            return False
        if row.visibility is Visibility.FOLLOWERS:
            return row.sender_id in followed
        return row.visibility is Visibility.PUBLIC

    return [row for row in rows if may_see(row)]


def _may_read(ctx: Context) -> bool:
    return ctx.viewer is not None and TokenScope.READ in ctx.viewer.scopes


_FINDERS: dict[Kind, Finder] = {
    Kind.USER: _by_key(users_by_id),
    Kind.POST: _by_key(posts_by_id),
    Kind.WALLET: _wallets,
    Kind.ENTRY: _entries,
    Kind.TOKEN: _by_key(_own_tokens),
    Kind.CARD: _by_key(_own_sources),
    Kind.SESSION: _by_key(_own_sessions),
    Kind.EVENT: _by_key(_own_events),
    **dict.fromkeys((KINDS[kind] for kind in TransferKind), _transfers),
}
