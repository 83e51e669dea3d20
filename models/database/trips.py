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

    def routed(self, what: Any) -> tuple[Any, Any]:
        """The way to what somebody wants to know, and what to ask for there. Raises if it cannot be asked for."""
        ...

    def at_once(self, way: Way_contra, askers: Sequence[Any]) -> Sequence[Any]:
        """What the askers want to know, in their order, up to the first one who cannot be told in a moment."""
        ...

    async def answer(self, connection: Connection, way: Way_contra, askers: Sequence[Any]) -> Sequence[Any]:
        """What each asker wants to know, in their order. Raises if it cannot be told to all of them."""
        ...


class Booking:
    """What somebody wants to know, to which more may be added until it has `left`, and the answer."""

    __slots__ = ("answer", "left", "what")

    def __init__(self, what: Any, answer: "asyncio.Future[Any]") -> None:
        self.what = what
        self.answer = answer
        self.left = False


class _Asked(NamedTuple):
    what: Any
    answer: "asyncio.Future[Any]"


class Trips(Generic[Connection, Way]):
    """Takes what is asked for to the database. What goes the same way may go together."""

    def __init__(self, vehicle: Vehicle[Connection, Way]) -> None:
        self._vehicle = vehicle
        self._booked: list[Booking] = []
        self._waiting: dict[Way, list[_Asked]] = {}
        self._under_way: dict[asyncio.Task[None], list[_Asked]] = {}
        """The trips, and who is aboard once they have left."""

    def book(self, what: Any) -> Booking:
        """The answer comes as soon as a trip has brought it."""
        loop = asyncio.get_running_loop()
        if not self._booked:
            loop.call_soon(self._leave)  # behind all that runs now, and may ask for something too
        booking = Booking(what, loop.create_future())
        self._booked.append(booking)
        return booking

    def _leave(self) -> None:
        booked, self._booked = self._booked, []
        ways = []
        for booking in booked:
            booking.left = True
            try:
                way, what = self._vehicle.routed(booking.what)
            except Exception as error:  # noqa: BLE001 - whoever waits is told
                _tell(booking.answer, error)
                continue
            if way not in self._waiting:
                self._waiting[way] = []
                ways.append(way)
            self._waiting[way].append(_Asked(what, booking.answer))
        for way in ways:
            self._set_out(way)

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
            _tell(one.answer, error)


def _tell(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
        answer.exception()  # seen, even if nobody waits any more: else asyncio complains of it in the log
