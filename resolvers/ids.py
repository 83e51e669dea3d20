"""Public ids: what they are of, and which one. Opaque to clients, readable for whoever reads a log."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from resolvers.errors import BadInputError


class Kind(StrEnum):
    """What an id may be of."""

    USER = "user"
    POST = "post"
    TIP = "tip"
    PAYMENT = "payment"
    REFUND = "refund"
    TOP_UP = "topup"
    WALLET = "wallet"
    ENTRY = "entry"
    TOKEN = "token"  # noqa: S105 - the word, not one of them
    CARD = "card"


class NodeId(NamedTuple):
    """A public id, taken apart. `version` is an entry's."""

    kind: Kind
    id: UUID
    version: int = 0


def public_id(kind: Kind, key: UUID) -> str:
    """The public id of a row."""
    return f"{kind}_{key.hex}"


def parse_id(text: str) -> NodeId | None:
    """The parts of a public id, or None if it is not one."""
    kind, _, rest = text.partition("_")
    key, _, version = rest.partition("_")
    if kind not in Kind.__members__.values() or len(key) != 32 or not set(key) <= set("0123456789abcdef"):
        return None
    if (kind == Kind.ENTRY) != bool(version):
        return None
    if version and not (version.isascii() and version.isdigit() and len(version) < 19):
        return None
    return NodeId(Kind(kind), UUID(hex=key), int(version or 0))


def key_of(text: str, *kinds: Kind) -> UUID | None:
    """The key of a public id of one of these kinds, or None if it is another or none."""
    found = parse_id(text)
    return found.id if found is not None and found.kind in kinds else None


def require_id(text: str) -> NodeId:
    """The parts of a public id. Raises BadInputError."""
    found = parse_id(text)
    if found is None:
        raise BadInputError(f"{text[:80]!r} is not an id.")
    return found
