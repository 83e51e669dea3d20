"""A database that fails when it is told to, around a real one."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from models.database import Ask, Database, Guard, Others, RowSet, Transaction
from models.database.trips import Booking


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

    def book(self, asks: list[Ask]) -> Booking:
        return self._real.book(asks)

    def let_go(self, answer: "asyncio.Future[list[list[Any]]]") -> None:
        self._real.let_go(answer)

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
