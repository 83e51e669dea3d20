"""Raw SQL on a test's database, past everything that the product does with it."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg
from sqlalchemy import Delete, Insert, Update

from models.database import Command
from models.database.opening import sqlite_path
from models.database.sqlite import connect
from models.database.statements import DialectName


class Backdoor(Protocol):
    """A connection of one's own."""

    dialect: DialectName

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        """Runs any SQL and returns what it gives."""
        ...

    async def run(self, statement: Insert | Update | Delete) -> None:
        """Runs a write over the models' tables."""
        ...


@asynccontextmanager
async def backdoor(url: str) -> AsyncIterator[Backdoor]:
    """A connection to the database at `url`, with the settings that the product's own connections have."""
    if url.startswith("sqlite:"):
        file = connect(sqlite_path(url))
        try:
            yield _Sqlite(file)
        finally:
            file.close()
        return
    connection = await asyncpg.connect(url)
    try:
        yield _Postgres(connection)
    finally:
        await connection.close()


class _Sqlite(Backdoor):
    dialect: DialectName = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()

    async def run(self, statement: Insert | Update | Delete) -> None:
        compiled = Command(statement).compiled("sqlite")
        self._connection.execute(compiled.sql, compiled.bind({}))


class _Postgres(Backdoor):
    dialect: DialectName = "postgresql"

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    async def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(record) for record in await self._connection.fetch(sql)]

    async def run(self, statement: Insert | Update | Delete) -> None:
        compiled = Command(statement).compiled("postgresql")
        await self._connection.execute(compiled.sql, *compiled.bind({}))
