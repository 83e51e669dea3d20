"""Freezes of accounts and access tokens; limits by tier, in windows that roll"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_freezes()
    _let_limits_roll()


def _let_limits_roll() -> None:
    """What was counted by UTC day goes on to count, as if it had been used in the day's first hour."""
    for name in ("SPEND", "TOP_UP", "WITHDRAWAL", "TOKEN_SPEND"):
        op.execute(f"UPDATE limit_usage SET name = '{name}' WHERE name = '{name}_PER_DAY'")  # noqa: S608 - our words
    op.add_column("rail_intents", sa.Column("drawn_in", types.Timestamp(), nullable=True))
    op.create_table(
        "granted_tiers",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("tier", types.BigInt, nullable=False),
        sa.Column("granted_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("tier IN (0, 1, 2)", name="tier_is_known"),
        sa.PrimaryKeyConstraint("user_id"),
        sqlite_strict=True,
    )


def _create_freezes() -> None:
    op.create_table(
        "freezes",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("subject_id", types.Id(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("frozen_at", types.Timestamp(), nullable=False),
        sa.Column("thawed_at", types.Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    holds = sa.text("thawed_at IS NULL")
    op.create_index(
        "frozen_once_at_a_time", "freezes", ["subject_id"], unique=True, sqlite_where=holds, postgresql_where=holds
    )


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
