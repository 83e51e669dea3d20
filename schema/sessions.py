"""Sessions as their owner sees them."""

from datetime import datetime

import strawberry

from execution.fields import Rows, computed, edge
from models.accounts import TokenKind
from resolvers import accounts, sessions
from resolvers.ids import Kind
from schema.nodes import Node, PageInfo, global_id


@strawberry.type(description="Where somebody is signed in: what signing in has begun, on one device or in one browser.")
class Session(Node):
    """Where somebody is signed in."""

    id: strawberry.ID = global_id(Kind.SESSION)
    is_current: bool = edge(sessions.are_current, "Whether it is the one that this request came with.")
    created_at: datetime = strawberry.field(description="When it began.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    expires_at: datetime | None = strawberry.field(description="When it ends by itself.")
    ended_at: datetime | None = computed(
        lambda session: session.revoked_at, "When it was ended; null if nobody has ended it."
    )

    is_type_of = Rows(accounts.TokenRow, kind=TokenKind.SESSION)


@strawberry.type(description="A session's place in a list.")
class SessionEdge:
    """A session's place in a list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: Session = strawberry.field(description="The session.")


@strawberry.type(description="A page of sessions.")
class SessionConnection:
    """A page of sessions."""

    edges: list[SessionEdge] = strawberry.field(description="The sessions with their places.")
    nodes: list[Session] = strawberry.field(description="The sessions.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")
