"""Addresses are erased: of a security event that is old, its address may be taken away, and nothing else be changed

The index finds the events that have one still; a row leaves it with its address.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEPT_DAYS = 89
"""A day less than the server waits, so that two clocks may differ."""
OTHERS = ("user_id", "id", "kind", "token_id", "subject_id", "created_at")


def upgrade() -> None:
    where = sa.text("address IS NOT NULL")
    op.create_index(
        "security_events_with_address",
        "security_events",
        ["id"],
        unique=False,
        postgresql_where=where,
        sqlite_where=where,
    )
    if op.get_context().dialect.name == "postgresql":
        _let_erase_on_postgresql()
    else:
        _let_erase_on_sqlite()


def _let_erase_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_change_but_erasing() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF OLD.address IS NOT NULL AND NEW.address IS NULL"
        f" AND OLD.created_at < now() - interval '{KEPT_DAYS} days'"
        " AND to_jsonb(NEW) - 'address' = to_jsonb(OLD) - 'address' THEN RETURN NEW; END IF;"
        " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute("DROP TRIGGER security_events_append_only ON security_events")
    op.execute(
        "CREATE TRIGGER security_events_append_only BEFORE DELETE OR TRUNCATE ON security_events"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE TRIGGER security_events_refuses_update BEFORE UPDATE ON security_events"
        " FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasing()"
    )


def _let_erase_on_sqlite() -> None:
    same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in OTHERS)
    op.execute("DROP TRIGGER security_events_refuses_update")
    op.execute(
        "CREATE TRIGGER security_events_refuses_update BEFORE UPDATE ON security_events"
        f" WHEN NOT (OLD.address IS NOT NULL AND NEW.address IS NULL AND {same}"
        f" AND OLD.created_at < (strftime('%s', 'now') - {KEPT_DAYS * 24 * 60 * 60}) * 1000000)"
        " BEGIN SELECT RAISE(ABORT, 'security_events is append-only'); END"
    )


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
