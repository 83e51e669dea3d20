"""The SQL of the servers that Hatful is measured against: one text for all of them, as good as we know to write it.

Ids are text, so that every driver sends them alike. `$1` is the viewer, but in SIGN_IN the hash of the bearer token.
"""

from benchmarks.ledger import pgbench, town

SIGN_IN = """
SELECT user_id, scopes, spend_limit FROM tokens
WHERE secret_hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
"""

# Like Hatful's own: from the inbox, from those whom the viewer pulls, and what the viewer wrote.
PAGE = """
SELECT id, author_id, text, created_at FROM posts WHERE id IN (
    (
        SELECT post_id FROM inbox
        WHERE viewer_id = $1::uuid
            AND EXISTS (SELECT FROM follows WHERE follower_id = $1::uuid AND followed_id = inbox.author_id)
            AND EXISTS (SELECT FROM posts AS standing WHERE standing.id = inbox.post_id AND deleted_at IS NULL)
            AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = inbox.author_id AND blocked_id = $1::uuid)
            AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = $1::uuid AND blocked_id = inbox.author_id)
        ORDER BY post_id DESC LIMIT 20
    ) UNION (
        SELECT theirs.id FROM follows
        JOIN LATERAL (
            SELECT posts.id FROM posts
            WHERE posts.author_id = followed_id AND reply_to_id IS NULL AND deleted_at IS NULL
            ORDER BY posts.id DESC LIMIT 20
        ) AS theirs ON true
        WHERE follower_id = $1::uuid AND follows.pulled
            AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = followed_id AND blocked_id = $1::uuid)
            AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = $1::uuid AND blocked_id = followed_id)
    ) UNION (
        SELECT own.id FROM posts AS own
        WHERE own.author_id = $1::uuid AND reply_to_id IS NULL AND deleted_at IS NULL
        ORDER BY own.id DESC LIMIT 20
    )
)
ORDER BY id DESC LIMIT 20
"""

BALANCE = """
SELECT credits_posted - debits_posted - debits_pending AS available FROM accounts
WHERE owner_id = $1::uuid AND code = 'WALLET' AND currency = 'USD' AND stripe = 0
"""

TIMELINE = f"""
SELECT page.id, page.text, page.created_at, users.id AS author_id, users.handle, users.display_name,
    counted.like_count, counted.reply_count, counted.repost_count, COALESCE(tips.total, 0) AS tip_total,
    EXISTS (SELECT FROM likes WHERE user_id = $1::uuid AND post_id = page.id) AS liked,
    EXISTS (SELECT FROM reposts WHERE user_id = $1::uuid AND post_id = page.id) AS reposted,
    ({BALANCE}) AS available
FROM ({PAGE}) AS page
JOIN users ON users.id = page.author_id
JOIN post_counters AS counted ON counted.post_id = page.id
LEFT JOIN post_tips AS tips ON tips.post_id = page.id AND tips.currency = 'USD'
ORDER BY page.id DESC
"""  # noqa: S608 - put together from texts of our own

HANDLE = "SELECT handle FROM users WHERE id = $1::uuid"

# For servers that gather each field of all posts on its own.
AUTHORS = "SELECT id, handle, display_name FROM users WHERE id = ANY ($1::uuid[])"
COUNTED_PAGE = f"""
SELECT page.*, like_count, reply_count, repost_count
FROM ({PAGE}) AS page JOIN post_counters ON post_id = page.id ORDER BY page.id DESC
"""  # noqa: S608 - put together from texts of our own
TIP_TOTALS = "SELECT post_id, total FROM post_tips WHERE post_id = ANY ($1::uuid[]) AND currency = 'USD'"
LIKED = "SELECT post_id FROM likes WHERE user_id = $1::uuid AND post_id = ANY ($2::uuid[])"
REPOSTED = "SELECT post_id FROM reposts WHERE user_id = $1::uuid AND post_id = ANY ($2::uuid[])"

_ASKED = """WITH tip AS MATERIALIZED (
    SELECT uuidv7() AS id, now() AS moment, $3::bigint AS amount, payer.owner_id AS payer_id,
        creator.owner_id AS creator_id, payer.id AS payer_wallet, creator.id AS creator_wallet, posts.id AS post_id
    FROM posts
    JOIN accounts AS payer ON payer.owner_id = $1::uuid AND payer.code = 'WALLET' AND payer.currency = 'USD'
        AND payer.stripe = 0
    JOIN accounts AS creator ON creator.owner_id = posts.author_id AND creator.code = 'WALLET'
        AND creator.currency = 'USD' AND creator.stripe = 0
    WHERE posts.id = $2::uuid AND posts.deleted_at IS NULL AND posts.author_id <> $1::uuid
        AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = posts.author_id AND blocked_id = $1::uuid)
        AND NOT EXISTS (SELECT FROM blocks WHERE blocker_id = $1::uuid AND blocked_id = posts.author_id)
), used AS ("""
LIMIT = 200_000
"""What may be spent in a day, in cents: the product's own limit."""


def _tip() -> str:
    """The one statement of pgbench, told whose tip it is by parameters, and answering with the new balance.

    `$1` the viewer, `$2` the post, `$3` cents, `$4` the idempotency key, `$5` the request's hash.
    """
    statement = pgbench.SCRIPT[pgbench.SCRIPT.index("WITH tip AS") :].strip().removesuffix(";")
    statement = _ASKED + statement[statement.index("), used AS (") + len("), used AS (") :]
    for old, new in (
        ("replace(id::text, '-', ''), uuid_send(id) || uuid_send(id)", "$4::text, $5::bytea"),
        (f"<= {town.PRIVATE_MEANS.minor_units}", f"<= {LIMIT}"),
        ("\nINSERT INTO post_tips", ", totals AS (INSERT INTO post_tips"),
    ):
        assert statement.count(old) == 1, old
        statement = statement.replace(old, new)
    return f"""{statement} RETURNING total)
SELECT moved.balance_after AS available FROM moved, allowed WHERE moved.id = payer_wallet"""  # noqa: S608 - put together from texts of our own


TIP = _tip()

_VIEWER = "current_setting('hatful.viewer')::uuid"
_OF_POST = f"WHERE user_id = {_VIEWER} AND post_id = post.id"


def _for_viewer(statement: str) -> str:
    return statement.replace("$1::uuid", _VIEWER)


# What a server that makes its schema from the database is told of it, in the database.
FUNCTIONS = f"""
CREATE FUNCTION me() RETURNS users LANGUAGE sql STABLE AS $$ SELECT * FROM users WHERE id = {_VIEWER} $$;
CREATE FUNCTION balance() RETURNS bigint LANGUAGE sql STABLE AS $${_for_viewer(BALANCE)}$$;
CREATE FUNCTION feed() RETURNS SETOF posts LANGUAGE sql STABLE AS $$
    {_for_viewer(PAGE).replace("id, author_id, text, created_at", "*")}
$$;
CREATE FUNCTION posts_tip_total(post posts) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT COALESCE((SELECT total FROM post_tips WHERE post_id = post.id AND currency = 'USD'), 0)
$$;
CREATE FUNCTION posts_liked(post posts) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM likes {_OF_POST})
$$;
CREATE FUNCTION posts_reposted(post posts) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM reposts {_OF_POST})
$$;
CREATE FUNCTION tip_post(post uuid, cents bigint, key text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    {
    _for_viewer(TIP)
    .replace("$2::uuid", "tip_post.post")
    .replace("$3::bigint", "tip_post.cents")
    .replace("$4::text", "tip_post.key")
    .replace("$5::bytea", "sha256(convert_to(tip_post.key, 'UTF8'))")
}
$$;
COMMENT ON TABLE posts IS E'@foreignKey (author_id) references users (id)|@fieldName author';
COMMENT ON TABLE post_counters IS E'@foreignKey (post_id) references posts (id)';
"""  # noqa: S608 - put together from texts of our own

ALL = {
    "functions": FUNCTIONS,
    "signIn": SIGN_IN,
    "page": COUNTED_PAGE,
    "balance": BALANCE,
    "timeline": TIMELINE,
    "handle": HANDLE,
    "authors": AUTHORS,
    "tipTotals": TIP_TOTALS,
    "liked": LIKED,
    "reposted": REPOSTED,
    "tip": TIP,
}
