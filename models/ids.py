"""Ids: 128 bits, ordered by time (UUIDv7, RFC 9562), made without asking the database."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import uuid_utils
from asyncpg.pgproto.pgproto import UUID as FastUUID  # the driver's, which it makes and sends faster than Python's

HOUSE = UUID(int=0)
"""The owner of the product's own accounts: fees, rail clearing. No user has this id."""

FIRST = UUID(int=0)
LAST = UUID(int=(1 << 128) - 1)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id() -> UUID:
    """A new id of now; ids made later in one process sort after it."""
    return FastUUID(uuid_utils.uuid7().bytes)


def first_id_at(moment: datetime) -> UUID:
    """What all ids made from a moment on are not before."""
    return UUID(int=(moment - _EPOCH) // _MILLISECOND << 80)


def id_at(moment: datetime, random: Random) -> UUID:
    """The id that `random` gives for a moment: the same seed and moment give the same id."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    low = random.getrandbits(74)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (low >> 62) << 64 | 0b10 << 62 | low & ((1 << 62) - 1))


def moment_of(id_: UUID) -> datetime:
    """When an id was made, to the millisecond."""
    return _EPOCH + _MILLISECOND * (id_.int >> 80)
