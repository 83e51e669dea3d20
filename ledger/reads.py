"""What may be read from the books: balances and statement lines of wallets."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, exists, or_, select
from sqlmodel import col

from ledger.orders import BalanceRow
from models.database import PageQuery, Query, any_number_of, any_of, columns_of
from models.ledger import Account, AccountCode, Entry, Journal, Phase, Posting
from models.money import Currency


class EntryRow(NamedTuple):
    """A statement line of a wallet."""

    account_id: UUID
    version: int
    owner_id: UUID
    currency: Currency
    amount: int
    balance_after: int
    journal_id: UUID
    created_at: datetime


balances_of_owners = Query(
    BalanceRow,
    select(
        col(Account.id),
        col(Account.owner_id),
        col(Account.currency),
        (col(Account.credits_posted) - col(Account.debits_posted) - col(Account.debits_pending)).label("available"),
        col(Account.debits_pending),
        col(Account.credits_pending),
        col(Account.version),
    ).where(any_of(Account.owner_id), col(Account.code) == AccountCode.WALLET),
)

_ENTRY = columns_of(EntryRow, Entry, Account)

_at = Entry.__table__.alias("at")  # type: ignore[attr-defined]
_latest = (
    select(_at.c.version)
    .where(_at.c.account_id == col(Account.id), _at.c.created_at <= bindparam("moment"))
    .order_by(_at.c.created_at.desc(), _at.c.version.desc())
    .limit(1)
    .correlate(Account.__table__)  # type: ignore[attr-defined]
    .scalar_subquery()
)

last_entries = Query(
    EntryRow,
    select(*_ENTRY)
    .select_from(Account)
    .join(Entry, and_(col(Entry.account_id) == Account.id, col(Entry.version) == _latest))
    .where(
        any_of(Account.owner_id),
        col(Account.currency) == bindparam("in_currency"),
        col(Account.code) == AccountCode.WALLET,
    ),
)
"""The last line of each owner's wallet in a currency at a moment."""


class HeldRow(NamedTuple):
    """A hold that stood at some moment: money set aside in one account for another."""

    debit_account_id: UUID
    credit_account_id: UUID
    amount: int


_resolving = Posting.__table__.alias("resolving")  # type: ignore[attr-defined]
_resolved = Journal.__table__.alias("resolved")  # type: ignore[attr-defined]

holds_at = Query(
    HeldRow,
    select(*columns_of(HeldRow, Posting))
    .join(Journal, col(Journal.id) == Posting.journal_id)
    .where(
        or_(any_of(Posting.debit_account_id), any_of(Posting.credit_account_id)),
        col(Posting.phase) == Phase.PEND,
        col(Journal.created_at) <= bindparam("moment"),
        ~exists().where(
            _resolving.c.pending_id == col(Posting.id),
            _resolved.c.id == _resolving.c.journal_id,
            _resolved.c.created_at <= bindparam("moment"),
        ),
    ),
)
"""The holds that stood at a moment on these accounts."""

entries_of_accounts = PageQuery(
    EntryRow,
    _ENTRY,
    parent=Entry.account_id,
    order=Entry.version,
    joins=[(Account, col(Account.id) == Entry.account_id)],
)

entries_at = Query(
    EntryRow,
    select(*_ENTRY)
    .join(Account, col(Account.id) == Entry.account_id)
    .where(
        any_of(Entry.account_id),
        any_number_of(Entry.version, "versions"),
        col(Account.owner_id) == bindparam("owner_id"),
        col(Account.code) == AccountCode.WALLET,
    ),
)
"""Lines of one owner's wallet, of these accounts and with these versions."""
