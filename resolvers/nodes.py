"""Nodes: whatever has a public id, found by it, as far as the viewer may see it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from models.accounts import TokenKind
from models.funding import SourceKind
from models.security import SecurityEventKind
from models.transfers import TransferKind
from resolvers import permissions
from resolvers.accounts import TokenRow, tokens_by_id
from resolvers.context import Context, SecurityEventRow
from resolvers.errors import BadInputError
from resolvers.funding import SOURCES, FundingSourceRow, sources_by_id
from resolvers.ids import Kind, NodeId, require_id
from resolvers.passkeys import PasskeyRow, passkeys_by_id
from resolvers.posts import posts_by_id
from resolvers.security import events_by_id
from resolvers.sessions import sessions_by_id
from resolvers.transfers import KINDS, TransferRow, transfers_by_id
from resolvers.users import users_by_id
from resolvers.wallets import WalletRow, entries_by_id

MAX_NODES = 100


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
    reader = permissions.reader_id(ctx)
    return {node: WalletRow(node.id) for node in asked if node.id == reader}


async def _entries(ctx: Context, asked: list[NodeId]) -> Found:
    reader = permissions.reader_id(ctx)
    return {} if reader is None else await entries_by_id(ctx, reader, asked)


async def _own_tokens(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    return permissions.own(ctx, await tokens_by_id(ctx, ids))


async def _own_sessions(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    return permissions.own(ctx, await sessions_by_id(ctx, ids))


async def _own_passkeys(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    return permissions.own(ctx, await passkeys_by_id(ctx, ids))


async def _own_events(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
    reader = permissions.reader_id(ctx)
    return {} if reader is None else await events_by_id(ctx, reader, ids)


Subject = TransferRow | FundingSourceRow | TokenRow | PasskeyRow
"""What an event may be about."""
FindSubjects = Callable[[Context, list[UUID]], Awaitable[Mapping[UUID, Subject]]]


async def _tokens(ctx: Context, ids: list[UUID]) -> Mapping[UUID, TokenRow]:
    return await tokens_by_id(ctx, ids, (TokenKind.ACCESS, TokenKind.SESSION))


_ABOUT: dict[SecurityEventKind, FindSubjects] = {
    SecurityEventKind.MONEY_MOVED: transfers_by_id,
    SecurityEventKind.CARD_LINKED: sources_by_id,
    SecurityEventKind.BANK_ACCOUNT_LINKED: sources_by_id,
    SecurityEventKind.BANK_ACCOUNT_VERIFIED: sources_by_id,
    SecurityEventKind.BANK_ACCOUNT_REFUSED: sources_by_id,
    SecurityEventKind.SOURCE_REMOVED: sources_by_id,
    SecurityEventKind.PASSKEY_REGISTERED: passkeys_by_id,
    SecurityEventKind.PASSKEY_REVOKED: passkeys_by_id,
    SecurityEventKind.PASSKEY_REFUSED: passkeys_by_id,
}
"""How the subjects of an event are found; of all others they are sessions and access tokens."""


async def tokens_of_events(ctx: Context, events: list[SecurityEventRow]) -> list[Subject | None]:
    """The session or the access token with which each event was done, if there was one."""
    return await _subjects(ctx, [(_tokens, event.token_id) for event in events])


async def subjects_of_events(ctx: Context, events: list[SecurityEventRow]) -> list[Subject | None]:
    """What each event was about. A transfer or a funding source is one of the event's owner, so they may see it."""
    return await _subjects(ctx, [(_ABOUT.get(event.kind, _tokens), event.subject_id) for event in events])


async def _subjects(ctx: Context, asked: Sequence[tuple[FindSubjects, UUID | None]]) -> list[Subject | None]:
    ids: dict[FindSubjects, set[UUID]] = {}
    for find, key in asked:
        if key is not None:
            ids.setdefault(find, set()).add(key)
    found = await asyncio.gather(*(find(ctx, list(keys)) for find, keys in ids.items()))  # in one trip
    by_finder = dict(zip(ids, found, strict=True))
    return [None if key is None else by_finder[find].get(key) for find, key in asked]


def _own_sources(kind: SourceKind) -> Finder:
    async def find(ctx: Context, ids: list[UUID]) -> Mapping[UUID, Any]:
        own = permissions.own(ctx, await sources_by_id(ctx, ids))
        return {key: source for key, source in own.items() if source.kind is kind}

    return _by_key(find)


async def _transfers(ctx: Context, asked: list[NodeId]) -> Found:
    rows = await transfers_by_id(ctx, [node.id for node in asked])
    visible = await permissions.visible_transfers(ctx, list(rows.values()))
    by_id = {(KINDS[row.kind], row.id): row for row in visible}
    return {node: by_id.get((node.kind, node.id)) for node in asked}


_FINDERS: dict[Kind, Finder] = {
    Kind.USER: _by_key(users_by_id),
    Kind.POST: _by_key(posts_by_id),
    Kind.WALLET: _wallets,
    Kind.ENTRY: _entries,
    Kind.TOKEN: _by_key(_own_tokens),
    **{SOURCES[kind]: _own_sources(kind) for kind in SourceKind},
    Kind.SESSION: _by_key(_own_sessions),
    Kind.EVENT: _by_key(_own_events),
    Kind.PASSKEY: _by_key(_own_passkeys),
    **dict.fromkeys((KINDS[kind] for kind in TransferKind), _transfers),
}
