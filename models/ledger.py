"""The ledger's tables. Only the room `ledger/` reads and writes them; its README explains them.

Journals, postings, entries, idempotency records and seals are append-only: triggers refuse UPDATE
and DELETE on both databases.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.types import BigInt, Id, Timestamp, choice, held_by_trigger, one_of_check, table_args


class AccountCode(StrEnum):
    """What an account is for."""

    WALLET = "WALLET"
    RECEIVABLE = "RECEIVABLE"
    SUSPENSE = "SUSPENSE"
    FEE_INCOME = "FEE_INCOME"
    RAIL_CLEARING = "RAIL_CLEARING"
    PAYOUT_CLEARING = "PAYOUT_CLEARING"
    BANK_CASH = "BANK_CASH"


class Side(StrEnum):
    """The side on which an account's balance grows: what the house owes grows by credits."""

    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class Phase(StrEnum):
    """What a posting does: moves money at once, holds it, or resolves a hold."""

    POST = "POST"
    PEND = "PEND"
    SETTLE = "SETTLE"
    VOID = "VOID"


_HOLDS: Any = {"sqlite_where": text("phase = 'PEND'"), "postgresql_where": text("phase = 'PEND'")}


class Account(SQLModel, table=True):
    """An account: four running sums, from which its balance follows.

    `stripe` splits an account of the house into parallel rows, so that no single row is a lock that everyone waits for.
    `floor` is the least that may be available; null means unbounded.
    """

    __tablename__ = "accounts"
    __table_args__ = table_args(
        UniqueConstraint("owner_id", "code", "currency", "stripe", name="accounts_by_owner"),
        held_by_trigger(UniqueConstraint("id", "currency", name="account_currency")),
        one_of_check("code", AccountCode),
        one_of_check("currency", Currency),
        one_of_check("normal_side", Side),
        CheckConstraint(
            "debits_posted >= 0 AND credits_posted >= 0 AND debits_pending >= 0 AND credits_pending >= 0",
            name="sums_not_negative",
        ),
        CheckConstraint(
            "floor IS NULL"
            " OR (normal_side = 'CREDIT' AND credits_posted - debits_posted - debits_pending >= floor)"
            " OR (normal_side = 'DEBIT' AND debits_posted - credits_posted - credits_pending >= floor)",
            name="available_not_under_floor",
        ),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    owner_id: UUID = Field(sa_type=Id)
    code: AccountCode = Field(sa_type=choice(AccountCode))
    currency: Currency = Field(sa_type=choice(Currency))
    stripe: int = Field(default=0, sa_type=BigInt)
    normal_side: Side = Field(sa_type=choice(Side))
    floor: int | None = Field(default=None, sa_type=BigInt)
    debits_posted: int = Field(default=0, sa_type=BigInt)
    credits_posted: int = Field(default=0, sa_type=BigInt)
    debits_pending: int = Field(default=0, sa_type=BigInt)
    credits_pending: int = Field(default=0, sa_type=BigInt)
    version: int = Field(default=0, sa_type=BigInt)
    """The number of entries so far."""
    created_at: datetime = Field(sa_type=Timestamp)
    revision: int = Field(default=0, sa_type=BigInt, sa_column_kwargs={"server_default": "0"})
    """Another number after each change: who knows it knows whether the row is still as it was read."""


class Journal(SQLModel, table=True):
    """One business event, such as a tip."""

    __tablename__ = "journals"
    __table_args__ = table_args(
        ForeignKeyConstraint(["reverses_id"], ["journals.id"], name="journal_reverses"),
        CheckConstraint("reverses_id <> id", name="not_its_own_reversal"),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: str = Field(sa_type=Text)
    actor_id: UUID = Field(sa_type=Id)
    reverses_id: UUID | None = Field(default=None, sa_type=Id)
    """The journal of which this one takes something back."""
    reference: str | None = Field(default=None, sa_type=Text)
    """What the outside world calls this event, such as a network's reference."""
    created_at: datetime = Field(sa_type=Timestamp)


class Posting(SQLModel, table=True):
    """Money from one account to another. One row names both sides, so it balances by construction."""

    __tablename__ = "postings"
    __table_args__ = table_args(
        held_by_trigger(ForeignKeyConstraint(["journal_id"], ["journals.id"], name="posting_journal")),
        # With the currency in the key, a posting between currencies cannot be written.
        held_by_trigger(
            ForeignKeyConstraint(
                ["debit_account_id", "currency"], ["accounts.id", "accounts.currency"], name="posting_debit_account"
            )
        ),
        held_by_trigger(
            ForeignKeyConstraint(
                ["credit_account_id", "currency"], ["accounts.id", "accounts.currency"], name="posting_credit_account"
            )
        ),
        held_by_trigger(ForeignKeyConstraint(["pending_id"], ["postings.id"], name="posting_pending")),
        UniqueConstraint("pending_id", name="hold_resolves_once"),
        one_of_check("phase", Phase),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        CheckConstraint("(phase IN ('SETTLE', 'VOID')) = (pending_id IS NOT NULL)", name="resolving_names_its_hold"),
        Index("postings_by_journal", "journal_id"),
        # Holds are few beside all postings, so this costs a plain posting nothing.
        Index("holds_by_debit_account", "debit_account_id", **_HOLDS),
        Index("holds_by_credit_account", "credit_account_id", **_HOLDS),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    journal_id: UUID = Field(sa_type=Id)
    phase: Phase = Field(sa_type=choice(Phase))
    debit_account_id: UUID = Field(sa_type=Id)
    credit_account_id: UUID = Field(sa_type=Id)
    amount: int = Field(sa_type=BigInt)
    currency: Currency = Field(sa_type=choice(Currency))
    pending_id: UUID | None = Field(default=None, sa_type=Id)


class Entry(SQLModel, table=True):
    """A line of one account's statement: what one journal did to its balance.

    Each entry names the one before it by version and balance, and the database holds it to that: a lost update is a
    constraint error, and every running balance is proved.
    """

    __tablename__ = "entries"
    __table_args__ = table_args(
        held_by_trigger(UniqueConstraint("account_id", "version", "balance_after", name="entry_balance")),
        held_by_trigger(ForeignKeyConstraint(["account_id"], ["accounts.id"], name="entry_account")),
        held_by_trigger(ForeignKeyConstraint(["journal_id"], ["journals.id"], name="entry_journal")),
        held_by_trigger(
            ForeignKeyConstraint(
                ["account_id", "previous_version", "balance_before"],
                ["entries.account_id", "entries.version", "entries.balance_after"],
                name="entry_chain",
            )
        ),
        CheckConstraint(
            "(version = 1 AND previous_version IS NULL AND balance_before = 0)"
            " OR (version > 1 AND previous_version IS NOT NULL AND previous_version = version - 1)",
            name="versions_without_gaps",
        ),
        CheckConstraint("amount <> 0 AND balance_after = balance_before + amount", name="balance_adds_up"),
        Index("entries_by_journal", "journal_id"),
        Index("entries_by_time", "account_id", "created_at"),
    )

    account_id: UUID = Field(primary_key=True, sa_type=Id)
    version: int = Field(primary_key=True, sa_type=BigInt)
    previous_version: int | None = Field(default=None, sa_type=BigInt)
    journal_id: UUID = Field(sa_type=Id)
    amount: int = Field(sa_type=BigInt)
    balance_before: int = Field(sa_type=BigInt)
    balance_after: int = Field(sa_type=BigInt)
    created_at: datetime = Field(sa_type=Timestamp)


class Idempotency(SQLModel, table=True):
    """What became of a request: its journal, or its refusal. Kept for ever."""

    __tablename__ = "idempotency"
    __table_args__ = table_args(
        CheckConstraint("(journal_id IS NULL) <> (refusal IS NULL)", name="posted_or_refused"),
        Index("idempotency_by_time", "created_at"),
    )

    actor_id: UUID = Field(primary_key=True, sa_type=Id)
    key: str = Field(primary_key=True, sa_type=Text)
    request_hash: bytes = Field(sa_type=LargeBinary)
    journal_id: UUID | None = Field(default=None, sa_type=Id)
    refusal: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)


class Outbox(SQLModel, table=True):
    """What must leave the process once the journal stands: written in its transaction, delivered after it."""

    __tablename__ = "outbox"
    __table_args__ = table_args(ForeignKeyConstraint(["journal_id"], ["journals.id"], name="outbox_journal"))

    id: UUID = Field(primary_key=True, sa_type=Id)
    journal_id: UUID = Field(sa_type=Id)
    topic: str = Field(sa_type=Text)
    payload: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)


class Seal(SQLModel, table=True):
    """A block of the books, closed by a hash over all that belongs to it and over the block before.

    A block holds what the block before it does not, up to the moment `until`: journals and accounts by their ids,
    refused requests by their time. `marks` has the first bytes of each one's own hash, which tell what has changed.
    """

    __tablename__ = "seals"
    __table_args__ = table_args(
        CheckConstraint("number > 0 AND journal_count > 0", name="a_block_holds_something"),
    )

    number: int = Field(primary_key=True, sa_type=BigInt)
    until: datetime = Field(sa_type=Timestamp)
    last_journal_id: UUID = Field(sa_type=Id)
    journal_count: int = Field(sa_type=BigInt)
    posting_count: int = Field(sa_type=BigInt)
    marks: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(sa_type=Timestamp)
