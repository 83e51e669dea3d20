"""Posts as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Optional

import strawberry

from execution.fields import Rows, edge
from resolvers import posts
from resolvers import tips as tipping
from resolvers.ids import Kind
from schema.money import Money
from schema.nodes import Node, PageInfo, global_id
from schema.users import User

if TYPE_CHECKING:
    from schema.transfers import TipConnection


@strawberry.type(description="A post.")
class Post(Node):
    """A post."""

    id: strawberry.ID = global_id(Kind.POST)
    author: User = edge(posts.authors_of, "Who wrote it.")
    text: str = strawberry.field(description="What it says: plain text.")
    created_at: datetime = strawberry.field(description="When it was posted.")
    edited_at: datetime | None = strawberry.field(description="When its text was last changed; null if never.")
    reply_to: Optional["Post"] = edge(posts.replied_to_by, "What it replies to; null once that is deleted.")
    quote_of: Optional["Post"] = edge(posts.quoted_by, "What it quotes; null once that is deleted.")
    replies: Annotated["PostConnection", strawberry.lazy("schema.posts")] = edge(
        posts.replies_of, "The replies to it, oldest first."
    )
    like_count: int = strawberry.field(description="How many like it.")
    reply_count: int = strawberry.field(description="How many replies it has.")
    repost_count: int = strawberry.field(description="How many have reposted it.")
    tips: Annotated["TipConnection", strawberry.lazy("schema.transfers")] = edge(
        tipping.tips_of, "Its tips that the viewer may see, newest first."
    )
    tip_count: int = edge(tipping.tip_count_of, "How many tips it has had, in all currencies, private ones included.")
    tip_total: Money = edge(tipping.tip_total_of, "What it has been tipped, private tips included.")
    viewer_has_liked: bool = edge(posts.viewer_has_liked, "Whether the viewer likes it.")
    viewer_has_reposted: bool = edge(posts.viewer_has_reposted, "Whether the viewer has reposted it.")
    viewer_tip_total: Money | None = edge(
        tipping.viewer_tip_total_of,
        "What the viewer has tipped it; null when signed out, or without the scope READ.",
    )

    is_type_of = Rows(posts.PostRow)


@strawberry.type(description="A post's place in a list.")
class PostEdge:
    """A post's place in a list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: Post = strawberry.field(description="The post.")


@strawberry.type(description="A page of posts.")
class PostConnection:
    """A page of posts."""

    edges: list[PostEdge] = strawberry.field(description="The posts with their places.")
    nodes: list[Post] = strawberry.field(description="The posts.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")
