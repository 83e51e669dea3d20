"""Group commit: what arrives while a commit is in flight is posted in the next one, each order with its own answer.

A batch is made from the books as the ledger knows them, and written in one go under a guard: only if its accounts are
still as they were known. So the next batch is made and sent while one is in flight. Where a guard fails, or a key turns
out to be taken, the batch is made anew from books that are read under locks.
"""

import asyncio
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from ledger import statements as sql
from ledger.batch import Batch, Outcome
from ledger.books import Books, Claim
from ledger.commits import Changes, acquaint, changes_of, guard_of, read_locked, write
from ledger.orders import AccountName, BusyError, Order, Receipt
from models.database import ContentionError, Database, Guard, UnavailableError, UniqueError
from models.ids import HOUSE

MAX_BATCH = 256
MAX_WAITING = 4096
MAX_FLIGHTS = 2
"""While one batch is written the next one is made; a third would only be made from books that are older."""
MAX_KNOWN = 50_000
"""How many balances and keys are kept in mind."""
LOCKED_AFTER_CONTENTION = 16
"""So many batches lock before they read, once another process was seen to change the same accounts."""
ATTEMPTS = 8
STRIPES = 16


class _Waiting(NamedTuple):
    order: Order
    answer: asyncio.Future[Receipt]


class _Crash(NamedTuple):
    """Orders whose batch came to nothing: with the error, or without one because a batch before it did."""

    batch: Sequence[_Waiting]
    error: Exception | None


@dataclass(eq=False, slots=True)
class _Flight:
    """A batch that is being written, and the one before it for as long as that is in flight too."""

    batch: Sequence[_Waiting]
    outcomes: Sequence[Outcome]
    guard: Guard
    changes: Changes
    before: "_Flight | None"
    error: Exception | None = None
    landed: asyncio.Event = field(default_factory=asyncio.Event)


class Ledger:
    """The books. Start it before the first order, stop it after the last."""

    def __init__(self, database: Database, *, largest_batch: int = MAX_BATCH) -> None:
        self._database = database
        self._largest_batch = largest_batch
        self._waiting: deque[_Waiting] = deque()
        self._work = asyncio.Event()
        self._books = Books()
        self._flights: deque[_Flight] = deque()
        self._crashes: list[_Crash] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._locked_batches = 0
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
        self._work.set()
        if self._posting is not None:
            await self._posting

    async def submit(self, order: Order) -> Receipt:
        """Posts the order with all its writes, or nothing of it.

        Raises RefusalError (kept under the key), IdempotencyConflictError, StaleError, TooLargeError, BusyError, the
        DatabaseError of a write that came with the order, or ValueError if the order posts nothing. If the caller goes
        away the order is still posted; its key finds it again.
        """
        if self._stopping or len(self._waiting) >= MAX_WAITING:
            raise BusyError("The ledger is busy.")
        waiting = _Waiting(_striped(order, self._stripe), asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._work.set()
        return await waiting.answer

    async def recall(self, actor_id: UUID, key: str, request_hash: bytes) -> Receipt | None:
        """What the key stands for already, or None. Raises as `submit` did then, or IdempotencyConflictError."""
        claim = await self._database.first(sql.claims, pair_ids=[actor_id], pair_texts=[key])
        if claim is None:
            return None
        outcome = Claim.of(claim).answer(request_hash)
        if isinstance(outcome, Receipt):
            return outcome
        raise outcome

    # The flow of batches

    async def _post_batches(self) -> None:
        while not (self._stopping and self._is_idle()):
            await self._work.wait()
            self._work.clear()
            while self._waiting or self._crashes:
                await self._post_next()

    def _is_idle(self) -> bool:
        return not (self._waiting or self._flights or self._crashes)

    async def _post_next(self) -> None:
        if self._crashes:
            await self._recover()
        elif len(self._flights) == MAX_FLIGHTS:
            await self._flights[0].landed.wait()
        else:
            size = min(self._largest_batch, len(self._waiting))
            await self._post([self._waiting.popleft() for _ in range(size)])

    async def _post(self, batch: Sequence[_Waiting]) -> None:
        orders = [waiting.order for waiting in batch]
        if self._locked_batches or any(order.resolutions for order in orders):
            self._locked_batches = max(0, self._locked_batches - 1)
            await self._recover()
            await self._answer_locked(batch)
            return
        if len(self._books) > MAX_KNOWN:
            await self._recover()
            self._books = Books()
        try:
            await acquaint(self._database, self._books, orders)
            self._take_off(batch, orders)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            self._crashes.append(_Crash(batch, error))

    def _take_off(self, batch: Sequence[_Waiting], orders: Sequence[Order]) -> None:
        guard = guard_of(self._books, orders)
        made = Batch(self._books, datetime.now(UTC))
        outcomes = [made.add(order) for order in orders]
        flight = _Flight(batch, outcomes, guard, changes_of(made), self._flights[-1] if self._flights else None)
        self._flights.append(flight)
        task = asyncio.create_task(self._fly(flight), name="ledger batch")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _fly(self, flight: _Flight) -> None:
        try:
            await self._write(flight)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            flight.error = error
        if flight.before is not None:
            await flight.before.landed.wait()
        self._land(flight)
        self._flights.popleft()
        flight.landed.set()
        self._work.set()

    async def _write(self, flight: _Flight) -> None:
        try:
            await self._database.write(flight.guard, *flight.changes)
        except ContentionError:
            # In a database that lets in whoever comes first it may have overtaken the batch before it.
            if flight.before is None:
                raise
            await flight.before.landed.wait()
            if flight.before.error is not None:
                raise
            await self._database.write(flight.guard, *flight.changes)

    def _land(self, flight: _Flight) -> None:
        shaken = flight.before is not None and flight.before.error is not None
        flight.before = None
        if flight.error is not None:
            if isinstance(flight.error, ContentionError) and not shaken:
                self._locked_batches = LOCKED_AFTER_CONTENTION
            self._crashes.append(_Crash(flight.batch, flight.error))
            return
        doubtful = []
        for waiting, outcome in zip(flight.batch, flight.outcomes, strict=True):
            # What an order was answered from the batch before, and was not written with this one, fell with it.
            if shaken and not (isinstance(outcome, Receipt) and not outcome.replayed):
                doubtful.append(waiting)
            else:
                _settle(waiting.answer, outcome)
        if doubtful:
            self._crashes.append(_Crash(doubtful, None))

    async def _recover(self) -> None:
        while self._flights:
            await self._flights[0].landed.wait()
        crashes, self._crashes = self._crashes, []
        for batch, error in crashes:
            if isinstance(error, UnavailableError):
                self._fail(batch, error)
            else:
                await self._answer_locked(batch)

    # Under locks

    async def _answer_locked(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self._commit_until_done([waiting.order for waiting in batch])
        except UnavailableError as error:
            self._fail(batch, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            if len(batch) == 1:
                self._fail(batch, error)
                return
            for waiting in batch:  # one order is at fault: it must not take the others with it
                await self._answer_locked([waiting])
        else:
            for waiting, outcome in zip(batch, outcomes, strict=True):
                _settle(waiting.answer, outcome)

    async def _commit_until_done(self, orders: Sequence[Order]) -> list[Outcome]:
        for attempt in range(ATTEMPTS):
            try:
                return await self._commit_locked(orders)
            except (ContentionError, UniqueError):  # another process was first with a lock, a key or an account
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.002 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")

    async def _commit_locked(self, orders: Sequence[Order]) -> list[Outcome]:
        await acquaint(self._database, self._books, orders)
        async with self._database.transaction() as transaction:
            books = await read_locked(transaction, orders, self._books.ids)
            batch = Batch(books, datetime.now(UTC))
            outcomes = [batch.add(order) for order in orders]
            await write(transaction, changes_of(batch))
        self._books.adopt(books)
        return outcomes

    def _fail(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Answers with the error. Whoever tries again finds by the key what became of it."""
        self._books.forget([waiting.order for waiting in batch])
        for waiting in batch:
            _settle(waiting.answer, error)


def _settle(future: asyncio.Future[Receipt], outcome: Outcome | Exception) -> None:
    if future.done():
        return
    if isinstance(outcome, Receipt):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
        future.exception()  # seen, even if the caller has gone: else asyncio complains of it in the log


def _striped(order: Order, stripe: int) -> Order:
    lines = order.lines
    if not any(name.owner_id == HOUSE for line in lines for name in (line.debit, line.credit)):
        return order

    def own(name: AccountName) -> AccountName:
        return name._replace(stripe=stripe) if name.owner_id == HOUSE else name

    return replace(order, lines=tuple(line._replace(debit=own(line.debit), credit=own(line.credit)) for line in lines))
