"""Everything that can be read."""

from typing import Annotated, Any

import strawberry

from execution.fields import root
from resolvers import feed, nodes, posts, tips, users
from resolvers.context import Context
from resolvers.feed import FeedKind
from resolvers.pagination import After, Before, First, Last, window
from schema.accounts import Viewer
from schema.nodes import Node
from schema.posts import Post, PostConnection
from schema.tips import TipPreview, TipPreviewInput
from schema.users import User


def _viewer(ctx: Context) -> Any:
    return None if ctx.viewer is None else users.ViewerRow(ctx.reader().user_id)


async def _user(ctx: Context, *, handle: Annotated[str, "The handle, in any case, with or without @."]) -> Any:
    return await users.user_by_handle(ctx, handle)


async def _post(ctx: Context, *, id: Annotated[strawberry.ID, "The post's id."]) -> Any:
    return await posts.post_by_public_id(ctx, id)


async def _node(ctx: Context, *, id: Annotated[strawberry.ID, "A global id."]) -> Any:
    return await nodes.node(ctx, id)


async def _nodes(ctx: Context, *, ids: Annotated[list[strawberry.ID], "At most 100 global ids."]) -> Any:
    return await nodes.nodes(ctx, list(ids))


async def _feed(
    ctx: Context,
    *,
    kind: Annotated[FeedKind, "Which posts to show."] = FeedKind.LATEST,
    first: First = None,
    after: After = None,
    last: Last = None,
    before: Before = None,
) -> Any:
    return await feed.feed(ctx, kind, window(first, after, last, before))


async def _tip_preview(ctx: Context, *, input: Annotated[TipPreviewInput, "The tip to try out."]) -> Any:
    return await tips.tip_preview(ctx, input.post_id, input.amount.asked())


@strawberry.type(description="Everything that can be read.")
class Query:
    """Everything that can be read."""

    node: Node | None = root(_node, "What has this id; null if there is none, or not for the viewer.")
    nodes: list[Node | None] = root(_nodes, "What has these ids, in the same order.")
    viewer: Viewer | None = root(_viewer, "The signed-in person; null when signed out.")
    user: User | None = root(_user, "The person with this handle.")
    post: Post | None = root(_post, "The post with this id; null if there is none, or not for the viewer.")
    feed: PostConnection = root(_feed, "The feed: posts that are no replies, newest first.")
    tip_preview: TipPreview = root(_tip_preview, "What a tip would do, by the same rules; nothing is written.")
