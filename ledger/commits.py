"""What a commit reads and writes: the way between the books as the ledger knows them and the database."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from ledger import statements as sql
from ledger.balances import FLOORS, SIDES
from ledger.batch import Batch
from ledger.books import Books, Unknown, names_of
from ledger.orders import AccountName, Draw, Order
from models.database import Ask, Command, Database, Guard, Others, RowsCommand, RowSet, Transaction
from models.database.rows import steps
from models.database.statements import Params
from models.ids import new_id
from models.ledger import AccountCode
from models.types import EPOCH


class Changes(NamedTuple):
    """The rows that a batch writes: sets that go together, and the rest."""

    sets: list[RowSet]
    others: list[Others]


async def acquaint(database: Database, books: Books, orders: Sequence[Order]) -> None:
    """Reads what the books do not know of these orders, and opens accounts that do not exist. Locks nothing."""
    names = books.unknown_accounts(orders)
    drawing = books.unknown_usage(orders, names)
    if not names and not drawing:
        return
    await _learn(database, books, names, drawing)
    missing = sorted(name for name in names if name not in books.ids)
    if missing:
        async with database.transaction() as transaction:
            await transaction.run_many(sql.open_account, [_new_account(name) for name in missing])
        await _learn(database, books, missing, drawing)


async def _learn(database: Database, books: Books, names: Iterable[AccountName], drawing: Unknown) -> None:
    # In one trip, and the accounts first: use of a limit that came in between shows in the account's revision.
    since = min(drawing.values(), default=EPOCH)
    accounts, usage = await database.ask(
        [
            Ask(sql.accounts_of_owners, {"keys": _owners(names)}),
            Ask(sql.usage_of_owners, {"keys": list(drawing), "since": since}),
        ]
    )
    books.learn_accounts(accounts)
    books.learn_usage(drawing, since, usage)


async def read_locked(transaction: Transaction, orders: Sequence[Order], ids: Mapping[AccountName, UUID]) -> Books:
    """The books of these orders. They stay true until the transaction ends: nobody else changes them."""
    books = Books()
    hold_ids = [resolution.hold_id for order in orders for resolution in order.resolutions]
    names = [name for order in orders for line in order.lines for name in names_of(line)]
    account_ids = {ids[name] for name in names}
    owners = _owners_of_wallets(names)
    if hold_ids:
        held = await transaction.fetch(sql.holds, keys=hold_ids)
        held_ids = {account_id for hold in held for account_id in (hold.debit_account_id, hold.credit_account_id)}
        account_ids |= held_ids
        # What a hold brings into a wallet pays what its owner owes, as all else does.
        owners |= {row.owner_id for row in await transaction.fetch(sql.owners_of_wallets, keys=list(held_ids))}
    accounts = await transaction.fetch(sql.locked_accounts, keys=list(account_ids), owners=list(owners))
    books.learn_accounts(accounts)
    # After the lock. An order's actor owns an account that it touches, so nobody takes its key meanwhile; and whoever
    # resolves a hold locks its accounts.
    pairs = {"pair_ids": [order.actor_id for order in orders], "pair_texts": [order.key for order in orders]}
    books.learn_claims(await transaction.fetch(sql.claims, **pairs))
    if hold_ids:
        books.learn_holds(await transaction.fetch(sql.holds, keys=hold_ids))
    drawing = books.unknown_usage(orders)
    if drawing:
        since = min(drawing.values())
        usage = await transaction.fetch(sql.usage_of_owners, keys=list(drawing), since=since)
        books.learn_usage(drawing, since, usage)
    return books


def guard_of(books: Books, orders: Sequence[Order]) -> Guard:
    """What must still hold when what is made of these orders is written: their accounts are as they are known.

    It covers the limits too, because all orders that draw on one limit change an account in common: the spender's, or
    that of who gives back.
    """
    revisions = books.touched(orders)
    owners = _owners_of_wallets(name for order in orders for line in order.lines for name in names_of(line))
    return Guard(sql.locked_revisions, {"keys": list(revisions), "owners": list(owners)}, revisions)


def changes_of(batch: Batch) -> Changes:
    """The rows that the batch writes, in one order for all processes.

    That is the order in which the commands were made, and within one that of what the rows begin with, their key; sets
    of rows see to that themselves.
    """
    sets: list[RowSet] = [
        (sql.insert_journals, batch.journals),
        (sql.insert_postings, batch.postings),
        (sql.insert_entries, batch.entries),
        (sql.update_accounts, [sql.SumsRow(balance.account.id, *balance.sums()) for balance in batch.changed()]),
        (sql.insert_claims, batch.claims),
        (sql.add_usage, [_used(draw) for draw in batch.draws if draw.amount >= 0]),
        (sql.insert_messages, batch.messages),
    ]
    rows: dict[RowsCommand, list[tuple[Any, ...]]] = {}
    # A row of less than nothing would break the table's rule before it is added to another.
    single: list[tuple[Command, Params]] = [(sql.give_back, _back(draw)) for draw in batch.draws if draw.amount < 0]
    for command, params in batch.writes:
        if isinstance(command, RowsCommand):
            rows.setdefault(command, []).append(params if isinstance(params, tuple) else command.row(params))
        else:
            assert not isinstance(params, tuple), "a single row is given by its parameters' names"
            single.append((command, params))
    sets.extend(sorted(rows.items(), key=lambda item: item[0].number))
    in_order = groupby(sorted(single, key=_place), key=itemgetter(0))
    return Changes(
        [(command, values) for command, values in sets if values],
        [(command, [params for _, params in writes]) for command, writes in in_order],
    )


async def write(transaction: Transaction, changes: Changes) -> None:
    """Writes the rows in a transaction that is open."""
    for command, params in steps(changes.sets):
        await transaction.run(command, **params)
    for other, rows in changes.others:
        await transaction.run_many(other, rows)


def _owners(names: Iterable[AccountName]) -> list[UUID]:
    return list({name.owner_id for name in names})


def _owners_of_wallets(names: Iterable[AccountName]) -> set[UUID]:
    return {name.owner_id for name in names if name.code is AccountCode.WALLET}


def _place(write: tuple[Command, Params]) -> tuple[int, str]:
    command, params = write
    return command.number, str(next(iter(params.values())))


def _new_account(name: AccountName) -> dict[str, object]:
    return {
        "id": new_id(),
        **name._asdict(),
        "normal_side": SIDES[name.code],
        "floor": FLOORS.get(name.code),
        "debits_posted": 0,
        "credits_posted": 0,
        "debits_pending": 0,
        "credits_pending": 0,
        "version": 0,
        "revision": 0,
        "created_at": datetime.now(UTC),
    }


def _back(draw: Draw) -> Params:
    return {
        "owner": draw.owner_id,
        "limit_name": draw.name,
        "in_currency": draw.currency,
        "in_bucket": draw.since,
        "back": -draw.amount,
    }


def _used(draw: Draw) -> sql.UsageRow:
    return sql.UsageRow(draw.owner_id, draw.name, draw.currency, draw.since, draw.amount)
