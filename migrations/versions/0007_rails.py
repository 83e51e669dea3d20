"""Rails: what is asked of networks, what they answer, and what is linked to an account

The rules of a few columns grow wider. SQLite keeps them in the text of a table and cannot change one alone, so that text
is rewritten in its place, as its documentation advises for rules that let more in; a new table would need all that
depends on the old one to be made again, triggers of the ledger among it.
"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CURRENCIES = "currency IN ('USD', 'EUR', 'GBP', 'JPY', 'CNY')"
RAILS = "rail IN ('SANDBOX', 'VISA_DIRECT', 'STRIPE', 'ACH', 'ISO20022')"
SOURCES = {"kind_is_known": "kind IN ('CARD', 'BANK_ACCOUNT')", "rail_is_known": RAILS}
WIDER = {
    ("accounts", "code_is_known"): (
        "code IN ('WALLET', 'RECEIVABLE', 'FEE_INCOME', 'RAIL_CLEARING', 'PAYOUT_CLEARING', 'BANK_CASH')",
        "code IN ('WALLET', 'RECEIVABLE', 'SUSPENSE', 'FEE_INCOME', 'RAIL_CLEARING', 'PAYOUT_CLEARING', 'BANK_CASH')",
    ),
    ("transfers", "kind_is_known"): (
        "kind IN ('TIP', 'PAYMENT', 'REFUND', 'TOP_UP')",
        "kind IN ('TIP', 'PAYMENT', 'REFUND', 'TOP_UP', 'WITHDRAWAL')",
    ),
    ("transfers", "a_top_up_has_a_rail"): (
        "(kind = 'TOP_UP') = (rail IS NOT NULL)",
        "(kind IN ('TOP_UP', 'WITHDRAWAL')) = (rail IS NOT NULL)",
    ),
    ("transfers", "status_is_known"): (
        "status IN ('COMPLETED', 'REVERSED')",
        "status IN ('PENDING_RAIL', 'HELD', 'COMPLETED', 'RETURNED', 'DECLINED', 'REVERSED')",
    ),
}


def upgrade() -> None:
    _widen()
    _link_more()
    _create_tables()


def _widen() -> None:
    if op.get_context().dialect.name == "postgresql":
        for (table, name), (_, rule) in WIDER.items():
            op.drop_constraint(name, table, type_="check")
            op.create_check_constraint(name, table, rule)
    else:
        _rewrite([(table, old, new) for (table, _), (old, new) in WIDER.items()])


def _rewrite(changes: list[tuple[str, str, str]]) -> None:
    """Rewrites parts of the texts by which SQLite knows its tables."""
    bind = op.get_bind()
    op.execute("PRAGMA writable_schema = ON")
    for table, old, new in changes:
        changed = bind.execute(
            sa.text(
                "UPDATE sqlite_schema SET sql = replace(sql, :old, :new)"
                " WHERE type = 'table' AND name = :table AND instr(sql, :old) > 0"
            ),
            {"table": table, "old": old, "new": new},
        )
        assert changed.rowcount == 1, f"{table} does not say {old}"
    version = bind.execute(sa.text("PRAGMA schema_version")).scalar_one()
    op.execute(f"PRAGMA schema_version = {version + 1}")
    op.execute("PRAGMA writable_schema = RESET")


def _link_more() -> None:
    """Bank accounts beside cards, and what rails know them by. The sandbox calls the card of a new account 'fine'."""
    if op.get_context().dialect.name == "postgresql":
        _alter_sources()
    else:
        _rebuild_sources()
    op.create_index("funding_sources_by_fingerprint", "funding_sources", ["fingerprint"], unique=False)
    stands = sa.text("removed_at IS NULL")
    op.create_index(
        "a_number_once_for_each_user",
        "funding_sources",
        ["user_id", "fingerprint"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    is_left = sa.text("removed_at IS NOT NULL AND reference IS NOT NULL")
    op.create_index(
        "funding_sources_to_forget",
        "funding_sources",
        ["removed_at"],
        unique=False,
        sqlite_where=is_left,
        postgresql_where=is_left,
    )


def _alter_sources() -> None:
    op.add_column("funding_sources", sa.Column("kind", sa.Text(), nullable=False, server_default="CARD"))
    op.alter_column("funding_sources", "kind", server_default=None)
    for name in ("reference", "fingerprint"):
        op.add_column("funding_sources", sa.Column(name, sa.Text(), nullable=True))
    op.execute("UPDATE funding_sources SET reference = 'fine'")
    op.add_column("funding_sources", sa.Column("removed_at", types.Timestamp(), nullable=True))
    for name in ("brand", "expires"):
        op.alter_column("funding_sources", name, nullable=True)
    op.drop_constraint("rail_is_known", "funding_sources", type_="check")
    for name, rule in SOURCES.items():
        op.create_check_constraint(name, "funding_sources", rule)


def _rebuild_sources() -> None:
    """Nothing depends on the table, so it is made anew."""
    op.drop_index("funding_sources_by_user", "funding_sources")
    op.rename_table("funding_sources", "earlier_sources")
    op.create_table(
        "funding_sources",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("rail", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expires", sa.Text(), nullable=True),
        sa.Column("verified", types.Flag(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("removed_at", types.Timestamp(), nullable=True),
        *(sa.CheckConstraint(rule, name=name) for name, rule in SOURCES.items()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("funding_sources_by_user", "funding_sources", ["user_id", "id"], unique=False)
    same = "id, user_id, rail, label, brand, last4, expires, verified, created_at"
    op.execute(  # of words of our own
        f"INSERT INTO funding_sources ({same}, kind, reference) SELECT {same}, 'CARD', 'fine' FROM earlier_sources"  # noqa: S608
    )
    op.drop_table("earlier_sources")


def _create_tables() -> None:
    op.create_table(
        "rail_intents",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("opened_by", types.Id(), nullable=False),
        sa.Column("owner_id", types.Id(), nullable=False),
        sa.Column("source_id", types.Id(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("speed", sa.Text(), nullable=False),
        sa.Column("rail", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("amount", types.BigInt, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("hold_id", types.Id(), nullable=True),
        sa.Column("moved", types.BigInt, nullable=False),
        sa.Column("suspended", types.BigInt, nullable=False),
        sa.Column("trace", types.BigInt, nullable=False),
        sa.Column("network_ref", sa.Text(), nullable=True),
        sa.Column("network_code", sa.Text(), nullable=True),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("turn", types.BigInt, nullable=False),
        sa.Column("asked", types.BigInt, nullable=False),
        sa.Column("due_at", types.Timestamp(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("submitted_at", types.Timestamp(), nullable=True),
        sa.Column("reversed_at", types.Timestamp(), nullable=True),
        sa.Column("settled_at", types.Timestamp(), nullable=True),
        sa.Column("returned", types.Flag(), nullable=False),
        sa.CheckConstraint(CURRENCIES, name="currency_is_known"),
        sa.CheckConstraint("direction IN ('PULL', 'PUSH')", name="direction_is_known"),
        sa.CheckConstraint("environment IN ('SANDBOX', 'LIVE')", name="environment_is_known"),
        sa.CheckConstraint(RAILS, name="rail_is_known"),
        sa.CheckConstraint("speed IN ('INSTANT', 'STANDARD')", name="speed_is_known"),
        sa.CheckConstraint(
            "state IN ('CREATED', 'SUBMITTING', 'PENDING', 'UNKNOWN', 'APPROVED', 'DECLINED', 'REVERSING', 'REVERSED', 'SETTLED', 'RETURNED', 'CANCELLED')",
            name="state_is_known",
        ),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("opened_by", name="an_intent_for_each_request"),
        sa.UniqueConstraint("trace", name="traces_are_unique"),
        sqlite_strict=True,
    )
    op.create_index("rail_intents_by_network_ref", "rail_intents", ["rail", "network_ref"], unique=False)
    op.create_index("rail_intents_by_owner", "rail_intents", ["owner_id", "id"], unique=False)
    op.create_index("rail_intents_by_state", "rail_intents", ["rail", "state", "submitted_at"], unique=False)
    is_due = sa.text("due_at IS NOT NULL")
    op.create_index(
        "rail_intents_due", "rail_intents", ["due_at"], unique=False, sqlite_where=is_due, postgresql_where=is_due
    )
    op.create_table(
        "rail_settlements",
        sa.Column("rail", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("network_ref", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("amount", types.BigInt, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("booked_at", types.Timestamp(), nullable=False),
        sa.Column("intent_id", types.Id(), nullable=True),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.CheckConstraint(CURRENCIES, name="currency_is_known"),
        sa.CheckConstraint(
            "finding IN ('EARLY', 'MATCHED', 'UNMATCHED', 'WRONG_AMOUNT', 'UNEXPECTED')", name="finding_is_known"
        ),
        sa.CheckConstraint("kind IN ('SETTLED', 'RETURNED', 'RETURN_SETTLED')", name="kind_is_known"),
        sa.CheckConstraint(RAILS, name="rail_is_known"),
        sa.PrimaryKeyConstraint("rail", "line"),
        sqlite_strict=True,
    )
    op.create_index("rail_settlements_by_time", "rail_settlements", ["rail", "booked_at"], unique=False)
    op.create_table(
        "micro_deposits",
        sa.Column("source_id", types.Id(), nullable=False),
        sa.Column("first", types.BigInt, nullable=True),
        sa.Column("second", types.BigInt, nullable=True),
        sa.Column("tries", types.BigInt, nullable=False),
        sa.Column("network_ref", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("tries >= 0", name="tries_not_negative"),
        sa.PrimaryKeyConstraint("source_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "vault",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("owner_id", types.Id(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expires", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("claimed_at", types.Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("token"),
        sqlite_strict=True,
    )
    is_unclaimed = sa.text("claimed_at IS NULL")
    op.create_index(
        "vault_unclaimed",
        "vault",
        ["created_at"],
        unique=False,
        sqlite_where=is_unclaimed,
        postgresql_where=is_unclaimed,
    )
    op.create_table(
        "vault_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_strict=True,
    )


def downgrade() -> None:
    raise NotImplementedError("Tables only go forward: restore a backup instead.")
