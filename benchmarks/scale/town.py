"""The towns in which timelines are read and posts written. PostgreSQL makes the rows itself.

A viewer's inbox is as the server would have filled it. All other inboxes are empty: nobody reads them here.
"""

from typing import NamedTuple
from uuid import UUID

import asyncpg

from resolvers.inbox import MANY_FOLLOWERS

POSTS_OF_AN_AUTHOR = 1_000
FAMOUS = 250
"""Of so many whom the viewer follows, one has so many followers that their posts are read at read time."""
VIEWER, STAR, POET = (UUID(int=(n << 80) | 7 << 76 | 2 << 62) for n in (2, 3, 4))
SECRETS = {VIEWER: "viewer", STAR: "star", POET: "poet"}

# The tables' widest indexes are made when the rows are there.
_INDEXES = ("posts_by_author", "posts_for_followers", "posts_by_reply_to", "posts_by_quote_of")
_ID = """
    CREATE FUNCTION pg_temp.id(moment bigint, number bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS $$
        SELECT (lpad(to_hex(moment), 12, '0') || '70008000' || lpad(to_hex(number), 12, '0'))::uuid $$
"""
_USERS = """
    INSERT INTO users SELECT pg_temp.id(1, n), 'author' || n, 'Author ' || n, 'Writes', NULL, now()
    FROM generate_series(1, $1) AS n
"""
_NAMED = "INSERT INTO users SELECT $1, $2, $2, NULL, NULL, now()"
_COUNTERS = "INSERT INTO user_counters SELECT id, 0, 0, 0 FROM users"
_COUNTED = "UPDATE user_counters SET follower_count = $2 WHERE user_id = $1"
_TOKENS = """
    INSERT INTO tokens (id, user_id, kind, name, scopes, secret_hash, created_at)
    SELECT $1, $1, 'ACCESS', 'benchmark', 'PAY READ WRITE', sha256($2), now()
"""
_POSTS = """
    INSERT INTO posts SELECT pg_temp.id(1700000000000 + 1000 * n, n), pg_temp.id(1, 1 + n % $2),
        'Something that took a while to write, and is read in a moment: ' || n, NULL, NULL,
        to_timestamp(1700000000 + n), NULL, NULL
    FROM generate_series($3::bigint, $1::bigint) AS n
"""
_POST_COUNTERS = "INSERT INTO post_counters SELECT id, 3, 2, 1 FROM posts"
_FOLLOWS = """
    INSERT INTO follows SELECT $1, pg_temp.id(1, n), pg_temp.id(1600000000000 + n, n), n % $3 > 0, n % $3 = 0
    FROM generate_series(1::bigint, $2::bigint) AS n
"""
_FOLLOWERS = """
    INSERT INTO follows
    SELECT pg_temp.id(5, n), $1, pg_temp.id(1600000000000 + n, $4 + n), n <= $3, n > $3
    FROM generate_series(1::bigint, $2::bigint) AS n
"""
_INBOX = """
    INSERT INTO inbox SELECT $1, id, author_id FROM posts
    WHERE author_id IN (SELECT followed_id FROM follows WHERE follower_id = $1 AND pushed) ORDER BY id
"""


class Size(NamedTuple):
    """How much of everything there is."""

    posts: int
    follows: int
    followers: int
    """Those of the star."""
    readers: int
    """Those of the poet."""

    def times(self, scale: float) -> "Size":
        """A part of it."""
        posts, follows, followers = (max(1, int(number * scale)) for number in self[:3])
        return Size(posts, follows, followers, self.readers)


LARGE = Size(posts=10_000_000, follows=5_000, followers=1_000_000, readers=100)
SMALL = Size(posts=100_000, follows=50, followers=1_000, readers=100)


async def fill(url: str, size: Size) -> None:
    """Fills a migrated database, and has PostgreSQL look at what is in it."""
    connection = await asyncpg.connect(
        url, server_settings={"synchronous_commit": "off", "maintenance_work_mem": "1GB"}
    )
    try:
        async with connection.transaction():
            await _fill(connection, size)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _fill(connection: "asyncpg.Connection[asyncpg.Record]", size: Size) -> None:
    rows = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE indexname = ANY($1)", _INDEXES)
    for name in _INDEXES:
        await connection.execute(f"DROP INDEX {name}")
    await connection.execute(_ID)
    authors = max(size.posts // POSTS_OF_AN_AUTHOR, 2 * size.follows)
    await connection.execute(_USERS, authors)
    for user, secret in SECRETS.items():
        await connection.execute(_NAMED, user, secret)
        await connection.execute(_TOKENS, user, secret.encode())
    await connection.execute(_COUNTERS)
    await connection.execute(_POSTS, size.posts, authors, 1)
    await connection.execute(_POST_COUNTERS)
    await connection.execute(_FOLLOWS, VIEWER, size.follows, FAMOUS)
    await connection.execute(_FOLLOWERS, STAR, size.followers, MANY_FOLLOWERS, 1 << 32)
    await connection.execute(_FOLLOWERS, POET, size.readers, MANY_FOLLOWERS, 1 << 33)
    await connection.execute(_COUNTED, STAR, size.followers)
    await connection.execute(_COUNTED, POET, size.readers)
    for row in rows:
        await connection.execute(row["indexdef"])
    await connection.execute(_INBOX, VIEWER)
