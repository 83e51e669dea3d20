"""What a command of the story is given: the story's clock and ids, and a place in a transaction of many commands."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from demo.events import Person, chance
from models.accounts import TokenKind
from models.database import Gathering
from models.ids import HOUSE, id_at
from models.limits import Tier
from resolvers.context import App, Context, Store, TokenScope, Viewer

Event = TypeVar("Event")


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


class InTurn:
    """Commands that run side by side and come to the ledger in their order.

    One begins when the one before it has handed in its order, or has ended without one.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._turn = asyncio.Lock()

    async def run(self, act: Callable[[App, Store, Event], Awaitable[None]], event: Event) -> None:
        """Runs the command for an event."""
        await self._turn.acquire()
        place = _Place(self._app.ledger, self._turn)
        try:
            app = replace(self._app, ledger=cast(Any, place))
            await act(app, Gathering(app.database), event)
        finally:
            place.pass_on()


class _Place:
    """The ledger for one command, whose turn ends when it hands in its order."""

    def __init__(self, ledger: Any, turn: asyncio.Lock) -> None:
        self._turn: asyncio.Lock | None = turn
        self._ledger = ledger
        self.recall = ledger.recall

    async def submit(self, order: Any) -> Any:
        self.pass_on()
        return await self._ledger.submit(order)

    def pass_on(self) -> None:
        turn, self._turn = self._turn, None
        if turn is not None:
            turn.release()


def _viewer(person: Person) -> Viewer:
    return Viewer(person.id, HOUSE, TokenKind.DEMO, frozenset(TokenScope), tier=Tier.VERIFIED)
