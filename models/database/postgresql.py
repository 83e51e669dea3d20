"""PostgreSQL through asyncpg."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import asyncpg

from models.database.connection import Database, Others, Transaction
from models.database.errors import (
    ConstraintError,
    ContentionError,
    DatabaseError,
    InvalidUrlError,
    UnavailableError,
    UniqueError,
)
from models.database.rows import Guard, RowsCommand, RowSet, SetsCommand, guarded_sql, steps
from models.database.statements import Command, DialectName, Params, Query, Row

# Each statement finds its rows by their keys, however many it is given: one plan serves for all, made once for each
# connection. Planned for its parameters, a batch of a few hundred keys would read small tables whole.
SETTINGS = {"plan_cache_mode": "force_generic_plan"}


class PostgresDatabase(Database):
    """A pool of connections to one PostgreSQL."""

    dialect: DialectName = "postgresql"

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool
        self.statements = 0

    @classmethod
    async def open(cls, url: str, connections: int) -> "PostgresDatabase":
        """Connects to the server at `url`."""
        with _translated():
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=connections, reset=_keep_session, server_settings=SETTINGS
            )
        return cls(pool)

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        with _translated():
            async with self._pool.acquire() as connection:
                return await _Session(self, connection).fetch(query, **params)

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        with _translated():
            async with self._pool.acquire() as connection, connection.transaction():
                yield _Session(self, connection)

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        planned = list(steps(sets))
        with _translated():
            async with self._pool.acquire() as connection:
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


async def _keep_session(_: Any) -> None:
    """Nothing here changes a session's settings, so there is nothing to reset when a connection goes back."""


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
    except asyncpg.UniqueViolationError as error:
        raise UniqueError(str(error)) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise ConstraintError(str(error)) from error
    except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
        raise ContentionError(str(error)) from error
    except (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        raise InvalidUrlError(str(error)) from error
    except (
        OSError,
        asyncpg.PostgresConnectionError,
        asyncpg.CannotConnectNowError,
        asyncpg.TooManyConnectionsError,
        asyncpg.AdminShutdownError,
        asyncpg.CrashShutdownError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # a connection that is asked while it reads that its server has gone
    ) as error:
        raise UnavailableError(str(error)) from error
    except asyncpg.PostgresError as error:  # such as a value that its column cannot hold
        raise DatabaseError(str(error)) from error
