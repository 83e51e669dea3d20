"""People as clients see them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from execution.fields import Rows, edge
from resolvers import posts, users
from resolvers.ids import Kind
from schema.nodes import Node, PageInfo, global_id
from schema.scalars import URL

if TYPE_CHECKING:
    from schema.posts import PostConnection


@strawberry.type(description="A person.")
class User(Node):
    """A person."""

    id: strawberry.ID = global_id(Kind.USER)
    handle: str = strawberry.field(description="The unique name, without @, in lower case.")
    display_name: str = strawberry.field(description="The name as the person writes it.")
    bio: str | None = strawberry.field(description="What they say of themselves.")
    avatar_url: URL | None = strawberry.field(description="Their picture.")
    created_at: datetime = strawberry.field(description="When they signed up.")
    posts: Annotated["PostConnection", strawberry.lazy("schema.posts")] = edge(
        posts.posts_of, "What they have posted, newest first."
    )
    followers: Annotated["UserConnection", strawberry.lazy("schema.users")] = edge(
        users.followers_of, "Who follows them, newest first."
    )
    following: Annotated["UserConnection", strawberry.lazy("schema.users")] = edge(
        users.following_of, "Whom they follow, newest first."
    )
    follower_count: int = edge(users.follower_count_of, "How many follow them.")
    following_count: int = edge(users.following_count_of, "How many they follow.")
    post_count: int = edge(users.post_count_of, "How many posts they have, replies included.")
    viewer_is_following: bool = edge(users.viewer_is_following, "Whether the viewer follows them.")
    viewer_has_blocked: bool = edge(users.viewer_has_blocked, "Whether the viewer has blocked them.")
    viewer_can_tip: bool = edge(users.viewer_can_tip, "Whether the viewer may tip their posts.")

    is_type_of = Rows(users.UserRow)


@strawberry.type(description="A person's place in a list.")
class UserEdge:
    """A person's place in a list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: User = strawberry.field(description="The person.")


@strawberry.type(description="A page of people.")
class UserConnection:
    """A page of people."""

    edges: list[UserEdge] = strawberry.field(description="The people with their places.")
    nodes: list[User] = strawberry.field(description="The people.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")
