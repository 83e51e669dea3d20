"""Group commit: what arrives while a commit is in flight is posted in the next one, each order with its own answer."""

import asyncio
import random
from collections import ChainMap, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from ledger import statements as sql
from ledger.balances import FLOORS, SIDES
from ledger.batch import Batch, Books, Outcome, answer
from ledger.orders import AccountName, BusyError, Draw, Line, Order, Receipt, Write
from models.database import ContentionError, Database, RowsCommand, Transaction, UnavailableError, UniqueError
from models.database.rows import RowSet, steps
from models.ids import HOUSE, new_id
from models.ledger import AccountCode

MAX_BATCH = 256
MAX_WAITING = 4096
ATTEMPTS = 8
STRIPES = 16


class _Waiting(NamedTuple):
    order: Order
    answer: asyncio.Future[Receipt]


class Ledger:
    """The books. Start it before the first order, stop it after the last."""

    def __init__(self, database: Database, *, largest_batch: int = MAX_BATCH) -> None:
        self._database = database
        self._largest_batch = largest_batch
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._account_ids: dict[AccountName, UUID] = {}
        # Each process works on its own stripe of the house's accounts, so that processes do not wait for each other.
        self._stripe = random.randrange(STRIPES)
        self._stopping = False
        self._posting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to post what is submitted."""
        self._posting = asyncio.create_task(self._post_batches(), name="ledger")

    async def stop(self) -> None:
        """Refuses new orders, answers those that wait, then returns."""
        self._stopping = True
        self._arrived.set()
        if self._posting is not None:
            await self._posting

    async def submit(self, order: Order) -> Receipt:
        """Posts the order with all its writes, or nothing of it.

        Raises RefusalError (kept under the key), IdempotencyConflictError, StaleError, BusyError, the DatabaseError of
        a write that came with the order, or ValueError if the order posts nothing. If the caller goes away the order is
        still posted; its key finds it again.
        """
        if self._stopping or len(self._waiting) >= MAX_WAITING:
            raise BusyError("The ledger is busy.")
        waiting = _Waiting(order, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._arrived.set()
        return await waiting.answer

    async def recall(self, actor_id: UUID, key: str, request_hash: bytes) -> Receipt | None:
        """What the key stands for already, or None. Raises as `submit` did then, or IdempotencyConflictError."""
        claim = await self._database.first(sql.claims, pair_ids=[actor_id], pair_texts=[key])
        if claim is None:
            return None
        outcome = answer(claim, request_hash)
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    async def _post_batches(self) -> None:
        while True:
            await self._arrived.wait()
            while self._waiting:
                size = min(self._largest_batch, len(self._waiting))
                await self._answer([self._waiting.popleft() for _ in range(size)])
            if self._stopping:
                return
            self._arrived.clear()

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = await self._commit_until_done([waiting.order for waiting in batch])
        except UnavailableError as error:  # nobody's fault; whoever tries again finds by the key what became of it
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            if len(batch) > 1:  # one order is at fault: it must not take the others with it
                for waiting in batch:
                    await self._answer([waiting])
                return
            outcomes = [error]
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _settle(waiting.answer, outcome)

    async def _commit_until_done(self, orders: Sequence[Order]) -> list[Outcome]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._commit(orders)
            except (ContentionError, UniqueError):  # another process was first with a lock, a key or an account
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.002 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    async def _commit(self, orders: Sequence[Order]) -> list[Outcome]:
        orders = [_striped(order, self._stripe) for order in orders]
        async with self._database.transaction() as transaction:
            opened = await self._open(transaction, orders)
            ids = ChainMap(opened, self._account_ids) if opened else self._account_ids
            batch = Batch(await _read(transaction, orders, ids), datetime.now(UTC))
            outcomes = [batch.add(order) for order in orders]
            await _write(transaction, batch)
        self._account_ids.update(opened)  # only now is it certain that they stand
        return outcomes

    async def _open(self, transaction: Transaction, orders: Sequence[Order]) -> dict[AccountName, UUID]:
        """Finds the accounts that are not known yet, and opens those that do not exist."""
        names = {name for order in orders for line in order.lines for name in _accounts_of(line)}
        unknown = sorted(names.difference(self._account_ids))
        if not unknown:
            return {}
        opened = await _found(transaction, unknown)
        missing = [name for name in unknown if name not in opened]
        if missing:
            await transaction.run_many(sql.open_account, [_new_account(name) for name in missing])
            opened |= await _found(transaction, missing)
        return opened


async def _found(transaction: Transaction, names: Sequence[AccountName]) -> dict[AccountName, UUID]:
    owners = list({name.owner_id for name in names})
    accounts = await transaction.fetch(sql.accounts_of_owners, keys=owners)
    return {_name(account): account.id for account in accounts}


async def _read(transaction: Transaction, orders: Sequence[Order], ids: Mapping[AccountName, UUID]) -> Books:
    hold_ids = [resolution.hold_id for order in orders for resolution in order.resolutions]
    names = [name for order in orders for line in order.lines for name in _accounts_of(line)]
    account_ids = {ids[name] for name in names}
    owners = {name.owner_id for name in names if name.code is AccountCode.WALLET}
    if hold_ids:
        held = await transaction.fetch(sql.holds, keys=hold_ids)
        held_ids = {account_id for hold in held for account_id in (hold.debit_account_id, hold.credit_account_id)}
        account_ids |= held_ids
        # What a hold brings into a wallet pays what its owner owes, as all else does.
        owners |= {row.owner_id for row in await transaction.fetch(sql.owners_of_wallets, keys=list(held_ids))}
    accounts = await transaction.fetch(sql.locked_accounts, keys=list(account_ids), owners=list(owners))
    # After the lock. An order's actor owns an account that it touches, so nobody takes its key meanwhile; and whoever
    # resolves a hold locks its accounts.
    claims = await transaction.fetch(
        sql.claims, pair_ids=[order.actor_id for order in orders], pair_texts=[order.key for order in orders]
    )
    holds = await transaction.fetch(sql.holds, keys=hold_ids) if hold_ids else []
    draws = [draw for order in orders for draw in order.draws]
    usage = []
    if draws:
        drawing = list({draw.owner_id for draw in draws})
        usage = await transaction.fetch(sql.usage_of_owners, keys=drawing, since=min(draw.since for draw in draws))
    return Books(ids, accounts, claims, usage, holds)


async def _write(transaction: Transaction, batch: Batch) -> None:
    sets: list[RowSet] = [
        (sql.insert_journals, batch.journals),
        (sql.insert_postings, batch.postings),
        (sql.insert_entries, batch.entries),
        (sql.update_accounts, [sql.SumsRow(balance.account.id, *balance.sums()) for balance in batch.changed()]),
        (sql.insert_claims, batch.claims),
        (sql.add_usage, [_used(draw) for draw in batch.draws]),
        (sql.insert_messages, batch.messages),
    ]
    rows: dict[RowsCommand, list[tuple[Any, ...]]] = {}
    single: list[Write] = []
    for write in batch.writes:
        if isinstance(write.command, RowsCommand):
            rows.setdefault(write.command, []).append(write.command.row(write.params))
        else:
            single.append(write)
    sets.extend(sorted(rows.items(), key=lambda item: item[0].number))
    for command, params in steps((command, values) for command, values in sets if values):
        await transaction.run(command, **params)
    for other, writes in groupby(sorted(single, key=_place), key=lambda write: write.command):
        await transaction.run_many(other, [write.params for write in writes])


def _place(write: Write) -> tuple[int, str]:
    # One order for all processes: the commands as they were made, and within one the rows by what they begin with,
    # which is their key. Sets of rows see to that themselves.
    return write.command.number, str(next(iter(write.params.values())))


def _settle(future: asyncio.Future[Receipt], outcome: Outcome | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Receipt):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
        future.exception()  # seen, even if the caller has gone: else asyncio complains of it in the log


def _accounts_of(line: Line) -> tuple[AccountName, ...]:
    return (line.debit, line.credit) if line.overflow is None else (line.debit, line.credit, line.overflow)


def _striped(order: Order, stripe: int) -> Order:
    lines = order.lines
    if not any(name.owner_id == HOUSE for line in lines for name in (line.debit, line.credit)):
        return order

    def own(name: AccountName) -> AccountName:
        return name._replace(stripe=stripe) if name.owner_id == HOUSE else name

    return replace(order, lines=tuple(line._replace(debit=own(line.debit), credit=own(line.credit)) for line in lines))


def _name(account: sql.AccountRow) -> AccountName:
    return AccountName(account.owner_id, account.code, account.currency, account.stripe)


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
        "created_at": datetime.now(UTC),
    }


def _used(draw: Draw) -> sql.UsageRow:
    return sql.UsageRow(draw.owner_id, draw.name, draw.currency, draw.since, draw.amount)
