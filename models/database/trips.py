"""Trips to a database: what is asked for while the event loop turns once goes together.

Under load a turn brings requests of many clients, and one trip answers them all; a request that stands alone waits for
nobody. While all connections are busy, what waits for one becomes a single trip too. An answer that is at hand needs
none.
"""

import asyncio
from collections.abc import Hashable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from models.database.errors import UnavailableError

MOST = 16
"""How many askers one trip answers, at most: who comes first waits for the answer of the last."""

Way = TypeVar("Way", bound=Hashable)
Connection = TypeVar("Connection")
Way_contra = TypeVar("Way_contra", contravariant=True)


class Vehicle(Protocol[Connection, Way_contra]):
    """What makes the trips: it has connections, each for one trip at a time."""

    async def take(self) -> Connection:
        """A connection, to be given back. Who finds none free waits."""
        ...

    def give_back(self, connection: Connection) -> None:
        """Takes a connection back."""
        ...

    def at_once(self, way: Way_contra, askers: Sequence[Any]) -> Sequence[Any]:
        """What the askers want to know, in their order, up to the first one who cannot be told in a moment."""
        ...

    async def answer(self, connection: Connection, way: Way_contra, askers: Sequence[Any]) -> Sequence[Any]:
        """What each asker wants to know, in their order. Raises if it cannot be told to all of them."""
        ...


class _Asked(NamedTuple):
    what: Any
    answer: "asyncio.Future[Any]"


class Trips(Generic[Connection, Way]):
    """Takes what is asked for to the database. What goes the same `way` may go together."""

    def __init__(self, vehicle: Vehicle[Connection, Way]) -> None:
        self._vehicle = vehicle
        self._waiting: dict[Way, list[_Asked]] = {}
        self._under_way: dict[asyncio.Task[None], list[_Asked]] = {}
        """The trips, and who is aboard once they have left."""

    def ask(self, way: Way, what: Any) -> "asyncio.Future[Any]":
        """The answer, as soon as a trip has brought it."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.get(way)
        if waiting is None:
            waiting = self._waiting[way] = []
            loop.call_soon(self._set_out, way)  # behind all that runs now, and may ask for something too
        answer: asyncio.Future[Any] = loop.create_future()
        waiting.append(_Asked(what, answer))
        return answer

    def let_go(self, answer: "asyncio.Future[Any]") -> None:
        """Brings an answer to nobody. A trip on which nobody waits any more ends at once."""
        answer.cancel()
        for task, aboard in self._under_way.items():
            if aboard and all(one.answer.done() for one in aboard):
                task.cancel()

    def _set_out(self, way: Way, alone: _Asked | None = None) -> None:
        if alone is None and not self._answer_at_once(way):
            return
        aboard: list[_Asked] = []
        task = asyncio.create_task(self._trip(way, alone, aboard))
        self._under_way[task] = aboard
        task.add_done_callback(self._under_way.pop)

    def _answer_at_once(self, way: Way) -> bool:
        """Answers those whose answers are at hand. Returns whether one who needs a trip comes next."""
        waiting = [one for one in self._waiting.pop(way) if not one.answer.cancelled()]
        asked = waiting[:MOST]
        answers = self._vehicle.at_once(way, [one.what for one in asked])
        for one, found in zip(asked, answers, strict=False):
            one.answer.set_result(found)
        left = waiting[len(answers) :]
        if not left:
            return False
        self._waiting[way] = left
        if len(answers) < len(asked):
            return True
        asyncio.get_running_loop().call_soon(self._set_out, way)  # behind what else there is to do
        return False

    async def _trip(self, way: Way, alone: _Asked | None, aboard: list[_Asked]) -> None:
        asked = None if alone is None else [alone]
        try:
            connection = await self._vehicle.take()
            try:
                if asked is None:
                    asked = self._boarding(way)
                if not asked:
                    return
                aboard += asked
                answers = await self._vehicle.answer(connection, way, [one.what for one in asked])
            finally:
                self._vehicle.give_back(connection)
        except Exception as error:  # noqa: BLE001 - whoever waits is told
            self._fail(way, self._waiting.pop(way) if asked is None else asked, error)
            return
        for one, found in zip(asked, answers, strict=True):
            if not one.answer.done():
                one.answer.set_result(found)

    def _boarding(self, way: Way) -> list[_Asked]:
        waiting = [one for one in self._waiting.pop(way) if not one.answer.cancelled()]
        if len(waiting) > MOST:
            self._waiting[way] = waiting[MOST:]
            self._set_out(way)
        return waiting[:MOST]

    def _fail(self, way: Way, asked: list[_Asked], error: Exception) -> None:
        if len(asked) > 1 and not isinstance(error, UnavailableError):
            for one in asked:  # one of them is at fault: it must not take the others with it
                self._set_out(way, one)
            return
        for one in asked:
            if not one.answer.done():
                one.answer.set_exception(error)
                one.answer.exception()  # seen, even if nobody waits any more: else asyncio complains of it in the log
