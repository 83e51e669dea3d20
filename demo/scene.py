"""What a command of the story is given: the story's clock and ids, and a place in a transaction of many commands."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from demo.events import Person, chance
from models.accounts import TokenKind
from models.database import Database, Query, Transaction
from models.database.connection import Reader
from models.database.statements import Row
from models.ids import HOUSE, id_at
from resolvers.context import App, Context, Store, TokenScope, Viewer


class Scene(Context):
    """One command, at a moment of the story. Its first id is `identity(moment, name)`."""

    def __init__(self, app: App, store: Store, person: Person | None, moment: datetime, name: str) -> None:
        super().__init__(app, None if person is None else _viewer(person))
        self.database = store
        self._moment = moment
        self._chance = chance(name)

    def now(self) -> datetime:
        return self._moment

    def new_id(self) -> UUID:
        return id_at(self._moment, self._chance)


class InTurn(Reader):
    """A database whose reads take turns, so that commands that run side by side come to the ledger in one order."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        async with self._turn:
            return await self._database.fetch(query, **params)

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self._database.transaction()


def _viewer(person: Person) -> Viewer:
    return Viewer(person.id, HOUSE, TokenKind.DEMO, frozenset(TokenScope))
