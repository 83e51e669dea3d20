"""What a database offers, whichever it is, and how one is opened by its address."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from models.database.errors import InvalidUrlError
from models.database.statements import Command, DialectName, Params, Query, Row


class Reader(Protocol):
    """What can run reads."""

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        """All rows of the query."""
        ...

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        """The query's first row, or None."""
        ...


class Transaction(Reader, Protocol):
    """One transaction: all of its writes, or none."""

    async def run(self, command: Command, **params: Any) -> int:
        """Runs a write and returns how many rows it touched. Raises ConstraintError or UniqueError."""
        ...

    async def run_many(self, command: Command, rows: Iterable[Params]) -> None:
        """Runs one write for each set of parameters. Raises ConstraintError or UniqueError."""
        ...

    def transaction(self) -> AbstractAsyncContextManager["Transaction"]:
        """This same transaction: what is written inside commits with it."""
        ...


class Database(Reader, Protocol):
    """A database. Each read is by itself; writes go through a transaction."""

    dialect: DialectName
    statements: int
    """How many statements have been sent so far."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits when the block ends, and is undone if it raises.

        Raises ContentionError when it must be run again, UnavailableError when the database cannot be had.
        """
        ...

    async def close(self) -> None:
        """Finishes what is under way and lets go of all connections."""
        ...


async def open_database(url: str, *, connections: int = 8) -> Database:
    """The database at `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.

    Raises InvalidUrlError for another address, UnavailableError when it does not answer.
    """
    from models.database.postgresql import PostgresDatabase  # here, so that one driver's trouble is not the other's
    from models.database.sqlite import SqliteDatabase

    if url.startswith("sqlite:///"):
        return await SqliteDatabase.open(sqlite_path(url))
    if url.startswith(("postgresql://", "postgres://")):
        return await PostgresDatabase.open(url, connections)
    raise InvalidUrlError("A database's address begins with sqlite:/// or postgresql://.")


def sqlite_path(url: str) -> str:
    """The file of an SQLite address."""
    path = url.removeprefix("sqlite:///")
    if not path or path == ":memory:":
        raise InvalidUrlError("An SQLite address names a file: sqlite:////var/lib/hatful.db")
    return path
