"""What may be read from the books: balances and statement lines of wallets."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import PageQuery, Query, any_number_of, any_of, columns_of
from models.ledger import Account, AccountCode, Entry
from models.money import Currency


class BalanceRow(NamedTuple):
    """One wallet's money in one currency, in minor units. `available` + `held` is what the wallet owns."""

    account_id: UUID
    owner_id: UUID
    currency: Currency
    available: int
    held: int
    pending: int
    version: int


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
