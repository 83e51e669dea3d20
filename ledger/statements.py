"""The SQL of the ledger: what a batch reads and writes."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, literal_column, or_, select, union_all, update
from sqlmodel import col

from models.database import (
    Command,
    Query,
    RevisionRow,
    add_to_rows,
    any_of,
    any_pair_of,
    columns_of,
    insert,
    insert_rows,
    update_rows,
)
from models.freezes import Freeze
from models.ledger import Account, AccountCode, Entry, Idempotency, Journal, Outbox, Phase, Posting, Side
from models.limits import LimitUsage
from models.money import Currency
from models.types import Id


class AccountRow(NamedTuple):
    """An account as a batch reads it, locked."""

    id: UUID
    owner_id: UUID
    code: AccountCode
    currency: Currency
    stripe: int
    normal_side: Side
    floor: int | None
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    version: int
    revision: int


class _HeldRow(NamedTuple):
    id: UUID
    debit_account_id: UUID
    credit_account_id: UUID
    amount: int
    currency: Currency


class HoldRow(NamedTuple):
    """A hold, and whether it stands no more."""

    id: UUID
    debit_account_id: UUID
    credit_account_id: UUID
    amount: int
    currency: Currency
    resolved: bool


class ClaimRow(NamedTuple):
    """What became of an earlier request with the same key."""

    actor_id: UUID
    key: str
    request_hash: bytes
    journal_id: UUID | None
    refusal: str | None
    created_at: datetime


class OwnerRow(NamedTuple):
    """Whose wallet it is."""

    owner_id: UUID


class UsageRow(NamedTuple):
    """How much of a limit is used. One by the name of FROZEN says that its owner is frozen."""

    owner_id: UUID
    name: str
    currency: Currency
    since: datetime
    used: int


class JournalRow(NamedTuple):
    """A journal as a batch writes it."""

    id: UUID
    kind: str
    actor_id: UUID
    reverses_id: UUID | None
    reference: str | None
    created_at: datetime


class PostingRow(NamedTuple):
    """A posting as a batch writes it."""

    id: UUID
    journal_id: UUID
    phase: Phase
    debit_account_id: UUID
    credit_account_id: UUID
    amount: int
    currency: Currency
    pending_id: UUID | None


class EntryRow(NamedTuple):
    """An entry as a batch writes it."""

    account_id: UUID
    version: int
    previous_version: int | None
    journal_id: UUID
    amount: int
    balance_before: int
    balance_after: int
    created_at: datetime


class SumsRow(NamedTuple):
    """What a batch changes of an account."""

    id: UUID
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    version: int
    revision: int


class MessageRow(NamedTuple):
    """A message as a batch writes it."""

    id: UUID
    journal_id: UUID
    topic: str
    payload: str
    created_at: datetime


_resolving = Posting.__table__.alias("resolving")  # type: ignore[attr-defined]
_ACCOUNTS = select(*columns_of(AccountRow, Account))

accounts_of_owners = Query(AccountRow, _ACCOUNTS.where(any_of(Account.owner_id)))

owners_of_wallets = Query(
    OwnerRow,
    select(col(Account.owner_id)).where(any_of(Account.id), col(Account.code) == AccountCode.WALLET),
)

# In the order of ids, so that two batches never wait for each other in a circle. NO KEY UPDATE, because no key changes.
_receivable = and_(any_of(Account.owner_id, "owners"), col(Account.code) == AccountCode.RECEIVABLE)


def _locked(columns: Select[Any]) -> Select[Any]:
    return columns.where(or_(any_of(Account.id), _receivable)).order_by(col(Account.id)).with_for_update(key_share=True)


locked_accounts = Query(AccountRow, _locked(_ACCOUNTS))
"""The accounts with these ids, and what these owners owe."""

locked_revisions = Query(RevisionRow, _locked(select(*columns_of(RevisionRow, Account))))
"""The revisions of the same accounts."""

change_revisions = Command(
    update(Account)
    .where(col(Account.owner_id) == bindparam("owner", type_=Id()))
    .values(revision=bindparam("another_revision"))
)

open_account = Command(
    insert(Account)
    .values({name: bindparam(name) for name in (*AccountRow._fields, "created_at")})
    .on_conflict_do_nothing(index_elements=["owner_id", "code", "currency", "stripe"])
)

claims = Query(
    ClaimRow, select(*columns_of(ClaimRow, Idempotency)).where(any_pair_of(Idempotency.actor_id, Idempotency.key))
)

FROZEN = "FROZEN"

# Freezes come with it, so that looking for them costs nobody a trip.
usage_of_owners = Query(
    UsageRow,
    union_all(
        select(*columns_of(UsageRow, LimitUsage)).where(
            any_of(LimitUsage.owner_id), col(LimitUsage.since) >= bindparam("since")
        ),
        select(
            col(Freeze.subject_id),
            literal_column(f"'{FROZEN}'"),
            literal_column(f"'{Currency.USD}'"),
            col(Freeze.frozen_at),
            literal_column("1"),
        ).where(any_of(Freeze.subject_id), col(Freeze.thawed_at).is_(None)),
    ),
)


holds = Query(
    HoldRow,
    select(
        *columns_of(_HeldRow, Posting), exists().where(_resolving.c.pending_id == col(Posting.id)).label("resolved")
    ).where(any_of(Posting.id), col(Posting.phase) == Phase.PEND),
)

insert_journals = insert_rows(Journal, JournalRow)
insert_postings = insert_rows(Posting, PostingRow)
insert_entries = insert_rows(Entry, EntryRow)
insert_claims = insert_rows(Idempotency, ClaimRow)
insert_messages = insert_rows(Outbox, MessageRow)
update_accounts = update_rows(Account, key="id", changes=SumsRow._fields[1:])
give_back = Command(
    update(LimitUsage)
    .where(
        col(LimitUsage.owner_id) == bindparam("owner", type_=Id()),
        col(LimitUsage.name) == bindparam("limit_name"),
        col(LimitUsage.currency) == bindparam("in_currency"),
        col(LimitUsage.since) == bindparam("in_bucket"),
    )
    .values(used=col(LimitUsage.used) - bindparam("back"))
)
add_usage = add_to_rows(LimitUsage, key=UsageRow._fields[:-1], add=UsageRow._fields[-1:])
