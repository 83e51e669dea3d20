"""People: reading them, following and blocking them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import col

from models.database import Command, PageQuery, Query, Transaction, any_of, columns_of
from models.types import Id
from models.users import Block, Follow, User, UserCounters
from resolvers import blocks, inbox, inputs, permissions
from resolvers.context import Context, TokenScope
from resolvers.errors import NotFoundError, NotPermittedError, Refused
from resolvers.ids import Kind, key_of
from resolvers.pagination import After, First, Listing, Page, window, with_nodes
from resolvers.prefetching import prefetched


class UserRow(NamedTuple):
    """A person."""

    id: UUID
    handle: str
    display_name: str
    bio: str | None
    avatar_url: str | None
    created_at: datetime


class CountersRow(NamedTuple):
    """What is counted about a person."""

    user_id: UUID
    follower_count: int
    following_count: int
    post_count: int


class ViewerRow(NamedTuple):
    """The signed-in person, on whom hangs what is private. What everyone sees of them is read where it is asked for."""

    id: UUID


class FollowRow(NamedTuple):
    """Who follows whom; the id orders it."""

    id: UUID
    follower_id: UUID
    followed_id: UUID


class IdRow(NamedTuple):
    """One id."""

    id: UUID


_USER = select(*columns_of(UserRow, User))

users_by_ids = Query(UserRow, _USER.where(any_of(User.id)))
_by_handle = Query(UserRow, _USER.where(col(User.handle) == bindparam("handle")))

_counters = Query(CountersRow, select(*columns_of(CountersRow, UserCounters)).where(any_of(UserCounters.user_id)))

_FOLLOW = columns_of(FollowRow, Follow)
_followers: Listing[FollowRow] = Listing(
    PageQuery(FollowRow, _FOLLOW, parent=Follow.followed_id, order=Follow.id),
    order=lambda row: row.id,
    parent=lambda row: row.followed_id,
)
_following: Listing[FollowRow] = Listing(
    PageQuery(FollowRow, _FOLLOW, parent=Follow.follower_id, order=Follow.id),
    order=lambda row: row.id,
    parent=lambda row: row.follower_id,
)

_delete_block = Command(
    delete(Block).where(
        col(Block.blocker_id) == bindparam("blocker_id", type_=Id()),
        col(Block.blocked_id) == bindparam("blocked_id", type_=Id()),
    )
)
_held = Query(
    IdRow,
    select(col(UserCounters.user_id))
    .where(any_of(UserCounters.user_id))
    .order_by(col(UserCounters.user_id))
    # Not FOR UPDATE: whoever only refers to the row need not wait.
    .with_for_update(key_share=True),
)
_count = Command(
    update(UserCounters)
    .where(col(UserCounters.user_id) == bindparam("counted_id", type_=Id()))
    .values(
        follower_count=UserCounters.follower_count + bindparam("followers"),
        following_count=UserCounters.following_count + bindparam("following"),
        post_count=UserCounters.post_count + bindparam("posts"),
    )
)


async def users_by_id(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, UserRow]:
    """The users with these ids, as far as they exist."""
    if not ids:
        return {}
    rows = await ctx.database.fetch(users_by_ids, keys=list(set(ids)))
    return {row.id: row for row in rows}


async def users_of(ctx: Context, viewers: list[ViewerRow]) -> list[UserRow]:
    """The signed-in person, as everyone sees them."""
    users = await users_by_id(ctx, [viewer.id for viewer in viewers])
    return [users[viewer.id] for viewer in viewers]


async def users_or_none(ctx: Context, ids: Sequence[UUID | None]) -> list[UserRow | None]:
    """The user of each id, in the same order."""
    users = await users_by_id(ctx, [key for key in ids if key is not None])
    return [None if key is None else users.get(key) for key in ids]


async def user_by_handle(ctx: Context, handle: str) -> UserRow | None:
    """The user with this handle, in whatever case it is written."""
    written = inputs.known_handle(handle)
    return None if written is None else await ctx.database.first(_by_handle, handle=written)


@prefetched(UserRow, "id", _counters, "user_id")
async def follower_count_of(ctx: Context, users: list[UserRow]) -> list[int]:
    """How many follow each user."""
    return [row.follower_count for row in await counters_of(ctx, users)]


@prefetched(UserRow, "id", _counters, "user_id")
async def following_count_of(ctx: Context, users: list[UserRow]) -> list[int]:
    """How many each user follows."""
    return [row.following_count for row in await counters_of(ctx, users)]


@prefetched(UserRow, "id", _counters, "user_id")
async def post_count_of(ctx: Context, users: list[UserRow]) -> list[int]:
    """How many posts each user has."""
    return [row.post_count for row in await counters_of(ctx, users)]


async def counters_of(ctx: Context, users: list[UserRow]) -> list[CountersRow]:
    """What is counted about each user."""
    rows = await ctx.database.fetch(_counters, keys=[user.id for user in users])
    by_user = {row.user_id: row for row in rows}
    return [by_user[user.id] for user in users]


async def followers_of(
    ctx: Context, users: list[UserRow], *, first: First = None, after: After = None
) -> list[Page[UserRow]]:
    """Who follows each user, newest first."""
    pages = await _followers.pages(ctx.database, [user.id for user in users], window(first, after))
    return await _people(ctx, [pages[user.id] for user in users], lambda follow: follow.follower_id)


async def following_of(
    ctx: Context, users: list[UserRow], *, first: First = None, after: After = None
) -> list[Page[UserRow]]:
    """Whom each user follows, newest first."""
    pages = await _following.pages(ctx.database, [user.id for user in users], window(first, after))
    return await _people(ctx, [pages[user.id] for user in users], lambda follow: follow.followed_id)


async def _people(ctx: Context, pages: list[Page[FollowRow]], person: Any) -> list[Page[UserRow]]:
    users = await users_by_id(ctx, [person(follow) for page in pages for follow in page.nodes])
    return [with_nodes(page, [users.get(person(follow)) for follow in page.nodes]) for page in pages]


@prefetched(UserRow, "id", permissions.followed, "followed_id", params=permissions.by_marker)
async def viewer_is_following(ctx: Context, users: list[UserRow]) -> list[bool]:
    """Whether the viewer follows each user."""
    marker = permissions.marker_id(ctx)
    followed = await permissions.followed_by(ctx, marker, [user.id for user in users])
    return [user.id in followed for user in users]


async def viewer_has_blocked(ctx: Context, users: list[UserRow]) -> list[bool]:
    """Whether the viewer has blocked each user."""
    marker = permissions.marker_id(ctx)
    if marker is None:
        return [False] * len(users)
    rows = await blocks.blocks_between(ctx.database, marker, [user.id for user in users])
    blocked = {row.blocked_id for row in rows if row.blocker_id == marker}
    return [user.id in blocked for user in users]


async def viewer_can_tip(ctx: Context, users: list[UserRow]) -> list[bool]:
    """Whether the viewer may tip each user: signed in, not themselves, no block between them."""
    payer = permissions.payer_id(ctx)
    if payer is None:
        return [False] * len(users)
    rows = await blocks.blocks_between(ctx.database, payer, [user.id for user in users])
    apart = {row.blocker_id for row in rows} | {row.blocked_id for row in rows} | {payer}
    return [user.id not in apart for user in users]


async def follow_user(ctx: Context, public_id: str, *, on: bool) -> UserRow:
    """Follows a user, or no longer; saying it twice changes nothing more."""
    viewer = ctx.actor(TokenScope.WRITE)
    user = await _other(ctx, public_id, "You cannot follow yourself.")

    async def write(transaction: Transaction) -> None:
        await _hold(transaction, viewer.user_id, user.id)
        if on:
            refusal = await permissions.refusal_to_reach(transaction, viewer, user.id, ("id",))
            if refusal is not None:
                raise Refused(refusal)
            changed = await inbox.begin_follow(transaction, ctx.new_id(), viewer.user_id, user.id)
        else:
            changed = -await inbox.end_follow(transaction, viewer.user_id, user.id)
        await count(transaction, {viewer.user_id: Counted(following=changed), user.id: Counted(followers=changed)})

    await ctx.transact(write)
    ctx.app.inboxes_wait.set()
    return await _again(ctx, user.id)


async def block_user(ctx: Context, public_id: str, *, on: bool) -> UserRow:
    """Blocks a user, which also ends following in both directions; or no longer blocks them."""
    viewer = ctx.actor(TokenScope.WRITE)
    user = await _other(ctx, public_id, "You cannot block yourself.")
    block = {"blocker_id": viewer.user_id, "blocked_id": user.id}

    async def write(transaction: Transaction) -> None:
        await _hold(transaction, viewer.user_id, user.id)
        if not on:
            await transaction.run(_delete_block, **block)
            return
        await transaction.run(blocks.insert_block, **block, created_at=ctx.now())
        gone = await inbox.end_follow(transaction, viewer.user_id, user.id)
        lost = await inbox.end_follow(transaction, user.id, viewer.user_id)
        counted = {viewer.user_id: Counted(-lost, -gone), user.id: Counted(-gone, -lost)}
        await count(transaction, counted)

    await ctx.transact(write)
    ctx.app.inboxes_wait.set()
    return await _again(ctx, user.id)


async def _hold(transaction: Transaction, *user_ids: UUID) -> None:
    """Keeps other transactions from following or blocking between these users until this one ends.

    Else a follow and a block that do not see each other yet could both stand. The rows are those that count the
    follows, which are written at the end anyway; they are locked in the order of their ids.
    """
    await transaction.fetch(_held, keys=list(user_ids))


class Counted(NamedTuple):
    """What is added to a user's counts."""

    followers: int = 0
    following: int = 0
    posts: int = 0


async def count(transaction: Transaction, changes: dict[UUID, Counted]) -> None:
    """Adds to users' counts, in the order of their ids, so that two transactions never wait in a circle."""
    rows = [
        {"counted_id": user_id, **changes[user_id]._asdict()} for user_id in sorted(changes) if any(changes[user_id])
    ]
    if rows:
        await transaction.run_many(_count, rows)


async def _other(ctx: Context, public_id: str, refusal: str) -> UserRow:
    key = key_of(public_id, Kind.USER)
    user = (await users_by_id(ctx, [key])).get(key) if key is not None else None
    if user is None:
        raise Refused(NotFoundError("There is no such user.", ("id",)))
    if user.id == ctx.viewer_id:
        raise Refused(NotPermittedError(refusal, ("id",)))
    return user


async def _again(ctx: Context, user_id: UUID) -> UserRow:
    return (await users_by_id(ctx, [user_id]))[user_id]
