"""Wallets: balances and statement lines."""

from datetime import datetime
from typing import Annotated, NamedTuple
from uuid import UUID

from ledger import BalanceRow
from ledger.reads import (
    EntryRow,
    HeldRow,
    balances_of_owners,
    entries_at,
    entries_of_accounts,
    holds_at,
    last_entries,
)
from models.money import Currency, Money
from resolvers.context import Context
from resolvers.ids import Kind, NodeId
from resolvers.pagination import After, First, Listing, Page, window
from resolvers.transfers import TransferRow, transfers_by_id

InCurrency = Annotated[Currency, "In which currency."]
AsOf = Annotated[datetime | None, "At which moment; now if nothing is said."]

Entry = EntryRow
"""A statement line, as the ledger keeps it."""


class WalletRow(NamedTuple):
    """A user's wallet. It needs no row of its own: its accounts are opened as money comes."""

    owner_id: UUID
    left: tuple[BalanceRow, ...] = ()
    """What the request that has just moved money has left in it, as far as that is known."""


class Balance(NamedTuple):
    """A wallet's money in one currency. `available` + `held` is what the wallet owns."""

    available: Money
    held: Money
    pending: Money
    version: int


_entries: Listing[EntryRow] = Listing(
    entries_of_accounts, order=lambda entry: entry.version, parent=lambda entry: entry.account_id, kind=int
)


async def _accounts(ctx: Context, wallets: list[WalletRow]) -> dict[tuple[UUID, Currency], BalanceRow]:
    rows = await ctx.database.fetch(balances_of_owners, keys=[wallet.owner_id for wallet in wallets])
    return {(row.owner_id, row.currency): row for row in rows}


async def balance_of(
    ctx: Context, wallets: list[WalletRow], *, currency: InCurrency = Currency.USD, as_of: AsOf = None
) -> list[Balance]:
    """Each wallet's balance in one currency, now or at a moment; nothing where it never had any."""
    if as_of is not None:
        ctx.reader()  # what was there before is more than what a payment leaves
        return await _balances_at(ctx, wallets, currency, as_of)
    left = [next((row for row in wallet.left if row.currency is currency), None) for wallet in wallets]
    others = [wallet for wallet, row in zip(wallets, left, strict=True) if row is None]
    accounts = await _accounts(ctx, others) if others else {}
    return [
        _balance(row or accounts.get((wallet.owner_id, currency)), currency)
        for wallet, row in zip(wallets, left, strict=True)
    ]


async def _balances_at(ctx: Context, wallets: list[WalletRow], currency: Currency, moment: datetime) -> list[Balance]:
    accounts = await _accounts(ctx, wallets)
    own = [accounts.get((wallet.owner_id, currency)) for wallet in wallets]
    ids = [account.account_id for account in own if account is not None]
    holds = await ctx.database.fetch(holds_at, keys=ids, moment=moment)
    last = await last_entries_at(ctx, [wallet.owner_id for wallet in wallets], currency, moment)
    return [_balance(account and _at(account, last.get(account.owner_id), holds), currency) for account in own]


def _at(account: BalanceRow, last: EntryRow | None, holds: list[HeldRow]) -> BalanceRow:
    held = sum(hold.amount for hold in holds if hold.debit_account_id == account.account_id)
    pending = sum(hold.amount for hold in holds if hold.credit_account_id == account.account_id)
    owned, version = (0, 0) if last is None else (last.balance_after, last.version)
    return account._replace(available=owned - held, held=held, pending=pending, version=version)


async def last_entries_at(
    ctx: Context, owners: list[UUID], currency: Currency, moment: datetime
) -> dict[UUID, EntryRow]:
    """The last statement line of each owner's wallet in a currency, up to and with a moment."""
    rows = await ctx.database.fetch(last_entries, keys=owners, in_currency=currency, moment=moment)
    return {row.owner_id: row for row in rows}


async def balances_of(ctx: Context, wallets: list[WalletRow]) -> list[list[Balance]]:
    """Each wallet's balances in all currencies that it ever had."""
    accounts = await _accounts(ctx, wallets)
    return [
        [
            _balance(row, currency)
            for currency in Currency
            if (row := accounts.get((wallet.owner_id, currency))) and _was_used(row)
        ]
        for wallet in wallets
    ]


async def entries_of(
    ctx: Context,
    wallets: list[WalletRow],
    *,
    currency: InCurrency = Currency.USD,
    first: First = None,
    after: After = None,
) -> list[Page[EntryRow]]:
    """Each wallet's statement lines in one currency, newest first. Needs READ, however the wallet was come by."""
    ctx.reader()
    asked = window(first, after)
    accounts = await _accounts(ctx, wallets)
    own = [accounts.get((wallet.owner_id, currency)) for wallet in wallets]
    ids = [UUID(int=0) if account is None else account.account_id for account in own]
    pages = await _entries.pages(ctx.database, ids, asked)
    return [pages[account_id] for account_id in ids]


async def entries_by_id(ctx: Context, owner_id: UUID, asked: list[NodeId]) -> dict[NodeId, EntryRow]:
    """Those of these statement lines that are of the owner's wallet."""
    rows = await ctx.database.fetch(
        entries_at,
        owner_id=owner_id,
        keys=[node.id for node in asked],
        versions=[node.version for node in asked],
    )
    return {NodeId(Kind.ENTRY, row.account_id, row.version): row for row in rows}


async def transfers_of_entries(ctx: Context, entries: list[EntryRow]) -> list[TransferRow]:
    """What moved the money of each line."""
    transfers = await transfers_by_id(ctx, [entry.journal_id for entry in entries])
    return [transfers[entry.journal_id] for entry in entries]


def _was_used(account: BalanceRow) -> bool:
    # The ledger opens an account before it knows whether the order for it can be posted.
    return bool(account.version or account.held or account.pending)


def _balance(account: BalanceRow | None, currency: Currency) -> Balance:
    if account is None:
        nothing = Money(0, currency)
        return Balance(nothing, nothing, nothing, 0)
    available, held, pending = account.available, account.held, account.pending
    return Balance(Money(available, currency), Money(held, currency), Money(pending, currency), account.version)


def entry_amount(entry: EntryRow) -> Money:
    """What the line did to the balance: negative when money left."""
    return Money(entry.amount, entry.currency)


def entry_balance(entry: EntryRow) -> Money:
    """The balance after the line."""
    return Money(entry.balance_after, entry.currency)
