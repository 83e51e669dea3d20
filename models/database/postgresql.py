"""PostgreSQL through asyncpg."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any, NoReturn

import asyncpg

from models.database.connection import Ask, Database, Others, Transaction
from models.database.errors import (
    ConstraintError,
    ContentionError,
    DatabaseError,
    InvalidUrlError,
    UnavailableError,
    UniqueError,
)
from models.database.pool import Pool
from models.database.rows import Guard, RowsCommand, RowSet, SetsCommand, guarded_sql, steps
from models.database.statements import Command, DialectName, Params, Query, Row
from models.database.together import ParameterType, Together, prepared
from models.database.trips import Booking, Trips


class PostgresDatabase(Database):
    """A pool of connections to one PostgreSQL."""

    dialect: DialectName = "postgresql"

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._trips: Trips[Any, Together] = Trips(_Reads(self, pool))
        self.statements = 0

    @classmethod
    async def open(cls, url: str, connections: int) -> "PostgresDatabase":
        """Connects to the server at `url`."""
        database = cls(Pool(url, connections))
        with _translated():
            async with database._pool.lent():
                return database

    def book(self, asks: list[Ask]) -> Booking:
        return self._trips.book(asks)

    def let_go(self, answer: "asyncio.Future[list[list[Any]]]") -> None:
        self._trips.let_go(answer)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        with _translated():
            async with self._pool.lent() as connection, connection.transaction():
                yield _Session(self, connection)

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        planned = list(steps(sets))
        with _translated():
            async with self._pool.lent() as connection:
                session = _Session(self, connection)
                if not others and len(planned) <= 1:
                    await session.guarded(guard, *planned)
                    return
                async with connection.transaction():
                    await session.guarded(guard)
                    for command, params in planned:
                        await session.run(command, **params)
                    for other, rows in others:
                        await session.run_many(other, rows)

    async def close(self) -> None:
        await self._pool.close()


class _Reads:
    """Takes reads to the server."""

    def __init__(self, database: PostgresDatabase, pool: Pool) -> None:
        self._database = database
        self._pool = pool
        self.give_back = pool.give_back
        self.routed = prepared

    async def take(self) -> Any:
        try:
            return await self._pool.take()
        except Exception as error:  # noqa: BLE001 - it is raised again
            _raise(error)

    def at_once(self, _: Together, askers: Sequence[Sequence[Any]]) -> tuple[()]:
        """Nothing: the server is a trip away."""
        return ()

    async def answer(
        self, connection: Any, together: Together, askers: Sequence[Sequence[Any]]
    ) -> Sequence[list[list[Any]]]:
        self._database.statements += 1
        try:
            if len(askers) == 1 or not askers[0]:  # without parameters they all ask for the same
                return [together.rows(await connection.fetch(together.sql, *askers[0]))] * len(askers)
            crowd = together.crowd or together.make_crowd(await _types(connection, together.sql))
            records = await connection.fetch(crowd.sql, *crowd.values(askers))
        except Exception as error:  # noqa: BLE001 - it is raised again
            _raise(error)
        return [together.rows_of_asker(record) for record in records]


async def _types(connection: Any, sql: str) -> Sequence[ParameterType]:
    statement = await connection.prepare(sql)
    types: Sequence[ParameterType] = statement.get_parameters()
    return types


class _Session(Transaction):
    """One connection, for as long as it is lent."""

    def __init__(self, database: PostgresDatabase, connection: Any) -> None:
        self._database = database
        self._connection = connection

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        compiled = query.compiled("postgresql")
        self._database.statements += 1
        with _translated():
            records = await self._connection.fetch(compiled.sql, *compiled.bind(params))
        return query.rows(records, compiled)

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    async def run(self, command: Command, **params: Any) -> int:
        if isinstance(command, SetsCommand):
            return await self._execute(command.set_sql, command.arrays(params))
        compiled = command.compiled("postgresql")
        return await self._execute(compiled.sql, compiled.bind(params))

    async def run_many(self, command: Command, rows: Iterable[Params]) -> None:
        if isinstance(command, RowsCommand):
            await self._execute(command.set_sql(1), [command.whole([command.row(params) for params in rows])])
            return
        self._database.statements += 1
        compiled = command.compiled("postgresql")
        with _translated():
            await self._connection.executemany(compiled.sql, [compiled.bind(params) for params in rows])

    async def guarded(self, guard: Guard, step: tuple[SetsCommand, Params] | None = None) -> None:
        """Runs the command if the guard holds. Raises ContentionError if it does not."""
        command, params = (None, {}) if step is None else step
        arrays = [] if command is None else command.arrays(params)
        await self._execute(guarded_sql(guard.query, command), [*guard.values(), *arrays])

    async def _execute(self, sql: str, values: Sequence[Any]) -> int:
        self._database.statements += 1
        with _translated():
            status: str = await self._connection.execute(sql, *values)
        return int(status.rpartition(" ")[2])  # the tag is like "UPDATE 3" or "INSERT 0 1"

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return _same(self)


@asynccontextmanager
async def _same(transaction: Transaction) -> AsyncIterator[Transaction]:
    yield transaction


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it is raised again
        _raise(error)


_TRANSLATIONS: tuple[tuple[tuple[type[Exception], ...], type[DatabaseError]], ...] = (
    ((asyncpg.UniqueViolationError,), UniqueError),
    ((asyncpg.IntegrityConstraintViolationError,), ConstraintError),
    ((asyncpg.SerializationError, asyncpg.DeadlockDetectedError), ContentionError),
    ((asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError), InvalidUrlError),
    (
        (
            OSError,
            asyncpg.PostgresConnectionError,
            asyncpg.CannotConnectNowError,
            asyncpg.TooManyConnectionsError,
            asyncpg.AdminShutdownError,
            asyncpg.CrashShutdownError,
            asyncpg.InterfaceError,
            asyncpg.InternalClientError,  # a connection that is asked while it reads that its server has gone
        ),
        UnavailableError,
    ),
    ((asyncpg.PostgresError,), DatabaseError),  # such as a value that its column cannot hold
)


def _raise(error: Exception) -> NoReturn:
    """Raises the error in this room's words; one that is no database's, as it is."""
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None  # PostgreSQL tells the values of the row there, and what is raised may be logged
    for causes, kind in _TRANSLATIONS:
        if isinstance(error, causes):
            raise kind(str(error)) from error
    raise error
