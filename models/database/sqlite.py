"""SQLite in a file: it is read where the event loop runs, and in threads by whom it takes long; one thread writes."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from models.database.connection import Ask, Database, KeysFrom, Others, Transaction, values_of
from models.database.errors import (
    ConstraintError,
    ContentionError,
    DatabaseError,
    InvalidUrlError,
    UnavailableError,
    UniqueError,
)
from models.database.rows import Guard, RowsCommand, RowSet, SetsCommand, steps
from models.database.statements import Command, DialectName, Params, Query, Row
from models.database.trips import Booking, Trips

READERS = 4
BUSY_TIMEOUT_SECONDS = 10.0
SHORT_SECONDS = 0.005
"""How long a read may hold up the event loop."""
CACHE_KIB = 32 * 1024
"""How much of the file that connection keeps in mind: all requests read through it."""
CHECKPOINT_PAGES = 4_000
"""After so many pages the log is brought into the file. A tip writes some dozens, mostly the same as the one before:
with SQLite's own 1,000 each of them went into the file every few tips."""
STEPS = 1_000
"""After so many steps of SQLite's machine the time is looked at: some dozens of microseconds."""
Result = TypeVar("Result")


def connect(path: str, *, timeout: float = BUSY_TIMEOUT_SECONDS) -> sqlite3.Connection:
    """A connection with the settings that the ledger needs: each acknowledged commit outlives a power cut."""
    connection = sqlite3.connect(path, timeout=timeout, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA recursive_triggers = ON")  # else INSERT OR REPLACE slips past the append-only triggers
    connection.create_function("share_of", 3, _share_of, deterministic=True)  # an integer of SQLite has 64 bits
    return connection


def _share_of(whole: int, part: int, total: int) -> int:
    return whole * part // total


class SqliteDatabase(Database):
    """One file. Short reads run at once, long ones side by side in threads; transactions one after another in one."""

    dialect: DialectName = "sqlite"

    def __init__(self, path: str) -> None:
        self.statements = 0
        self._path = path
        self._short = _ShortReads(path)
        self._trips: Trips[None, None] = Trips(_Reads(self, self._short))
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="sqlite-read")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")
        self._writing = asyncio.Lock()
        self._here = threading.local()
        self._open: list[sqlite3.Connection] = []

    @classmethod
    async def open(cls, path: str) -> "SqliteDatabase":
        """Opens the file, which is made when it is not there; its folder must be there."""
        if not Path(path).resolve().parent.is_dir():
            raise InvalidUrlError(f"There is no folder {Path(path).resolve().parent} for the database.")
        database = cls(path)
        await database._write(lambda connection: connection.execute("SELECT 1").fetchone())
        return database

    def book(self, asks: list[Ask]) -> Booking:
        return self._trips.book(asks)

    def let_go(self, answer: "asyncio.Future[list[list[Any]]]") -> None:
        self._trips.let_go(answer)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        async with self._writing:
            try:
                await self._write(_begin)
                yield _WriterTransaction(self, self._write)
                await self._write(_commit)
            finally:
                # Shielded, because a cancelled request must not leave its transaction open for the next one.
                await asyncio.shield(self._write(_rollback))

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        planned = list(steps(sets))
        self.statements += 1 + len(planned) + len(others)

        def write(connection: sqlite3.Connection) -> None:
            try:
                _begin(connection)
                if not guard.holds(_fetch(connection, guard.query, guard.params)):
                    raise ContentionError("what was read has changed")
                for command, params in planned:
                    _run_sets(connection, command, params)
                for other, rows in others:
                    compiled = other.compiled("sqlite")
                    _run_many(connection, compiled.sql, [compiled.bind(params) for params in rows])
                _commit(connection)
            finally:
                _rollback(connection)

        async with self._writing:
            await asyncio.shield(self._write(write))

    def bulk(self) -> AbstractAsyncContextManager[Transaction]:
        return self._bulk()

    @asynccontextmanager
    async def _bulk(self) -> AsyncIterator[Transaction]:
        """Runs in the event loop's own thread: to change threads twice costs several times what most statements do."""
        async with self._writing:
            connection = connect(self._path)

            async def here(work: Callable[[sqlite3.Connection], Result]) -> Result:
                with _translated():
                    return work(connection)

            try:
                await here(_begin)
                yield _WriterTransaction(self, here)
                await here(_commit)
            finally:
                connection.close()  # which undoes what is not committed

    async def close(self) -> None:
        async with self._writing:
            self._short.close()
            for executor in (self._readers, self._writer):
                await asyncio.to_thread(executor.shutdown)
            for connection in self._open:
                connection.close()

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Runs work in one of the threads that read."""
        return await self._on(self._readers, work)

    async def _write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        return await self._on(self._writer, work)

    async def _on(self, executor: ThreadPoolExecutor, work: Callable[[sqlite3.Connection], Result]) -> Result:
        def run() -> Result:
            with _translated():
                return work(self._connection())

        return await asyncio.get_running_loop().run_in_executor(executor, run)

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._here, "connection", None)
        if connection is None:
            connection = self._here.connection = connect(self._path)
            self._open.append(connection)
        return connection


class _ShortReads:
    """Reads in the event loop's own thread, where they take a fraction of what changing threads costs.

    A thread gives Python's lock back and takes it again for each row, and may wait for it each time.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._end = 0.0

    def rows(self, askers: Sequence[Sequence[Ask]]) -> list[list[list[Any]]]:
        """The rows of each asker, up to one whose reads take long, have to wait, or fail: a thread begins them anew."""
        found = []
        with suppress(Exception):  # whatever it is: the thread tells it to whoever waits
            connection = self._connection or self._connected()
            for asks in askers:
                self._end = time.monotonic() + SHORT_SECONDS
                found.append(_rows(connection, asks))
        return found

    def close(self) -> None:
        """Lets go of the connection."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> sqlite3.Connection:
        self._connection = connection = connect(self._path, timeout=0)
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.set_progress_handler(lambda: time.monotonic() > self._end, STEPS)
        return connection


class _Reads:
    """Makes short reads at once, and takes long ones to the threads that read."""

    def __init__(self, database: SqliteDatabase, short: _ShortReads) -> None:
        self._database = database
        self._short = short
        self._free = asyncio.Semaphore(READERS)

    async def take(self) -> None:
        await self._free.acquire()

    def give_back(self, _: None) -> None:
        self._free.release()

    def routed(self, what: list[Ask]) -> tuple[None, list[Ask]]:
        """All go the same way."""
        return None, what

    def at_once(self, way: None, askers: Sequence[Sequence[Ask]]) -> Sequence[list[list[Any]]]:
        found = self._short.rows(askers)
        if found:
            self._database.statements += 1
        return found

    async def answer(self, _: None, way: None, askers: Sequence[Sequence[Ask]]) -> Sequence[list[list[Any]]]:
        self._database.statements += 1
        reading = _Reading()

        def fetch(connection: sqlite3.Connection) -> list[list[list[Any]]]:
            with reading.on(connection):
                return [_rows(connection, asks) for asks in askers]

        try:
            return await self._database.read(fetch)
        except asyncio.CancelledError:
            reading.interrupt()
            raise


class _Reading:
    """What a thread reads for one trip."""

    def __init__(self) -> None:
        self._is_over = False

    @contextmanager
    def on(self, connection: sqlite3.Connection) -> Iterator[None]:
        """The connection is this trip's as long as the block runs."""
        connection.set_progress_handler(lambda: self._is_over, STEPS)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def interrupt(self) -> None:
        """Ends the statement that runs, or that is about to."""
        self._is_over = True


class _Write(Protocol):
    """What runs work on the connection of a transaction, wherever that is."""

    async def __call__(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """The work's result."""
        ...


class _WriterTransaction(Transaction):
    """The one transaction that is open for writing."""

    def __init__(self, database: SqliteDatabase, write: _Write) -> None:
        self._database = database
        self._write = write

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        self._database.statements += 1
        return await self._write(lambda connection: _fetch(connection, query, params))

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    async def run(self, command: Command, **params: Any) -> int:
        self._database.statements += 1
        if isinstance(command, SetsCommand):
            return await self._write(lambda connection: _run_sets(connection, command, params))
        compiled = command.compiled("sqlite")
        values = compiled.bind(params)
        return await self._write(lambda connection: connection.execute(compiled.sql, values).rowcount)

    async def run_many(self, command: Command, rows: Iterable[Params]) -> None:
        self._database.statements += 1
        compiled = command.compiled("sqlite")
        if isinstance(command, RowsCommand):
            values = command.each([command.row(params) for params in rows])
        else:
            values = [compiled.bind(params) for params in rows]
        await self._write(lambda connection: _run_many(connection, compiled.sql, values))

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._same()

    @asynccontextmanager
    async def _same(self) -> AsyncIterator[Transaction]:
        yield self


def _rows(connection: sqlite3.Connection, asks: Sequence[Ask]) -> list[list[Any]]:
    found: list[list[Any]] = []
    values: dict[KeysFrom, list[Any]] = {}
    for query, params in asks:
        found.append(_fetch(connection, query, _with_keys(params, found, values)))
    return found


def _with_keys(params: Params, found: Sequence[Sequence[Any]], values: dict[KeysFrom, list[Any]]) -> Params:
    """The parameters, with the keys from the rows that were found before. `values` keeps them for other reads."""
    keys = params.get("keys")
    if keys.__class__ is not KeysFrom:
        return params
    if keys not in values:
        values[keys] = list(values_of(found[keys.ask], keys.column))
    return {**params, "keys": values[keys]}


def _fetch(connection: sqlite3.Connection, query: Query[Row], params: Params) -> list[Row]:
    compiled = query.compiled("sqlite")
    return query.rows(connection.execute(compiled.sql, compiled.bind(params)).fetchall(), compiled)


# These return no cursor: one that ends in another thread than its connection's upsets the statement that runs there.


def _run_many(connection: sqlite3.Connection, sql: str, rows: list[list[Any]]) -> None:
    connection.executemany(sql, rows)


def _run_sets(connection: sqlite3.Connection, command: SetsCommand, params: Params) -> int:
    return sum(
        connection.executemany(part.compiled("sqlite").sql, part.each(params[part.table])).rowcount
        for part in command.commands
    )


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("COMMIT")


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        unique = error.sqlite_errorname in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}
        raise (UniqueError if unique else ConstraintError)(str(error)) from error
    except sqlite3.OperationalError as error:
        raise UnavailableError(str(error)) from error
    except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:  # such as a value that no column can hold
        raise DatabaseError(str(error)) from error
