"""Passkeys, and the challenges that are yet to be answered with one"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "passkeys",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", types.BigInt, nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("last_used_at", types.Timestamp(), nullable=True),
        sa.Column("revoked_at", types.Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("credential_id"),
        sqlite_strict=True,
    )
    op.create_index("passkeys_by_user", "passkeys", ["user_id", "id"], unique=False)
    op.create_table(
        "passkey_challenges",
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=True),
        sa.Column("expires_at", types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("challenge"),
        sqlite_strict=True,
    )
    op.create_index("passkey_challenges_by_end", "passkey_challenges", ["expires_at"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
