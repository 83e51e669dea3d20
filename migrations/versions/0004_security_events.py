"""Security events: what has happened with an account that its owner should know of, never changed and never deleted"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "security_events",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("token_id", types.Id(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("subject_id", types.Id(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id"),
        sqlite_strict=True,
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER security_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON security_events"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER security_events_refuses_{change.lower()} BEFORE {change} ON security_events"
            " BEGIN SELECT RAISE(ABORT, 'security_events is append-only'); END"
        )


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
