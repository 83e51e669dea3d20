"""The SQL of the ledger: what a batch reads and writes."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlmodel import SQLModel, col

from models.database import Command, Query, any_of, any_pair_of, columns_of, insert
from models.ledger import Account, AccountCode, Entry, Idempotency, Journal, Posting, Side
from models.limits import LimitUsage
from models.money import Currency


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


class ClaimRow(NamedTuple):
    """What became of an earlier request with the same key."""

    actor_id: UUID
    key: str
    request_hash: bytes
    journal_id: UUID | None
    refusal: str | None
    created_at: datetime


class UsageRow(NamedTuple):
    """How much of a limit is used."""

    owner_id: UUID
    name: str
    currency: Currency
    since: datetime
    used: int


_ACCOUNTS = select(*columns_of(AccountRow, Account))

accounts_of_owners = Query(AccountRow, _ACCOUNTS.where(any_of(Account.owner_id)))

# In the order of ids, so that two batches never wait for each other in a circle. NO KEY UPDATE, because foreign keys
# that point at an account need not wait for its balance.
locked_accounts = Query(
    AccountRow, _ACCOUNTS.where(any_of(Account.id)).order_by(col(Account.id)).with_for_update(key_share=True)
)

open_account = Command(
    insert(Account)
    .values({name: bindparam(name) for name in (*AccountRow._fields, "created_at")})
    .on_conflict_do_nothing(index_elements=["owner_id", "code", "currency", "stripe"])
)

update_account = Command(
    update(Account)
    .where(col(Account.id) == bindparam("account_id"))
    .values(
        {
            name: bindparam(name)
            for name in ("debits_posted", "credits_posted", "debits_pending", "credits_pending", "version")
        }
    )
)

claims = Query(
    ClaimRow, select(*columns_of(ClaimRow, Idempotency)).where(any_pair_of(Idempotency.actor_id, Idempotency.key))
)

usage_of_owners = Query(
    UsageRow,
    select(*columns_of(UsageRow, LimitUsage)).where(
        any_of(LimitUsage.owner_id), col(LimitUsage.since) >= bindparam("since")
    ),
)


def _insert(table: type[SQLModel]) -> Command:
    return Command(insert(table).values({name: bindparam(name) for name in table.model_fields}))


insert_journal = _insert(Journal)
insert_posting = _insert(Posting)
insert_entry = _insert(Entry)
insert_claim = _insert(Idempotency)

_usage = insert(LimitUsage).values({name: bindparam(name) for name in LimitUsage.model_fields})
add_usage = Command(
    _usage.on_conflict_do_update(
        index_elements=["owner_id", "name", "currency", "since"],
        set_={"used": LimitUsage.__table__.c.used + _usage.excluded.used},  # type: ignore[attr-defined]
    )
)
