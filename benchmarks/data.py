"""The data that every server answers from: people, their posts, follows, likes and tips, the same for the same seed.

It goes on with the ledger benchmark's town: person n, their wallet and their newest post have the ids there. Money
moves through the ledger, so that its books add up; all else is put into the tables as it is.
"""

import asyncio
import hashlib
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from asyncpg.pgproto.pgproto import UUID as FastUUID

from benchmarks.ledger import town
from benchmarks.ledger.town import PEOPLE, POSTS, Shape
from ledger import Ledger
from models.database import migrate, open_database
from models.database.opening import sqlite_path
from models.types import EPOCH, MICROSECOND

POSTS_EACH = 10
FOLLOWS_EACH = 50
LIKES_EACH = 20
REPOSTS_EACH = 5
REPLIES_EACH = 2
"""Of the ten posts of everybody, these are replies; they do not stand in a timeline."""
TIPS = 10_000
"""As many spread over everybody, and as many again to the famous."""
SCOPES = "READ WRITE PAY"
SEED = 7
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = [
    "the",
    "morning",
    "train",
    "bread",
    "rain",
    "late",
    "coffee",
    "garden",
    "old",
    "song",
    "window",
    "river",
    "first",
    "light",
    "again",
    "small",
    "market",
]


class Rows(NamedTuple):
    """What goes into one table."""

    table: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def secret(person: int) -> str:
    """The bearer token of a person."""
    return f"hat_benchmark_{person:022}"


def user_id(person: int) -> UUID:
    """The id of a person."""
    return _id(person)


def newest_post(person: int) -> UUID:
    """The id of a person's newest post, which is the one that is tipped."""
    return _id(POSTS + person)


def rows(people: int = PEOPLE) -> Iterator[Rows]:
    """Everything but the money, table by table."""
    chance = random.Random(SEED)
    posts = _posts(people, chance)
    likes = _marks(people, LIKES_EACH, chance)
    reposts = _marks(people, REPOSTS_EACH, chance)
    counts = {row[0]: [0, 0, 0] for row in posts}
    for kind, marked in enumerate((likes, [row[3] for row in posts if row[3]], reposts)):
        for mark in marked:
            counts[mark[1] if isinstance(mark, tuple) else mark][kind] += 1
    follows = _follows(people, chance)
    followers = dict.fromkeys(range(1, people + 1), 0)
    for _, followed in follows:
        followers[followed] += 1
    everybody = range(1, people + 1)
    yield Rows(
        "users",
        ("id", "handle", "display_name", "created_at"),
        [(_id(n), f"person_{n}", f"Person {n}", BEGIN) for n in everybody],
    )
    yield Rows(
        "user_counters",
        ("user_id", "follower_count", "following_count", "post_count"),
        [(_id(n), followers[n], FOLLOWS_EACH, POSTS_EACH) for n in everybody],
    )
    yield Rows(
        "tokens",
        ("id", "user_id", "kind", "name", "scopes", "secret_hash", "created_at", "last_used_at"),
        # Used just now, as far as anybody will ask: otherwise the first use of each would be written down.
        [
            (_id(n), _id(n), "ACCESS", "Benchmark", SCOPES, secret_hash(secret(n)), BEGIN, datetime.now(UTC) + DAY)
            for n in everybody
        ],
    )
    yield Rows("posts", ("id", "author_id", "text", "reply_to_id", "created_at"), posts)
    yield Rows(
        "post_counters",
        ("post_id", "like_count", "reply_count", "repost_count"),
        [(post, *counted) for post, counted in counts.items()],
    )
    yield Rows(
        "follows",
        ("follower_id", "followed_id", "id"),
        [(_id(one), _id(other), _id(number)) for number, (one, other) in enumerate(follows, 1)],
    )
    yield Rows("likes", ("user_id", "post_id", "created_at"), [(*mark, BEGIN) for mark in likes])
    yield Rows("reposts", ("user_id", "post_id", "created_at"), [(*mark, BEGIN) for mark in reposts])


DAY = timedelta(days=1)


def secret_hash(token: str) -> bytes:
    """What the database has of a bearer token."""
    return hashlib.sha256(token.encode()).digest()


# What has been delivered: of everybody's inbox as much as anybody here looks at.
_DELIVER = """
INSERT INTO inbox (viewer_id, post_id, author_id) SELECT follower_id, newest.id, author_id
FROM (SELECT id, author_id FROM posts WHERE reply_to_id IS NULL ORDER BY id DESC LIMIT 20000) AS newest
JOIN follows ON followed_id = author_id
"""
DELIVERED = (_DELIVER, "UPDATE follows SET pulled = false")


async def fill(url: str) -> None:
    """Puts all of it into a migrated, empty database."""
    await (_fill_sqlite(url) if url.startswith("sqlite") else _fill_postgresql(url))
    database = await open_database(url)
    await town.settle(database)
    ledger = Ledger(database)
    await ledger.start()
    for shape in (Shape.SPREAD, Shape.ZIPF):
        asked = islice(town.tips(shape), TIPS)
        while group := list(islice(asked, town.GROUP)):
            await asyncio.gather(*(ledger.submit(town.order(tip)) for tip in group))
    await ledger.stop()
    await database.close()


def make(url: str) -> None:
    """Migrates an empty database, and fills it."""
    migrate.upgrade(url)
    asyncio.run(fill(url))


async def settle_down(url: str) -> None:
    """Has PostgreSQL tidy up and gather its statistics, so that it does not do so while something is measured."""
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM (ANALYZE, FREEZE)")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _fill_postgresql(url: str) -> None:
    connection = await asyncpg.connect(url)
    for table, columns, values in rows():
        await connection.copy_records_to_table(table, columns=columns, records=values)
    for statement in DELIVERED:
        await connection.execute(statement)
    await connection.close()


async def _fill_sqlite(url: str) -> None:
    with closing(sqlite3.connect(sqlite_path(url))) as connection, connection:
        for table, columns, values in rows():
            marks = ", ".join("?" * len(columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - names of our own
            connection.executemany(statement, (tuple(map(_stored, row)) for row in values))
        for statement in DELIVERED:
            connection.execute(statement)


def _stored(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.bytes
    return (value - EPOCH) // MICROSECOND if isinstance(value, datetime) else value


def _posts(people: int, chance: random.Random) -> list[tuple[Any, ...]]:
    """Oldest first. Everybody writes once in each round, so that the last round has everybody's newest post."""
    posts = []
    for turn in range(POSTS_EACH):
        first = POSTS - (POSTS_EACH - 1 - turn) * people
        for author in range(1, people + 1):
            # Replies are to the first round, and none of them is in the last.
            is_reply = 0 < turn <= REPLIES_EACH
            parent = _id(POSTS - (POSTS_EACH - 1) * people + chance.randint(1, people)) if is_reply else None
            text = " ".join(chance.choices(WORDS, k=chance.randint(8, 30)))
            moment = BEGIN + timedelta(seconds=turn * people + author)
            posts.append((_id(first + author), _id(author), text, parent, moment))
    return posts


def _marks(people: int, each: int, chance: random.Random) -> list[tuple[UUID, UUID]]:
    last = POSTS + people
    newest = range(last - 2 * people + 1, last + 1)
    return [(_id(n), _id(post)) for n in range(1, people + 1) for post in chance.sample(newest, each)]


def _follows(people: int, chance: random.Random) -> list[tuple[int, int]]:
    follows = []
    for one in range(1, people + 1):
        others = chance.sample(range(1, people), FOLLOWS_EACH)
        follows += [(one, other + (other >= one)) for other in others]
    return follows


def _id(number: int) -> UUID:
    return FastUUID(number.to_bytes(16))
