"""The first tables"""

import sqlalchemy as sa
from alembic import op

from models import types

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("journals", "postings", "entries", "idempotency", "seals")


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("owner_id", types.Id(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("stripe", types.BigInt, nullable=False),
        sa.Column("normal_side", sa.Text(), nullable=False),
        sa.Column("floor", types.BigInt, nullable=True),
        sa.Column("debits_posted", types.BigInt, nullable=False),
        sa.Column("credits_posted", types.BigInt, nullable=False),
        sa.Column("debits_pending", types.BigInt, nullable=False),
        sa.Column("credits_pending", types.BigInt, nullable=False),
        sa.Column("version", types.BigInt, nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint(
            "code IN ('WALLET', 'RECEIVABLE', 'FEE_INCOME', 'RAIL_CLEARING', 'PAYOUT_CLEARING', 'BANK_CASH')",
            name="code_is_known",
        ),
        sa.CheckConstraint("currency IN ('USD', 'EUR', 'GBP', 'JPY', 'CNY')", name="currency_is_known"),
        sa.CheckConstraint(
            "floor IS NULL OR (normal_side = 'CREDIT' AND credits_posted - debits_posted - debits_pending >= floor) OR (normal_side = 'DEBIT' AND debits_posted - credits_posted - credits_pending >= floor)",
            name="available_not_under_floor",
        ),
        sa.CheckConstraint("normal_side IN ('DEBIT', 'CREDIT')", name="normal_side_is_known"),
        sa.CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
            name="sums_not_negative",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("id", "currency", name="account_currency"),
        sa.UniqueConstraint("owner_id", "code", "currency", "stripe", name="accounts_by_owner"),
        sqlite_strict=True,
    )
    op.create_table(
        "blocks",
        sa.Column("blocker_id", types.Id(), nullable=False),
        sa.Column("blocked_id", types.Id(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("blocker_id <> blocked_id", name="nobody_blocks_themselves"),
        sa.PrimaryKeyConstraint("blocker_id", "blocked_id"),
        sqlite_strict=True,
    )
    op.create_index("blocks_by_blocked", "blocks", ["blocked_id", "blocker_id"], unique=False)
    op.create_table(
        "credentials",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "follows",
        sa.Column("follower_id", types.Id(), nullable=False),
        sa.Column("followed_id", types.Id(), nullable=False),
        sa.Column("id", types.Id(), nullable=False),
        sa.CheckConstraint("follower_id <> followed_id", name="nobody_follows_themselves"),
        sa.PrimaryKeyConstraint("follower_id", "followed_id"),
        sqlite_strict=True,
    )
    op.create_index("follows_by_followed", "follows", ["followed_id", "id"], unique=False)
    op.create_index("follows_by_follower", "follows", ["follower_id", "id"], unique=False)
    op.create_table(
        "funding_sources",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("rail", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("last4", sa.Text(), nullable=False),
        sa.Column("expires", sa.Text(), nullable=False),
        sa.Column("verified", types.Flag(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("rail IN ('SANDBOX')", name="rail_is_known"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("funding_sources_by_user", "funding_sources", ["user_id", "id"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("actor_id", types.Id(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("journal_id", types.Id(), nullable=True),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("(journal_id IS NULL) <> (refusal IS NULL)", name="posted_or_refused"),
        sa.PrimaryKeyConstraint("actor_id", "key"),
        sqlite_strict=True,
    )
    op.create_table(
        "journals",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("actor_id", types.Id(), nullable=False),
        sa.Column("reverses_id", types.Id(), nullable=True),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("reverses_id <> id", name="not_its_own_reversal"),
        sa.ForeignKeyConstraint(["reverses_id"], ["journals.id"], name="journal_reverses"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "likes",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "post_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "limit_usage",
        sa.Column("owner_id", types.Id(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("since", types.Timestamp(), nullable=False),
        sa.Column("used", types.BigInt, nullable=False),
        sa.CheckConstraint("currency IN ('USD', 'EUR', 'GBP', 'JPY', 'CNY')", name="currency_is_known"),
        sa.CheckConstraint("used >= 0", name="used_not_negative"),
        sa.PrimaryKeyConstraint("owner_id", "name", "currency", "since"),
        sqlite_strict=True,
    )
    op.create_table(
        "post_counters",
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("like_count", types.BigInt, nullable=False),
        sa.Column("reply_count", types.BigInt, nullable=False),
        sa.Column("repost_count", types.BigInt, nullable=False),
        sa.CheckConstraint("like_count >= 0 AND reply_count >= 0 AND repost_count >= 0", name="counts_not_negative"),
        sa.PrimaryKeyConstraint("post_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "post_tips",
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("tip_count", types.BigInt, nullable=False),
        sa.Column("total", types.BigInt, nullable=False),
        sa.CheckConstraint("currency IN ('USD', 'EUR', 'GBP', 'JPY', 'CNY')", name="currency_is_known"),
        sa.CheckConstraint("tip_count >= 0 AND total >= 0", name="totals_not_negative"),
        sa.PrimaryKeyConstraint("post_id", "currency"),
        sqlite_strict=True,
    )
    op.create_table(
        "posts",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("author_id", types.Id(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reply_to_id", types.Id(), nullable=True),
        sa.Column("quote_of_id", types.Id(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("edited_at", types.Timestamp(), nullable=True),
        sa.Column("deleted_at", types.Timestamp(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("posts_by_author", "posts", ["author_id", "id"], unique=False)
    op.create_index("posts_by_quote_of", "posts", ["quote_of_id", "id"], unique=False)
    op.create_index("posts_by_reply_to", "posts", ["reply_to_id", "id"], unique=False)
    op.create_table(
        "reposts",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("post_id", types.Id(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "post_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "seals",
        sa.Column("number", types.BigInt, nullable=False),
        sa.Column("last_journal_id", types.Id(), nullable=False),
        sa.Column("journal_count", types.BigInt, nullable=False),
        sa.Column("posting_count", types.BigInt, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("number > 0 AND journal_count > 0", name="a_block_holds_something"),
        sa.PrimaryKeyConstraint("number"),
        sqlite_strict=True,
    )
    op.create_table(
        "tokens",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("spend_limit", types.BigInt, nullable=True),
        sa.Column("spend_limit_currency", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.Column("expires_at", types.Timestamp(), nullable=True),
        sa.Column("last_used_at", types.Timestamp(), nullable=True),
        sa.Column("revoked_at", types.Timestamp(), nullable=True),
        sa.CheckConstraint("kind IN ('SESSION', 'ACCESS', 'DEMO')", name="kind_is_known"),
        sa.CheckConstraint(
            "(spend_limit IS NULL) = (spend_limit_currency IS NULL) AND (spend_limit IS NULL OR spend_limit >= 0)",
            name="spend_limit_is_money",
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("secret_hash"),
        sqlite_strict=True,
    )
    op.create_index("tokens_by_user", "tokens", ["user_id", "id"], unique=False)
    op.create_table(
        "transfers",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sender_id", types.Id(), nullable=True),
        sa.Column("recipient_id", types.Id(), nullable=True),
        sa.Column("post_id", types.Id(), nullable=True),
        sa.Column("amount", types.BigInt, nullable=False),
        sa.Column("fee", types.BigInt, nullable=False),
        sa.Column("refunded", types.BigInt, nullable=False),
        sa.Column("refund_of_id", types.Id(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("rail", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("network_code", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint("(kind = 'REFUND') = (refund_of_id IS NOT NULL)", name="a_refund_has_its_transfer"),
        sa.CheckConstraint("(kind = 'TIP') = (post_id IS NOT NULL)", name="a_tip_has_a_post"),
        sa.CheckConstraint("(kind = 'TOP_UP') = (rail IS NOT NULL)", name="a_top_up_has_a_rail"),
        sa.CheckConstraint("currency IN ('USD', 'EUR', 'GBP', 'JPY', 'CNY')", name="currency_is_known"),
        sa.CheckConstraint("kind IN ('TIP', 'PAYMENT', 'REFUND', 'TOP_UP')", name="kind_is_known"),
        sa.CheckConstraint("status IN ('COMPLETED', 'REVERSED')", name="status_is_known"),
        sa.CheckConstraint("visibility IN ('PUBLIC', 'FOLLOWERS', 'PARTIES_ONLY')", name="visibility_is_known"),
        sa.CheckConstraint("amount > 0 AND fee >= 0 AND fee <= amount", name="amounts_are_sane"),
        sa.CheckConstraint("refunded >= 0 AND refunded <= amount", name="no_more_refunded_than_paid"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_index("transfers_by_post", "transfers", ["post_id", "id"], unique=False)
    op.create_index("transfers_by_recipient", "transfers", ["recipient_id", "created_at"], unique=False)
    op.create_index("transfers_by_sender_and_post", "transfers", ["sender_id", "post_id"], unique=False)
    op.create_table(
        "user_counters",
        sa.Column("user_id", types.Id(), nullable=False),
        sa.Column("follower_count", types.BigInt, nullable=False),
        sa.Column("following_count", types.BigInt, nullable=False),
        sa.Column("post_count", types.BigInt, nullable=False),
        sa.CheckConstraint(
            "follower_count >= 0 AND following_count >= 0 AND post_count >= 0", name="counts_not_negative"
        ),
        sa.PrimaryKeyConstraint("user_id"),
        sqlite_strict=True,
    )
    op.create_table(
        "users",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("bio", sa.Text(), nullable=True),
        sa.Column("avatar_url", sa.Text(), nullable=True),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("handle"),
        sqlite_strict=True,
    )
    op.create_table(
        "entries",
        sa.Column("account_id", types.Id(), nullable=False),
        sa.Column("version", types.BigInt, nullable=False),
        sa.Column("previous_version", types.BigInt, nullable=True),
        sa.Column("journal_id", types.Id(), nullable=False),
        sa.Column("amount", types.BigInt, nullable=False),
        sa.Column("balance_before", types.BigInt, nullable=False),
        sa.Column("balance_after", types.BigInt, nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.CheckConstraint(
            "(version = 1 AND previous_version IS NULL AND balance_before = 0) OR (version > 1 AND previous_version IS NOT NULL AND previous_version = version - 1)",
            name="versions_without_gaps",
        ),
        sa.CheckConstraint("amount <> 0 AND balance_after = balance_before + amount", name="balance_adds_up"),
        sa.ForeignKeyConstraint(
            ["account_id", "previous_version", "balance_before"],
            ["entries.account_id", "entries.version", "entries.balance_after"],
            name="entry_chain",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"], name="entry_account"),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name="entry_journal"),
        sa.PrimaryKeyConstraint("account_id", "version"),
        sa.UniqueConstraint("account_id", "version", "balance_after", name="entry_balance"),
        sqlite_strict=True,
    )
    op.create_index("entries_by_journal", "entries", ["journal_id"], unique=False)
    op.create_index("entries_by_time", "entries", ["account_id", "created_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("journal_id", types.Id(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", types.Timestamp(), nullable=False),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name="outbox_journal"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_strict=True,
    )
    op.create_table(
        "postings",
        sa.Column("id", types.Id(), nullable=False),
        sa.Column("journal_id", types.Id(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("debit_account_id", types.Id(), nullable=False),
        sa.Column("credit_account_id", types.Id(), nullable=False),
        sa.Column("amount", types.BigInt, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("pending_id", types.Id(), nullable=True),
        sa.CheckConstraint("(phase IN ('SETTLE', 'VOID')) = (pending_id IS NOT NULL)", name="resolving_names_its_hold"),
        sa.CheckConstraint("phase IN ('POST', 'PEND', 'SETTLE', 'VOID')", name="phase_is_known"),
        sa.CheckConstraint("amount > 0", name="amount_positive"),
        sa.CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        sa.ForeignKeyConstraint(
            ["credit_account_id", "currency"], ["accounts.id", "accounts.currency"], name="posting_credit_account"
        ),
        sa.ForeignKeyConstraint(
            ["debit_account_id", "currency"], ["accounts.id", "accounts.currency"], name="posting_debit_account"
        ),
        sa.ForeignKeyConstraint(["journal_id"], ["journals.id"], name="posting_journal"),
        sa.ForeignKeyConstraint(["pending_id"], ["postings.id"], name="posting_pending"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("pending_id", name="hold_resolves_once"),
        sqlite_strict=True,
    )
    op.create_index(
        "holds_by_credit_account",
        "postings",
        ["credit_account_id"],
        unique=False,
        sqlite_where=sa.text("phase = 'PEND'"),
        postgresql_where=sa.text("phase = 'PEND'"),
    )
    op.create_index(
        "holds_by_debit_account",
        "postings",
        ["debit_account_id"],
        unique=False,
        sqlite_where=sa.text("phase = 'PEND'"),
        postgresql_where=sa.text("phase = 'PEND'"),
    )
    op.create_index("postings_by_journal", "postings", ["journal_id"], unique=False)

    _make_append_only()


def _make_append_only() -> None:
    """History is never rewritten: the database itself refuses to change or delete these rows."""
    on_postgresql = op.get_context().dialect.name == "postgresql"
    if on_postgresql:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
        )
    for table in APPEND_ONLY:
        if on_postgresql:
            op.execute(
                f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
                " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
            continue
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def downgrade() -> None:
    raise NotImplementedError("A ledger's tables only go forward: restore a backup instead.")
