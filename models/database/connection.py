"""What a database offers, whichever it is."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from models.database.rows import Guard, RowSet
from models.database.statements import Command, DialectName, Params, Query, Row
from models.database.trips import Booking

Others = tuple[Command, Sequence[Params]]
"""A command, and the parameters of each of its runs."""


class Ask(NamedTuple):
    """A read: a query and its parameters."""

    query: Query[Any]
    params: Params


class KeysFrom(NamedTuple):
    """In place of a read's `keys`: what stands in a column of the rows of a read before it, both by their places."""

    ask: int
    column: int


def values_of(rows: Sequence[Any], column: int) -> set[Any]:
    """What stands in a column of rows."""
    values = {row[column] for row in rows}
    values.discard(None)
    return values


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

    def ask(self, asks: Sequence[Ask]) -> "asyncio.Future[list[list[Any]]]":
        """The rows of each read, all in one trip; on PostgreSQL in one statement, as of one moment.

        A read may take its `keys` from the rows of one before it: see KeysFrom.

        Others who ask in the same turn of the event loop may share the trip.
        """
        return self.book(list(asks)).answer

    def book(self, asks: list[Ask]) -> Booking:
        """As `ask`, for reads to which more may be added until they leave."""
        ...

    def let_go(self, answer: "asyncio.Future[list[list[Any]]]") -> None:
        """Ends a read that was asked for, as far as nobody else waits for it."""
        ...

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        [rows] = await self.ask((Ask(query, params),))
        return rows

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits when the block ends, and is undone if it raises.

        Raises ContentionError when it must be run again, UnavailableError when the database cannot be had.
        """
        ...

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        """Writes all of it in a transaction of its own if the guard holds; in one round trip where that can be.

        Raises ContentionError, with nothing written, if the guard does not hold; else what a transaction raises.
        """
        ...

    def bulk(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of very many statements, for someone who is alone with the database: it may hold others up."""
        return self.transaction()

    async def close(self) -> None:
        """Finishes what is under way and lets go of all connections."""
        ...
