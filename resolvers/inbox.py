"""Inboxes: what people post is put into their followers' inboxes beside the requests, a chunk at a time.

Two kinds of work, each a row that is written in the transaction of what makes it necessary: a *delivery* brings one
post to all followers, a *catch-up* brings all posts of one author to one follower. Each takes away instead what has
gone: a post that was deleted, the posts of somebody who is no longer followed.

Nothing is missed between the two. A catch-up sees what was posted before it began. A delivery of what is posted later
sees the follow, which was there before. Until its catch-up is done a follow is *pulled*: the feed reads the author's
own posts.
"""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, delete, false, func, literal, not_, select, true, update
from sqlmodel import SQLModel, col

from models.database import Command, Database, Query, Transaction, insert
from models.ids import FIRST, LAST, new_id
from models.inbox import CatchUp, Delivery, InboxPost
from models.posts import Post
from models.types import BigInt, Flag, Id
from models.users import Follow, UserCounters

CHUNK = 500
"""How many followers of a delivery, or posts of a catch-up, are handled at a time, in a few milliseconds."""
OVERHEAD = 10
"""What it costs to take up a piece of work, in rows of an inbox."""
MANY_FOLLOWERS = 10_000
"""Who follows somebody with so many followers pulls for good: a post goes into about so many inboxes at most."""
MOST_PULLED = 10
"""How many authors a viewer pulls for good at most: a feed is read from no more places. All others push."""


class _DeliveryRow(NamedTuple):
    post_id: UUID
    position: UUID
    author_id: UUID
    gone: bool


class _CatchUpRow(NamedTuple):
    follower_id: UUID
    followed_id: UUID
    position: UUID


class _PushedRow(NamedTuple):
    pushed: bool


class _EndRow(NamedTuple):
    end: UUID


def _id(name: str) -> Any:
    return bindparam(name, type_=Id())


_FOLLOWER, _FOLLOWED, _AUTHOR, _POST = _id("follower"), _id("followed"), _id("author"), _id("post")
_POSITION, _END, _TURN = _id("position"), _id("end"), _id("turn")
_EDGE = (col(Follow.follower_id) == _FOLLOWER, col(Follow.followed_id) == _FOLLOWED)


def _due(table: type[SQLModel], key: list[str], rows: Select[Any]) -> Command:
    """Has work done from its beginning, whether it is under way or not."""
    inserted = insert(table).from_select([*key, "position", "turn"], rows)
    again = {"position": inserted.excluded.position, "turn": inserted.excluded.turn}
    return Command(inserted.on_conflict_do_update(index_elements=key, set_=again))


def _at_first() -> tuple[Any, Any]:
    return literal(FIRST, Id()), _TURN


# SQLite takes ON CONFLICT behind a SELECT only if that has a WHERE.
_deliver = _due(Delivery, ["post_id"], select(_POST, *_at_first()).where(true()))
_catch_up = _due(
    CatchUp,
    ["follower_id", "followed_id"],
    select(col(Follow.follower_id), col(Follow.followed_id), *_at_first()).where(*_EDGE, col(Follow.pushed)),
)

_pulled_for_good = (
    select(col(Follow.id))
    .where(col(Follow.follower_id) == _id("follower_id"), col(Follow.pulled), col(Follow.pushed).is_(false()))
    .limit(bindparam("most_pulled", type_=BigInt))
    .subquery()
)
_is_famous = select(col(UserCounters.follower_count) >= bindparam("many_followers", type_=BigInt)).where(
    col(UserCounters.user_id) == _id("followed_id")
)
_insert_follow = Command(
    insert(Follow)
    .values(
        {name: bindparam(name) for name in ("id", "follower_id", "followed_id")}
        | {
            "pushed": not_(
                and_(
                    _is_famous.scalar_subquery(),
                    select(func.count() < bindparam("most_pulled", type_=BigInt))
                    .select_from(_pulled_for_good)
                    .scalar_subquery(),
                )
            ),
            "pulled": bindparam("pulled", type_=Flag()),
        }
    )
    .on_conflict_do_nothing()
)
_delete_follow = Command(delete(Follow).where(*_EDGE))


async def deliver(transaction: Transaction, post_id: UUID) -> None:
    """Has a post that is no reply brought to the followers, or taken from them if it is deleted."""
    await transaction.run(_deliver, post=post_id, turn=new_id())


async def begin_follow(transaction: Transaction, follow_id: UUID, follower_id: UUID, followed_id: UUID) -> int:
    """Writes a follow, if there is none; returns how many it wrote."""
    begun = await transaction.run(
        _insert_follow,
        id=follow_id,
        follower_id=follower_id,
        followed_id=followed_id,
        pulled=True,
        many_followers=MANY_FOLLOWERS,
        most_pulled=MOST_PULLED,
    )
    if begun:
        await transaction.run(_catch_up, follower=follower_id, followed=followed_id, turn=new_id())
    return begun


async def end_follow(transaction: Transaction, follower_id: UUID, followed_id: UUID) -> int:
    """Deletes a follow, if there is one; returns how many it deleted."""
    # First of all, as this waits for a chunk that is being written, which would wait for the follow.
    await transaction.run(_catch_up, follower=follower_id, followed=followed_id, turn=new_id())
    return await transaction.run(_delete_follow, follower=follower_id, followed=followed_id)


# The work itself. Whoever takes a row holds it until the chunk is written; other processes take others meanwhile.

_next_delivery = Query(
    _DeliveryRow,
    select(col(Delivery.post_id), col(Delivery.position), col(Post.author_id), col(Post.deleted_at).is_not(None))
    .join(Post, col(Post.id) == Delivery.post_id)
    .order_by(col(Delivery.turn))
    .limit(1)
    .with_for_update(skip_locked=True, of=Delivery),
)
_next_catch_up = Query(
    _CatchUpRow,
    select(col(CatchUp.follower_id), col(CatchUp.followed_id), col(CatchUp.position))
    .order_by(col(CatchUp.turn))
    .limit(1)
    .with_for_update(skip_locked=True),
)
_is_pushed = Query(_PushedRow, select(col(Follow.pushed)).where(*_EDGE))


def _within(order: Any) -> list[ColumnElement[bool]]:
    return [order > _POSITION, order <= _END]


def _end_of_chunk(order: Any, *where: ColumnElement[bool]) -> Query[_EndRow]:
    """Finds the last of a chunk's rows; nothing if there is no whole chunk left."""
    last = select(order).where(order > _POSITION, *where).order_by(order).limit(1)
    return Query(_EndRow, last.offset(bindparam("skip", type_=BigInt)))


_of_author = col(Post.author_id) == _AUTHOR
_pushed_to: tuple[Any, ...] = (col(Follow.followed_id) == _AUTHOR, col(Follow.pushed))
_end_of_followers = _end_of_chunk(col(Follow.id), *_pushed_to)
_end_of_posts = _end_of_chunk(col(Post.id), _of_author)

_followers = select(col(Follow.follower_id)).where(*_pushed_to, *_within(col(Follow.id)))
_posts = select(col(Post.id)).where(_of_author, *_within(col(Post.id)))
_standing = (col(Post.reply_to_id).is_(None), col(Post.deleted_at).is_(None))


def _put(rows: Select[Any]) -> Command:
    return Command(insert(InboxPost).from_select(["viewer_id", "post_id", "author_id"], rows).on_conflict_do_nothing())


_put_post = _put(_followers.add_columns(_POST, _AUTHOR))
_take_post = Command(delete(InboxPost).where(col(InboxPost.post_id) == _POST, col(InboxPost.viewer_id).in_(_followers)))
_put_posts = _put(
    select(_FOLLOWER, col(Post.id), col(Post.author_id)).where(_of_author, *_within(col(Post.id)), *_standing)
)
_take_posts = Command(
    delete(InboxPost).where(col(InboxPost.viewer_id) == _FOLLOWER, col(InboxPost.post_id).in_(_posts))
)

_pull_no_more = Command(update(Follow).where(*_EDGE, col(Follow.pushed)).values(pulled=bindparam("pulled")))


def _ways_on(table: type[SQLModel], *key: ColumnElement[bool]) -> tuple[Command, Command]:
    on = update(table).where(*key).values(position=bindparam("position"), turn=bindparam("turn"))
    return Command(on), Command(delete(table).where(*key))


_is_delivery = (col(Delivery.post_id) == _POST,)
_is_catch_up = (col(CatchUp.follower_id) == _FOLLOWER, col(CatchUp.followed_id) == _AUTHOR)
_delivery_on, _delivery_done = _ways_on(Delivery, *_is_delivery)
_catch_up_on, _catch_up_done = _ways_on(CatchUp, *_is_catch_up)


async def work(database: Database) -> bool:
    """Does some of what has waited longest, in one short transaction. Returns whether there was anything to do.

    Raises ContentionError when it must be done again.
    """
    spent = 0
    async with database.transaction() as transaction:
        while spent < CHUNK:
            cost = await _work_on_delivery(transaction) + await _work_on_catch_up(transaction)
            if not cost:
                break
            spent += cost
    return spent > 0


async def _work_on_delivery(transaction: Transaction) -> int:
    due = await transaction.first(_next_delivery)
    if due is None:
        return 0
    chunk = {"post": due.post_id, "author": due.author_id, "position": due.position}
    last = await transaction.first(_end_of_followers, **chunk, skip=CHUNK - 1)
    end = LAST if last is None else last.end
    written = await transaction.run(_take_post if due.gone else _put_post, **chunk, end=end)
    if last is None:
        await transaction.run(_delivery_done, post=due.post_id)
    else:
        await transaction.run(_delivery_on, post=due.post_id, position=end, turn=new_id())
    return OVERHEAD + written


async def _work_on_catch_up(transaction: Transaction) -> int:
    due = await transaction.first(_next_catch_up)
    if due is None:
        return 0
    pair = {"follower": due.follower_id, "author": due.followed_id}
    follow = {"follower": due.follower_id, "followed": due.followed_id}
    follows = await transaction.first(_is_pushed, **follow)
    last = await transaction.first(_end_of_posts, **pair, position=due.position, skip=CHUNK - 1)
    end = LAST if last is None else last.end
    command = _put_posts if follows is not None and follows.pushed else _take_posts
    written = await transaction.run(command, **pair, position=due.position, end=end)
    if last is None:
        await transaction.run(_pull_no_more, **follow, pulled=False)
        await transaction.run(_catch_up_done, **pair)
    else:
        await transaction.run(_catch_up_on, **pair, position=end, turn=new_id())
    return OVERHEAD + written
