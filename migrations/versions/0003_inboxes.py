"""Inboxes: the home timeline is read from where posts were put, not gathered from all whom a viewer follows

Nothing is put anywhere here, for that takes long where many follow many. Every follow begins as one that is read at read
time, and with a note that its inbox is to be filled: the server does so while it serves.
"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "inbox",
        sa.Column("viewer_id", types.Id(), nullable=False),
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("author_id", types.Id(), nullable=False),
        sa.PrimaryKeyConstraint("viewer_id", "post_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("position", types.Id(), nullable=False),
        sa.Column("turn", types.Id(), nullable=False),
        sa.PrimaryKeyConstraint("post_id"),
        sqlite_strict=True,
    )
    op.create_index("deliveries_by_turn", "deliveries", ["turn"], unique=False)
    op.create_table(
        "catch_ups",
        sa.Column("follower_id", types.Id(), nullable=False),
        sa.Column("followed_id", types.Id(), nullable=False),
        sa.Column("position", types.Id(), nullable=False),
        sa.Column("turn", types.Id(), nullable=False),
        sa.PrimaryKeyConstraint("follower_id", "followed_id"),
        sqlite_strict=True,
    )
    op.create_index("catch_ups_by_turn", "catch_ups", ["turn"], unique=False)
    for name, columns in {"pushed": ["followed_id", "id"], "pulled": ["follower_id", "followed_id"]}.items():
        op.add_column("follows", sa.Column(name, types.Flag(), nullable=False, server_default=sa.true()))
        where = sa.text(name)
        op.create_index(f"follows_{name}", "follows", columns, unique=False, postgresql_where=where, sqlite_where=where)
    if op.get_context().dialect.name == "postgresql":
        _expect_long_lists()
    stands = sa.text("reply_to_id IS NULL AND deleted_at IS NULL")
    for name, columns in {"posts_for_followers": ["author_id", "id"], "posts_latest": ["id"]}.items():
        op.create_index(name, "posts", columns, unique=False, postgresql_where=stands, sqlite_where=stands)
    first = "zeroblob(16)" if op.get_context().dialect.name == "sqlite" else "CAST(lpad('', 32, '0') AS uuid)"
    op.execute(
        "INSERT INTO catch_ups (follower_id, followed_id, position, turn)"  # noqa: S608 - of words of our own
        f" SELECT follower_id, followed_id, {first}, id FROM follows"
    )


def _expect_long_lists() -> None:
    # PostgreSQL plans for the average, and an average of one would have it read all that one viewer follows for each post.
    for table, column, share in (
        ("follows", "follower_id", 50),
        ("follows", "followed_id", 50),
        ("inbox", "viewer_id", 1000),
    ):
        op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET (n_distinct = {-1 / share})")


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
