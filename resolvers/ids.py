"""Public ids: what they are of, and which one. Opaque to clients, readable for whoever reads a log."""

import re
from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple, Protocol
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
    WITHDRAWAL = "withdrawal"
    WALLET = "wallet"
    ENTRY = "entry"
    TOKEN = "token"  # noqa: S105 - the word, not one of them
    CARD = "card"
    BANK_ACCOUNT = "bank"
    SESSION = "session"
    EVENT = "event"
    PASSKEY = "passkey"


_KINDS = {str(kind): kind for kind in Kind}
_ID = re.compile(r"([a-z]+)_([0-9a-f]{32})(?:_([1-9][0-9]{0,17}))?")


class NodeId(NamedTuple):
    """A public id, taken apart. `version` is an entry's."""

    kind: Kind
    id: UUID
    version: int = 0


class _Identified(Protocol):
    id: UUID


def public_id(kind: Kind, key: UUID) -> str:
    """The public id of a row."""
    return kind + "_" + key.hex  # an f-string would ask the enumeration how to write itself, which takes longer


def public_id_of(kind: Kind) -> Callable[[_Identified], str]:
    """What tells the public id of rows of one kind."""
    prefix = kind + "_"
    return lambda row: prefix + row.id.hex


def parse_id(text: str) -> NodeId | None:
    """The parts of a public id, or None if it is not one. Each id is written in one way only."""
    found = _ID.fullmatch(text)
    kind = None if found is None else _KINDS.get(found[1])
    if found is None or kind is None or (kind is Kind.ENTRY) != (found[3] is not None):
        return None
    return NodeId(kind, UUID(hex=found[2]), int(found[3] or 0))


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
