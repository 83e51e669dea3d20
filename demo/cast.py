"""Those whom a visitor of the demo can be, and the post that the examples tip."""

from datetime import UTC, datetime
from uuid import UUID

from demo.events import END, identity, post_name
from resolvers.ids import Kind, public_id

CAST = ("ada", "bruno", "mei")
"""Their handles. The first is the demo's viewer."""

CAST_JOINED = datetime(2026, 2, 14, 9, 30, tzinfo=UTC)

_EXAMPLE_AUTHOR = "sunniva"
_EXAMPLE_MOMENT = END.replace(hour=17, minute=41)
EXAMPLE_POST = public_id(Kind.POST, identity(_EXAMPLE_MOMENT, post_name(_EXAMPLE_AUTHOR, _EXAMPLE_MOMENT)))
"""The public id of a post that the viewer did not write, and may tip."""


def token_of(handle: str) -> str:
    """The secret that signs a visitor in as one of the cast; it counts in demo mode alone."""
    return f"demo-{handle}"


def token_name(handle: str) -> str:
    """What the token is called where its id is made."""
    return f"token of {handle}"


def user_id_of(handle: str) -> UUID:
    """The user id of one of the cast."""
    return identity(CAST_JOINED, handle)
