"""The feed: what is new, from everyone or from those whom the viewer follows."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlmodel import col

from models.database import PageQuery
from models.posts import Post
from models.users import Follow
from resolvers.blocks import VIEWER, or_nobody
from resolvers.context import Context
from resolvers.errors import SignInRequiredError
from resolvers.pagination import Listing, Page, Window
from resolvers.posts import COLUMNS, COUNTED, PostRow, listed


class FeedKind(StrEnum):
    """Which posts a feed shows."""

    FOLLOWING = "FOLLOWING"
    LATEST = "LATEST"


def _threads(columns: Any) -> list[Any]:
    return [columns.reply_to_id.is_(None), *listed(columns)]  # replies are read under what they reply to


def _followed(columns: Any) -> list[Any]:
    followed = select(col(Follow.followed_id)).where(col(Follow.follower_id) == VIEWER)
    return [or_(columns.author_id == VIEWER, columns.author_id.in_(followed)), *_threads(columns)]


def _feed(where: Any) -> Listing[PostRow]:
    query = PageQuery(PostRow, COLUMNS, order=Post.id, joins=COUNTED, where=where)
    return Listing(query, order=lambda post: post.id)


_FEEDS = {FeedKind.LATEST: _feed(_threads), FeedKind.FOLLOWING: _feed(_followed)}


async def feed(ctx: Context, kind: FeedKind, asked: Window) -> Page[PostRow]:
    """A page of the feed, newest first. FOLLOWING needs a viewer: raises SignInRequiredError."""
    viewer: UUID | None = ctx.viewer_id
    if kind is FeedKind.FOLLOWING and viewer is None:
        raise SignInRequiredError
    return await _FEEDS[kind].page(ctx.database, asked, viewer=or_nobody(viewer))
