"""The feed: what is new, from everyone or from those whom the viewer follows."""

from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, literal_column, select
from sqlmodel import col

from models.database import MergedQuery, PageQuery, Pages, Source
from models.inbox import InboxPost
from models.posts import Post
from models.users import Block, Follow
from resolvers.blocks import VIEWER, or_nobody
from resolvers.context import Context
from resolvers.pagination import Listing, Page, Window
from resolvers.posts import COLUMNS, COUNTED, PostRow, listed


class FeedKind(StrEnum):
    """Which posts a feed shows."""

    FOLLOWING = "FOLLOWING"
    LATEST = "LATEST"


def _threads(columns: Any) -> list[Any]:
    return [columns.reply_to_id.is_(None), *listed(columns)]  # replies are read under what they reply to


def _probed(condition: Select[Any]) -> ColumnElement[bool]:
    """That there is such a row, looked up for one row of an inbox after the other.

    As a join, which it becomes without OFFSET, a plan may look it up for the whole inbox before it shows twenty posts.
    """
    return condition.offset(literal_column("0")).exists()


def _unblocked(author: Any) -> list[ColumnElement[bool]]:
    block = Block.__table__.alias()  # type: ignore[attr-defined]
    one, other = block.c.blocker_id, block.c.blocked_id
    return [
        ~_probed(select(one).where(one == VIEWER, other == author)),
        ~_probed(select(one).where(one == author, other == VIEWER)),
    ]


def _to_show(inbox: Any) -> list[Any]:
    """What of an inbox may be shown still: followed, not deleted, not blocked."""
    followed = col(Follow.followed_id)
    return [
        inbox.viewer_id == VIEWER,
        _probed(select(followed).where(col(Follow.follower_id) == VIEWER, followed == inbox.author_id)),
        _probed(select(col(Post.id)).where(col(Post.id) == inbox.post_id, col(Post.deleted_at).is_(None))),
        *_unblocked(inbox.author_id),
    ]


def _own(columns: Any) -> list[Any]:
    return [columns.author_id == VIEWER, *_standing(columns)]


def _standing(columns: Any) -> list[Any]:
    return [columns.reply_to_id.is_(None), columns.deleted_at.is_(None)]


_latest = PageQuery(PostRow, COLUMNS, order=Post.id, joins=COUNTED, where=_threads)
_following = MergedQuery(
    PostRow,
    COLUMNS,
    order=Post.id,
    joins=COUNTED,
    sources=[
        Source(InboxPost.post_id, _to_show),
        Source(
            Post.id,
            _standing,
            parent=Post.author_id,
            under=Follow.followed_id,
            of=[col(Follow.follower_id) == VIEWER, col(Follow.pulled), *_unblocked(Follow.followed_id)],
        ),
        Source(Post.id, _own),
    ],
)


def _listing(pages: Pages[PostRow]) -> Listing[PostRow]:
    return Listing(pages, order=lambda post: post.id)


_FEEDS = {FeedKind.LATEST: _listing(_latest), FeedKind.FOLLOWING: _listing(_following)}


async def feed(ctx: Context, kind: FeedKind, asked: Window) -> Page[PostRow]:
    """A page of the feed, newest first. FOLLOWING is private: raises SignInRequiredError or ScopeError."""
    viewer_id = ctx.reader().user_id if kind is FeedKind.FOLLOWING else ctx.viewer_id
    return await _FEEDS[kind].page(ctx.database, asked, viewer=or_nobody(viewer_id))
