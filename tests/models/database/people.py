"""People to be read, and the queries that read them."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import Command, Database, Query, any_number_of, any_of, columns_of, insert
from models.ids import new_id
from models.types import EPOCH, BigInt
from models.users import User, UserCounters


class Person(NamedTuple):
    """A user with all that needs converting on one of the databases."""

    id: UUID
    handle: str
    bio: str | None
    created_at: object


class Count(NamedTuple):
    """How many follow."""

    user_id: UUID
    follower_count: int


COUNT = select(*columns_of(Count, UserCounters))
people = Query(Person, select(*columns_of(Person, User)).where(any_of(User.id)).order_by(col(User.handle)))
named = Query(Person, select(*columns_of(Person, User)).where(col(User.handle) == bindparam("name")))
counts = Query(
    Count,
    COUNT.where(any_of(UserCounters.user_id), col(UserCounters.follower_count) >= bindparam("least", type_=BigInt)),
)
numbered = Query(Count, COUNT.where(any_number_of(UserCounters.follower_count, "numbers")))


async def write_people(database: Database, count: int) -> list[UUID]:
    """So many people, p00 and on, each with one more follower than the one before. Every other one writes."""
    ids = sorted(new_id() for _ in range(count))
    async with database.transaction() as transaction:
        for number, key in enumerate(ids):
            bio = None if number % 2 else "writes"
            user = {"id": key, "handle": f"p{number:02}", "display_name": "P", "bio": bio, "avatar_url": None}
            await transaction.run(Command(insert(User).values(**user, created_at=EPOCH)))
            counters = {"follower_count": number, "following_count": 0, "post_count": 0}
            await transaction.run(Command(insert(UserCounters).values(user_id=key, **counters)))
    return ids
