"""Posts: reading them and everything people do with them, but tips."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, select, update
from sqlmodel import SQLModel, col

from models.database import Command, PageQuery, Query, Transaction, any_of, columns_of, insert
from models.database.statements import Params
from models.posts import Like, Post, PostCounters, Repost
from models.types import Id
from resolvers import inbox, inputs, permissions
from resolvers.blocks import VIEWER, or_nobody, unless_blocked, unless_blocked_by
from resolvers.context import Context, TokenScope, Viewer
from resolvers.errors import NotFoundError, Path, Refused
from resolvers.ids import Kind, key_of
from resolvers.pagination import After, Before, First, Last, Listing, Page, window
from resolvers.prefetching import prefetched
from resolvers.users import Counted, IdRow, UserRow, count, users_by_id, users_by_ids


class PostRow(NamedTuple):
    """A post that stands, with what is counted about it."""

    id: UUID
    author_id: UUID
    text: str
    reply_to_id: UUID | None
    quote_of_id: UUID | None
    created_at: datetime
    edited_at: datetime | None
    like_count: int
    reply_count: int
    repost_count: int


COLUMNS = columns_of(PostRow, Post, PostCounters)
COUNTED = [(PostCounters, col(PostCounters.post_id) == Post.id)]

standing_by_ids = Query(
    PostRow,
    select(*COLUMNS)
    .join(PostCounters, col(PostCounters.post_id) == Post.id)
    .where(any_of(Post.id), col(Post.deleted_at).is_(None), unless_blocked_by(Post.author_id)),
)


def listed(columns: Any) -> list[Any]:
    """What a post must be to stand in a list."""
    return [columns.deleted_at.is_(None), unless_blocked(columns.author_id)]


def _parent_of(post: PostRow) -> UUID:
    assert post.reply_to_id is not None, "a reply has a parent"
    return post.reply_to_id


_by_author: Listing[PostRow] = Listing(
    PageQuery(PostRow, COLUMNS, parent=Post.author_id, order=Post.id, joins=COUNTED, where=listed),
    order=lambda post: post.id,
    parent=lambda post: post.author_id,
)
_replies: Listing[PostRow] = Listing(
    PageQuery(PostRow, COLUMNS, parent=Post.reply_to_id, order=Post.id, joins=COUNTED, where=listed),
    order=lambda post: post.id,
    parent=_parent_of,
    newest_first=False,  # a conversation is read from its beginning
)


def _marked(table: type[SQLModel]) -> Select[Any]:
    columns = table.__table__.c  # type: ignore[attr-defined]
    return select(columns.post_id).where(columns.user_id == VIEWER, any_of(columns.post_id))


_liked = Query(IdRow, _marked(Like))
_reposted = Query(IdRow, _marked(Repost))

_insert_post = Command(insert(Post).values({name: bindparam(name) for name in Post.model_fields}))
_insert_counters = Command(insert(PostCounters).values({name: bindparam(name) for name in PostCounters.model_fields}))
_edit = Command(
    update(Post)
    .where(col(Post.id) == bindparam("post_id", type_=Id()), col(Post.deleted_at).is_(None))
    .values(text=bindparam("new_text"), edited_at=bindparam("moment"))
)
_delete = Command(
    update(Post)
    .where(col(Post.id) == bindparam("post_id", type_=Id()), col(Post.deleted_at).is_(None))
    .values(text="", deleted_at=bindparam("moment"))
)
_count = Command(
    update(PostCounters)
    .where(col(PostCounters.post_id) == bindparam("counted_id", type_=Id()))
    .values(
        like_count=PostCounters.like_count + bindparam("likes"),
        reply_count=PostCounters.reply_count + bindparam("replies"),
        repost_count=PostCounters.repost_count + bindparam("reposts"),
    )
)


class _Mark(NamedTuple):
    """Something that a user puts on a post, and takes away again."""

    insert: Command
    delete: Command
    counted: str


def _mark(table: type[SQLModel], counted: str) -> _Mark:
    columns = table.__table__.c  # type: ignore[attr-defined]
    own = (columns.user_id == bindparam("user", type_=Id()), columns.post_id == bindparam("post", type_=Id()))
    values: dict[str, Any] = {
        "user_id": bindparam("user"),
        "post_id": bindparam("post"),
        "created_at": bindparam("moment"),
    }
    return _Mark(
        Command(insert(table).values(values).on_conflict_do_nothing()), Command(delete(table).where(*own)), counted
    )


_LIKE = _mark(Like, "likes")
_REPOST = _mark(Repost, "reposts")


def for_viewer(ctx: Context) -> Params:
    """The parameters of `standing_by_ids` beside the keys."""
    return {"viewer": or_nobody(ctx.viewer_id)}


async def posts_by_id(ctx: Context, ids: Sequence[UUID]) -> dict[UUID, PostRow]:
    """The posts with these ids, but the deleted ones and those whose author has blocked the viewer."""
    if not ids:
        return {}
    rows = await ctx.database.fetch(standing_by_ids, keys=list(set(ids)), **for_viewer(ctx))
    return {row.id: row for row in rows}


async def posts_or_none(ctx: Context, ids: Sequence[UUID | None]) -> list[PostRow | None]:
    """The post of each id, in the same order."""
    posts = await posts_by_id(ctx, [key for key in ids if key is not None])
    return [None if key is None else posts.get(key) for key in ids]


async def post_by_public_id(ctx: Context, public_id: str) -> PostRow | None:
    """The post with this id, or None."""
    key = key_of(public_id, Kind.POST)
    return None if key is None else (await posts_by_id(ctx, [key])).get(key)


@prefetched(PostRow, "author_id", users_by_ids)
async def authors_of(ctx: Context, posts: list[PostRow]) -> list[UserRow]:
    """Who wrote each post."""
    users = await users_by_id(ctx, [post.author_id for post in posts])
    return [users[post.author_id] for post in posts]


@prefetched(PostRow, "reply_to_id", standing_by_ids, params=for_viewer)
async def replied_to_by(ctx: Context, posts: list[PostRow]) -> list[PostRow | None]:
    """What each post replies to."""
    return await posts_or_none(ctx, [post.reply_to_id for post in posts])


@prefetched(PostRow, "quote_of_id", standing_by_ids, params=for_viewer)
async def quoted_by(ctx: Context, posts: list[PostRow]) -> list[PostRow | None]:
    """What each post quotes."""
    return await posts_or_none(ctx, [post.quote_of_id for post in posts])


async def posts_of(
    ctx: Context,
    users: list[UserRow],
    *,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> list[Page[PostRow]]:
    """What each user has posted, newest first."""
    asked = window(first, after, last, before)
    viewer = or_nobody(ctx.viewer_id)
    pages = await _by_author.pages(ctx.database, [user.id for user in users], asked, viewer=viewer)
    return [pages[user.id] for user in users]


async def replies_of(
    ctx: Context, posts: list[PostRow], *, first: First = None, after: After = None
) -> list[Page[PostRow]]:
    """The replies to each post, oldest first."""
    asked = window(first, after)
    viewer = or_nobody(ctx.viewer_id)
    pages = await _replies.pages(ctx.database, [post.id for post in posts], asked, viewer=viewer)
    return [pages[post.id] for post in posts]


@prefetched(PostRow, "id", _liked, params=permissions.by_marker)
async def viewer_has_liked(ctx: Context, posts: list[PostRow]) -> list[bool]:
    """Whether the viewer likes each post."""
    return await _viewer_has(ctx, _liked, posts)


@prefetched(PostRow, "id", _reposted, params=permissions.by_marker)
async def viewer_has_reposted(ctx: Context, posts: list[PostRow]) -> list[bool]:
    """Whether the viewer has reposted each post."""
    return await _viewer_has(ctx, _reposted, posts)


async def _viewer_has(ctx: Context, marked: Query[IdRow], posts: list[PostRow]) -> list[bool]:
    by = permissions.by_marker(ctx)
    if by is None:
        return [False] * len(posts)
    rows = await ctx.database.fetch(marked, keys=[post.id for post in posts], **by)
    ids = {row.id for row in rows}
    return [post.id in ids for post in posts]


async def create_post(ctx: Context, text: str, reply_to: str | None, quote_of: str | None) -> PostRow:
    """Posts a text, as a reply or with a quote if they are named."""
    viewer = ctx.actor(TokenScope.WRITE)
    checks = inputs.Checks()
    checked = checks.check(("text",), inputs.post_text, text)
    checks.done()
    parent = None if reply_to is None else await _approachable(ctx, viewer, reply_to, ("replyToId",))
    quoted = None if quote_of is None else await _approachable(ctx, viewer, quote_of, ("quoteOfId",))
    post_id, now = ctx.new_id(), ctx.now()
    row = {
        "id": post_id,
        "author_id": viewer.user_id,
        "text": checked,
        "reply_to_id": None if parent is None else parent.id,
        "quote_of_id": None if quoted is None else quoted.id,
        "created_at": now,
        "edited_at": None,
        "deleted_at": None,
    }

    async def write(transaction: Transaction) -> None:
        await transaction.run(_insert_post, **row)
        await transaction.run(_insert_counters, post_id=post_id, like_count=0, reply_count=0, repost_count=0)
        if parent is None:
            await inbox.deliver(transaction, post_id)
        else:
            await _add(transaction, parent.id, replies=1)
        await count(transaction, {viewer.user_id: Counted(posts=1)})

    await ctx.transact(write)
    ctx.app.inboxes_wait.set()
    return await _again(ctx, post_id)


async def edit_post(ctx: Context, public_id: str, text: str) -> PostRow:
    """Changes what one's own post says."""
    viewer = ctx.actor(TokenScope.WRITE)
    checks = inputs.Checks()
    checked = checks.check(("text",), inputs.post_text, text)
    checks.done()
    post = await _own(ctx, viewer, public_id)

    async def write(transaction: Transaction) -> None:
        if not await transaction.run(_edit, post_id=post.id, new_text=checked, moment=ctx.now()):
            raise _no_such_post(("id",))

    await ctx.transact(write)
    return await _again(ctx, post.id)


async def delete_post(ctx: Context, public_id: str) -> str:
    """Deletes one's own post and returns its id. Its tips and replies stay."""
    viewer = ctx.actor(TokenScope.WRITE)
    post = await _own(ctx, viewer, public_id)

    async def write(transaction: Transaction) -> None:
        if not await transaction.run(_delete, post_id=post.id, moment=ctx.now()):
            raise _no_such_post(("id",))
        if post.reply_to_id is None:
            await inbox.deliver(transaction, post.id)
        else:
            await _add(transaction, post.reply_to_id, replies=-1)
        await count(transaction, {viewer.user_id: Counted(posts=-1)})

    await ctx.transact(write)
    ctx.app.inboxes_wait.set()
    return public_id


async def like_post(ctx: Context, public_id: str, *, on: bool) -> PostRow:
    """Likes a post, or no longer; saying it twice changes nothing more."""
    return await _put(ctx, _LIKE, public_id, on=on)


async def repost_post(ctx: Context, public_id: str, *, on: bool) -> PostRow:
    """Reposts a post, or no longer; saying it twice changes nothing more."""
    return await _put(ctx, _REPOST, public_id, on=on)


async def _put(ctx: Context, mark: _Mark, public_id: str, *, on: bool) -> PostRow:
    viewer = ctx.actor(TokenScope.WRITE)
    post = await _approachable(ctx, viewer, public_id, ("id",))

    async def write(transaction: Transaction) -> None:
        if on:
            changed = await transaction.run(mark.insert, user=viewer.user_id, post=post.id, moment=ctx.now())
        else:
            changed = -await transaction.run(mark.delete, user=viewer.user_id, post=post.id)
        if changed:
            await _add(transaction, post.id, **{mark.counted: changed})

    await ctx.transact(write)
    return await _again(ctx, post.id)


async def _add(transaction: Transaction, post_id: UUID, *, likes: int = 0, replies: int = 0, reposts: int = 0) -> None:
    await transaction.run(_count, counted_id=post_id, likes=likes, replies=replies, reposts=reposts)


async def _approachable(ctx: Context, viewer: Viewer, public_id: str, path: Path) -> PostRow:
    post = await post_by_public_id(ctx, public_id)
    if post is None:
        raise _no_such_post(path)
    refusal = await permissions.refusal_to_reach(ctx.database, viewer, post.author_id, path)
    if refusal is not None:
        raise Refused(refusal)
    return post


async def _own(ctx: Context, viewer: Viewer, public_id: str) -> PostRow:
    post = await post_by_public_id(ctx, public_id)
    if post is None:
        raise _no_such_post(("id",))
    refusal = permissions.refusal_to_change(viewer, post.author_id)
    if refusal is not None:
        raise Refused(refusal)
    return post


async def _again(ctx: Context, post_id: UUID) -> PostRow:
    post = (await posts_by_id(ctx, [post_id])).get(post_id)
    if post is None:  # deleted by another request in this moment
        raise _no_such_post(("id",))
    return post


def _no_such_post(path: Path) -> Refused:
    return Refused(NotFoundError("There is no such post.", path))
