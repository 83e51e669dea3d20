"""Passkeys as their owner sees them."""

from datetime import datetime

import strawberry

from execution.fields import Rows
from resolvers.ids import Kind
from resolvers.passkeys import PasskeyRow
from schema.nodes import Node, global_id


@strawberry.type(
    description="A key with which its owner signs in, kept by an authenticator such as a phone (WebAuthn)."
)
class Passkey(Node):
    """A key with which its owner signs in."""

    id: strawberry.ID = global_id(Kind.PASSKEY)
    name: str = strawberry.field(description="What its owner calls it.")
    created_at: datetime = strawberry.field(description="When it was registered.")
    last_used_at: datetime | None = strawberry.field(description="When somebody last signed in with it.")

    is_type_of = Rows(PasskeyRow)
