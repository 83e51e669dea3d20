"""What a sealed block holds, in one form of bytes, the same on both databases.

Each value is a letter (n nothing, i integer, t text, b bytes), the length of what follows, a colon and the value.
Moments are integers of microseconds since 1970, ids are bytes. A row is the name of its table and its columns. An item
is a journal with its postings, its entries and its request, an account as it was opened, or a request that was refused;
its hash is the SHA-256 of its rows, sorted.

What is read is hashed a page at a time in a thread, so that whatever else the process does goes on meanwhile.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID
from sqlalchemy import Integer, Select, bindparam, collate, select, tuple_, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import SQLModel, col

from models.database import Database, Query, columns_of
from models.database.statements import DialectName
from models.ledger import Account, Entry, Idempotency, Journal, Posting
from models.types import EPOCH, MICROSECOND, Id

PAGE = 100
MILLISECOND = timedelta(milliseconds=1)


class Item(NamedTuple):
    """Something in a block: its name for people, its hash, and the journal's id and number of postings if it is one."""

    name: str
    hash: bytes
    journal_id: UUID | None = None
    posting_count: int = 0


async def items(database: Database, since: datetime, until: datetime) -> AsyncIterator[Item]:
    """All that a block from `since` until `until` holds, always in the same order, read a page at a time."""
    for kind in (_journals_within, _accounts_within, _refusals_within):
        async for item in kind(database, since, until):
            yield item


def first_id(moment: datetime) -> UUID:
    """The least id of a moment."""
    return UUID(int=max(0, (moment - EPOCH) // MILLISECOND) << 80)


def moment_of(key: UUID) -> datetime:
    """The millisecond in which an id was made."""
    return EPOCH + (key.int >> 80) * MILLISECOND


def encoded(values: Sequence[Any]) -> bytes:
    """Values in the form that is hashed."""
    return b"".join([_ENCODED[type(value)](value) for value in values])


# Rows: their columns are written down here, so that the form stays whatever the tables come to have.


class _JournalRow(NamedTuple):
    id: Any
    kind: Any
    actor_id: Any
    reverses_id: Any
    reference: Any
    created_at: Any


class _PostingRow(NamedTuple):
    journal_id: Any
    id: Any
    phase: Any
    debit_account_id: Any
    credit_account_id: Any
    amount: Any
    currency: Any
    pending_id: Any


class _EntryRow(NamedTuple):
    journal_id: Any
    account_id: Any
    version: Any
    previous_version: Any
    amount: Any
    balance_before: Any
    balance_after: Any
    created_at: Any


class _RequestRow(NamedTuple):
    journal_id: Any
    actor_id: Any
    key: Any
    request_hash: Any
    refusal: Any
    created_at: Any


class _AccountRow(NamedTuple):
    id: Any
    owner_id: Any
    code: Any
    currency: Any
    stripe: Any
    normal_side: Any
    floor: Any
    created_at: Any


SEALED: dict[type[SQLModel], type[tuple[Any, ...]]] = {
    Journal: _JournalRow,
    Posting: _PostingRow,
    Entry: _EntryRow,
    Idempotency: _RequestRow,
    Account: _AccountRow,
}
"""Which columns of which table are sealed. The sums of an account change; they follow from its postings."""


def _rows_of(table: type[SQLModel]) -> Select[Any]:
    # As the driver gives them: what was altered may be no value of its column's type any more.
    columns: list[Any] = columns_of(SEALED[table], table)
    raw: list[Any] = [type_coerce(column, NullType()).label(column.key) for column in columns]
    return select(*raw)


def _by_id(table: Any) -> Select[Any]:
    within = (col(table.id) >= bindparam("first", type_=Id()), col(table.id) < bindparam("bound", type_=Id()))
    return _rows_of(table).where(*within).order_by(col(table.id)).limit(bindparam("most", type_=Integer()))


def _of_journals(table: Any) -> Select[Any]:
    first, last = bindparam("first", type_=Id()), bindparam("last", type_=Id())
    return _rows_of(table).where(col(table.journal_id) >= first, col(table.journal_id) <= last)


_request_time = type_coerce(col(Idempotency.created_at), NullType())
_journals = Query(_JournalRow, _by_id(Journal))
_accounts = Query(_AccountRow, _by_id(Account))
_postings = Query(_PostingRow, _of_journals(Posting))
_entries = Query(_EntryRow, _of_journals(Entry))
_requests = Query(
    _RequestRow,
    # A request is of the same moment as its journal, and it is found by the index on that.
    _of_journals(Idempotency).where(_request_time >= bindparam("since"), _request_time <= bindparam("until")),
)


def _refused(dialect: DialectName) -> Select[Any]:
    # The same order whatever language the database sorts its texts in.
    key = collate(col(Idempotency.key), "C" if dialect == "postgresql" else "BINARY")
    after: Any = tuple_(bindparam("at"), bindparam("actor", type_=Id()), bindparam("key"))
    return (
        _rows_of(Idempotency)
        .where(col(Idempotency.journal_id).is_(None))
        .where(_request_time >= bindparam("at"), col(Idempotency.created_at) < bindparam("until"))
        .where(tuple_(_request_time, col(Idempotency.actor_id), key) > after)
        .order_by(col(Idempotency.created_at), col(Idempotency.actor_id), key)
        .limit(bindparam("most", type_=Integer()))
    )


_refusals = Query(_RequestRow, _refused)


async def _journals_within(database: Database, since: datetime, until: datetime) -> AsyncIterator[Item]:
    first, bound = first_id(since), first_id(until)
    while journals := await database.fetch(_journals, first=first, bound=bound, most=PAGE):
        page = {"first": UUID(bytes=_bytes(journals[0].id)), "last": UUID(bytes=_bytes(journals[-1].id))}
        times = [journal.created_at for journal in journals]
        postings = await database.fetch(_postings, **page)
        entries = await database.fetch(_entries, **page)
        requests = await database.fetch(_requests, **page, since=min(times), until=max(times))
        for item in await asyncio.to_thread(_journal_items, journals, postings, entries, requests):
            yield item
        first = UUID(int=page["last"].int + 1)


def _journal_items(
    journals: Sequence[_JournalRow],
    postings: Sequence[_PostingRow],
    entries: Sequence[_EntryRow],
    requests: Sequence[_RequestRow],
) -> list[Item]:
    rows = {_bytes(journal.id): [encoded(("journals", *journal))] for journal in journals}
    of: Sequence[tuple[str, Sequence[Any]]] = ("postings", postings), ("entries", entries), ("idempotency", requests)
    for table, found in of:
        for row in found:
            if (journal := rows.get(_bytes(row.journal_id))) is not None:  # one that is gone shows by itself
                journal.append(encoded((table, *row)))
    counts = Counter(_bytes(posting.journal_id) for posting in postings)
    return [
        Item(f"journal {(journal_id := UUID(bytes=key))}", _hash(hashed), journal_id, counts[key])
        for key, hashed in rows.items()
    ]


async def _accounts_within(database: Database, since: datetime, until: datetime) -> AsyncIterator[Item]:
    first, bound = first_id(since), first_id(until)
    while accounts := await database.fetch(_accounts, first=first, bound=bound, most=PAGE):
        for item in await asyncio.to_thread(_account_items, accounts):
            yield item
        first = UUID(int=int.from_bytes(_bytes(accounts[-1].id)) + 1)


def _account_items(accounts: Sequence[_AccountRow]) -> list[Item]:
    return [
        Item(f"account {UUID(bytes=_bytes(account.id))}", _hash([encoded(("accounts", *account))]))
        for account in accounts
    ]


async def _refusals_within(database: Database, since: datetime, until: datetime) -> AsyncIterator[Item]:
    at: Any = _microseconds(since) if database.dialect == "sqlite" else since
    actor, key = UUID(int=0), ""
    while refusals := await database.fetch(_refusals, at=at, actor=actor, key=key, until=until, most=PAGE):
        for item in await asyncio.to_thread(_refusal_items, refusals):
            yield item
        at, key = refusals[-1].created_at, refusals[-1].key
        actor = UUID(bytes=_bytes(refusals[-1].actor_id))


def _refusal_items(refusals: Sequence[_RequestRow]) -> list[Item]:
    return [
        Item(
            f"request {refusal.key!r} of {UUID(bytes=_bytes(refusal.actor_id))}",
            _hash([encoded(("idempotency", *refusal))]),
        )
        for refusal in refusals
    ]


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _integer(value: int) -> bytes:
    text = b"%d" % value
    return b"i%d:%b" % (len(text), text)


def _text(value: str) -> bytes:
    text = value.encode()
    return b"t%d:%b" % (len(text), text)


def _binary(value: bytes) -> bytes:
    return b"b%d:%b" % (len(value), value)


_ENCODED: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"n0:",
    int: _integer,
    str: _text,
    bytes: _binary,
    UUID: lambda value: _binary(value.bytes),
    FastUUID: lambda value: _binary(value.bytes),
    datetime: lambda value: _integer(_microseconds(value)),
}


def _bytes(key: Any) -> bytes:
    """An id, as whichever driver gave it."""
    return key if isinstance(key, bytes) else bytes(key.bytes)


def _hash(rows: list[bytes]) -> bytes:
    return hashlib.sha256(b"".join(sorted(rows))).digest()
