"""Security events as the account's owner sees them."""

from datetime import datetime

import strawberry

from execution.fields import Rows, edge
from models.security import SecurityEventKind
from resolvers import nodes
from resolvers.context import SecurityEventRow
from resolvers.ids import Kind
from schema.nodes import Node, PageInfo, global_id


@strawberry.type(description="Something that has happened with an account. Nobody can change or delete it.")
class SecurityEvent(Node):
    """Something that has happened with an account."""

    id: strawberry.ID = global_id(Kind.EVENT)
    kind: SecurityEventKind = strawberry.field(description="What has happened.")
    created_at: datetime = strawberry.field(description="When it happened.")
    address: str | None = strawberry.field(
        description="The IP address that the request came from, if it is known; erased after 90 days."
    )
    token: Node | None = edge(
        nodes.tokens_of_events, "The session or access token that it was done with; null if it was done without one."
    )
    subject: Node | None = edge(
        nodes.subjects_of_events,
        "What it was about: a transfer, a funding source, a session, an access token or a passkey.",
    )

    is_type_of = Rows(SecurityEventRow)


@strawberry.type(description="A security event's place in a list.")
class SecurityEventEdge:
    """A security event's place in a list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: SecurityEvent = strawberry.field(description="The event.")


@strawberry.type(description="A page of security events.")
class SecurityEventConnection:
    """A page of security events."""

    edges: list[SecurityEventEdge] = strawberry.field(description="The events with their places.")
    nodes: list[SecurityEvent] = strawberry.field(description="The events.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")
