"""Rules for sets of rows: a batch is written if its accounts are as it knew them, and PostgreSQL checks it as one

A foreign key is checked for each row, which cost PostgreSQL as much as the rows themselves. What the keys held is held
by triggers of the same names, each with one search for all rows of a statement. None of the rows that they look for is
ever deleted or given another key: journals, postings and entries are append-only, and accounts refuse it from now on.
"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RULES = {
    "posting_journal": ("postings(journal_id)", "journals(id)"),
    "posting_debit_account": ("postings(debit_account_id, currency)", "accounts(id, currency)"),
    "posting_credit_account": ("postings(credit_account_id, currency)", "accounts(id, currency)"),
    "posting_pending": ("postings(pending_id)", "postings(id)"),
    "entry_account": ("entries(account_id)", "accounts(id)"),
    "entry_journal": ("entries(journal_id)", "journals(id)"),
    "entry_chain": (
        "entries(account_id, previous_version, balance_before)",
        "entries(account_id, version, balance_after)",
    ),
}
"""What each rule lets a row of one table refer to: a row of another one that has the same values."""
KEYS = {"accounts": "account_currency", "entries": "entry_balance"}
"""What only foreign keys stood on: the primary keys find the rows as well."""


def upgrade() -> None:
    _complete_seals()
    op.add_column("accounts", sa.Column("revision", types.BigInt, nullable=False, server_default="0"))
    if op.get_context().dialect.name == "postgresql":
        _guard_batches()
        _check_sets()


def _complete_seals() -> None:
    """Seals as they are made now. Some databases have them already; in all others the table was never used."""
    inspector = sa.inspect(op.get_bind())
    if "until" in {column["name"] for column in inspector.get_columns("seals")}:
        return
    op.drop_table("seals")
    op.create_table(
        "seals",
        sa.Column("number", types.BigInt, nullable=False),
        sa.Column("until", types.Timestamp(), nullable=False),
        sa.Column("last_journal_id", types.Id(), nullable=False),
        sa.Column("journal_count", types.BigInt, nullable=False),
        sa.Column("posting_count", types.BigInt, nullable=False),
        sa.Column("marks", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("number > 0 AND journal_count > 0", name="a_block_holds_something"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_index("idempotency_by_time", "idempotency", ["created_at"], unique=False)
    if op.get_context().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER seals_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seals"
            " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER seals_refuses_{change.lower()} BEFORE {change} ON seals"
            " BEGIN SELECT RAISE(ABORT, 'seals is append-only'); END"
        )


def _guard_batches() -> None:
    op.execute(
        "CREATE FUNCTION require_unchanged(unchanged boolean) RETURNS void LANGUAGE plpgsql AS $$"
        " BEGIN IF unchanged IS NOT TRUE THEN"
        " RAISE EXCEPTION 'what was read has changed' USING ERRCODE = 'serialization_failure'; END IF; END $$"
    )


def _check_sets() -> None:
    for name, (referring, referred) in RULES.items():
        (table, columns), (target, keys) = _split(referring), _split(referred)
        given = " AND ".join(f"added.{column} IS NOT NULL" for column in columns)
        same = " AND ".join(f"found.{key} = added.{column}" for key, column in zip(keys, columns, strict=True))
        op.drop_constraint(name, table, type_="foreignkey")
        op.execute(
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$"  # noqa: S608 - of words of our own
            # With OFFSET each row is looked up by its key; without, a plan may read the whole table for a batch.
            f" BEGIN IF EXISTS (SELECT FROM added WHERE {given}"
            f" AND NOT EXISTS (SELECT FROM {target} AS found WHERE {same} OFFSET 0)) THEN"
            f" RAISE EXCEPTION 'a row of {table} breaks the rule {name}'"
            f" USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{name}', TABLE = '{table}'; END IF;"
            " RETURN NULL; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {name} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added"
            f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        )
    for table, name in KEYS.items():
        op.drop_constraint(name, table, type_="unique")
    op.execute(
        "CREATE TRIGGER accounts_stay BEFORE UPDATE OF id, currency OR DELETE OR TRUNCATE ON accounts"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )


def _split(reference: str) -> tuple[str, list[str]]:
    table, _, columns = reference.rstrip(")").partition("(")
    return table, columns.split(", ")


def downgrade() -> None:
    raise NotImplementedError("A ledger's tables only go forward: restore a backup instead.")
