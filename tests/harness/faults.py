"""A database that fails when it is told to, around a real one."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from models.database import Ask, Database, Guard, Others, Query, RowSet, Transaction
from models.database.statements import Row


class FaultyDatabase(Database):
    """Passes everything on. Its next transactions fail as `before` and `after` say: before they begin, or committed."""

    def __init__(self, real: Database) -> None:
        self._real = real
        self.dialect = real.dialect
        self.before: list[Exception | None] = []
        self.after: list[Exception | None] = []
        self.transactions = 0

    @property
    def statements(self) -> int:  # type: ignore[override]
        return self._real.statements

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        return await self._real.fetch(query, **params)

    async def fetch_together(self, asks: Sequence[Ask]) -> list[list[Any]]:
        return await self._real.fetch_together(asks)

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        return await self._real.first(query, **params)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        before, after = self._next()
        if before:
            raise before
        async with self._real.transaction() as transaction:
            yield transaction
        if after:
            raise after

    async def write(self, guard: Guard, sets: Sequence[RowSet], others: Sequence[Others] = ()) -> None:
        before, after = self._next()
        if before:
            raise before
        await self._real.write(guard, sets, others)
        if after:
            raise after

    def _next(self) -> tuple[Exception | None, Exception | None]:
        self.transactions += 1
        return self.before.pop(0) if self.before else None, self.after.pop(0) if self.after else None

    async def close(self) -> None:
        await self._real.close()
