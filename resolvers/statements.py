"""Statements: a wallet's lines between two moments, with the balances before and after."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from ledger.reads import EntryRow, entries_of_accounts
from models.money import Currency, Money
from models.types import MICROSECOND
from resolvers.context import Context
from resolvers.errors import BadInputError
from resolvers.transfers import TransferRow, transfers_by_id
from resolvers.users import UserRow, users_by_id
from resolvers.wallets import InCurrency, WalletRow, last_entries_at

CSV_PATH, PDF_PATH = "/statement.csv", "/statement.pdf"
PAGE = 500

_FIRST_MOMENT = datetime(1, 1, 2, tzinfo=UTC)

From = Annotated[datetime, "From when: what happened at this moment counts in."]
To = Annotated[datetime, "Until when: what happened at this moment does not count in."]


class Statement(NamedTuple):
    """What a wallet owned before and after a time, and how many lines lie between."""

    opening: Money
    closing: Money
    entry_count: int
    csv_url: str
    pdf_url: str


class StatementLine(NamedTuple):
    """A line with all that a person wants to read of it. `other` is whom the money went to or came from."""

    entry: EntryRow
    transfer: TransferRow
    other: UserRow | None


class _Span(NamedTuple):
    account_id: UUID | None
    opening: int
    closing: int
    after_version: int
    last_version: int


async def statements_of(
    ctx: Context, wallets: list[WalletRow], *, from_: From, to: To, currency: InCurrency = Currency.USD
) -> list[Statement]:
    """Each wallet's statement in one currency. Raises BadInputError for a time that ends before it begins.

    Needs READ, however the wallet was come by.
    """
    ctx.reader()
    owners = [wallet.owner_id for wallet in wallets]
    spans = await _spans(ctx, owners, currency, from_, to)
    query = urlencode({"currency": currency, "from": from_.isoformat(), "to": to.isoformat()})
    return [
        Statement(
            Money(span.opening, currency),
            Money(span.closing, currency),
            span.last_version - span.after_version,
            f"{ctx.base_url}{CSV_PATH}?{query}",
            f"{ctx.base_url}{PDF_PATH}?{query}",
        )
        for span in spans
    ]


async def lines(
    ctx: Context, owner_id: UUID, currency: Currency, from_: datetime, to: datetime
) -> AsyncGenerator[StatementLine]:
    """The lines of one wallet's statement, oldest first, read a page at a time. Raises BadInputError."""
    [span] = await _spans(ctx, [owner_id], currency, from_, to)
    after = span.after_version
    while span.account_id is not None and after < span.last_version:
        entries = await ctx.database.fetch(
            entries_of_accounts.oldest, keys=[span.account_id], lower=after, upper=span.last_version + 1, limit=PAGE
        )
        for line in await _with_transfers(ctx, owner_id, entries):
            yield line
        after = entries[-1].version


async def _with_transfers(ctx: Context, owner_id: UUID, entries: list[EntryRow]) -> list[StatementLine]:
    transfers = await transfers_by_id(ctx, [entry.journal_id for entry in entries])
    others = {key: _other(transfer, owner_id) for key, transfer in transfers.items()}
    users = await users_by_id(ctx, [other for other in others.values() if other is not None])
    return [_line(entry, transfers[entry.journal_id], others[entry.journal_id], users) for entry in entries]


def _line(entry: EntryRow, transfer: TransferRow, other_id: UUID | None, users: dict[UUID, UserRow]) -> StatementLine:
    return StatementLine(entry, transfer, None if other_id is None else users.get(other_id))


def _other(transfer: TransferRow, owner_id: UUID) -> UUID | None:
    return transfer.recipient_id if transfer.sender_id == owner_id else transfer.sender_id


async def _spans(ctx: Context, owners: list[UUID], currency: Currency, from_: datetime, to: datetime) -> list[_Span]:
    if to < from_:
        raise BadInputError("A statement cannot end before it begins.")
    before = await last_entries_at(ctx, owners, currency, _just_before(from_))
    within = await last_entries_at(ctx, owners, currency, _just_before(to))
    return [_span(before.get(owner), within.get(owner)) for owner in owners]


def _just_before(moment: datetime) -> datetime:
    return max(moment, _FIRST_MOMENT) - MICROSECOND


def _span(before: EntryRow | None, last: EntryRow | None) -> _Span:
    opening, after = (0, 0) if before is None else (before.balance_after, before.version)
    if last is None:
        return _Span(None, 0, 0, 0, 0)
    return _Span(last.account_id, opening, last.balance_after, after, last.version)
