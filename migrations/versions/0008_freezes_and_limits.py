"""Freezes of accounts and access tokens"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_freezes()


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
