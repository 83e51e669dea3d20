"""Reads that are asked for at the same moment, sent together, with those that will be asked for next."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from models.database.connection import Ask, Database, KeysFrom, Reader, Transaction, values_of
from models.database.errors import UnavailableError
from models.database.statements import Params, Query, Row
from models.database.trips import Booking


class Prefetch(NamedTuple):
    """A read that will be asked for next: its `keys` are in a column of the rows that are read now."""

    query: Query[Any]
    params: Params
    """All but the keys."""
    column: int
    """Where the rows that are read now have the key."""
    key: int
    """Where those of `query` have it."""


class _Known(NamedTuple):
    prefetch: Prefetch
    keys: set[Any]
    rows: list[Any]


class _Ahead(NamedTuple):
    prefetch: Prefetch
    source: int
    """The place of the read whose rows have the keys."""
    place: int
    """The place of the read itself."""


class Gathering(Reader):
    """The reads of one operation: what its fields ask for at once makes one trip to the database.

    A read that stands alone goes alone, and at once. One that is asked for twice is made once; its rows are shared.
    With rows of a type comes what `prefetches` says of it: who asks for that next has it without another trip.
    """

    def __init__(self, database: Database) -> None:
        self.prefetches: Mapping[type[Any], Sequence[Prefetch]] = {}
        """By the type of the rows behind which they are read."""
        self._database = database
        self._booking: Booking | None = None
        self._ahead: list[_Ahead] = []
        """What of the booking will be asked for next."""
        self._answers: list[asyncio.Future[Any]] = []
        self._is_over = False
        self._known: dict[Query[Any], list[_Known]] = {}

    async def fetch(self, query: Query[Row], **params: Any) -> list[Row]:
        if query in self._known and (known := self._known_rows(query, params)) is not None:
            return known
        booking = self._booking
        if booking is None or booking.left:
            booking = self._booking = self._book([])
            self._ahead = []
        ahead = self._ahead
        place = self._place(booking.what, query, params)
        try:
            answers = await booking.answer
        except UnavailableError:
            raise
        except asyncio.CancelledError:
            if self._is_over or _is_cancelled():
                raise
        except Exception:
            if len(booking.what) == 1:
                raise
        else:
            self._keep(ahead, answers)
            return answers[place]  # type: ignore[no-any-return]
        # One of them is at fault, or has gone away: it must not take the others with it.
        [rows] = await self._book([booking.what[place]]).answer
        return rows  # type: ignore[no-any-return]

    async def first(self, query: Query[Row], **params: Any) -> Row | None:
        rows = await self.fetch(query, **params)
        return rows[0] if rows else None

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of the database's own."""
        return self._database.transaction()

    def let_go(self) -> None:
        """Waits for no read any longer; what the database has begun for nobody else, it ends."""
        self._is_over = True
        for answer in self._answers:
            if answer.cancelled() or not answer.done():
                self._database.let_go(answer)

    def _book(self, asks: list[Ask]) -> Booking:
        booking = self._database.book(asks)
        self._answers.append(booking.answer)
        return booking

    def _place(self, asks: list[Ask], query: Query[Any], params: dict[str, Any]) -> int:
        """Where a read stands among those that go together."""
        for place, ask in enumerate(asks):
            if ask.query is query and ask.params == params:
                return place
        place = len(asks)
        asks.append(Ask(query, params))
        if query.row in self.prefetches:
            self._add_ahead(asks, place, (query.row,))
        return place

    def _add_ahead(self, asks: list[Ask], source: int, above: tuple[type[Any], ...]) -> None:
        """Adds what will be asked for behind a read, and behind that, but nothing behind rows of its own type."""
        for prefetch in self.prefetches.get(asks[source].query.row, ()):
            place, row = len(asks), prefetch.query.row
            asks.append(Ask(prefetch.query, {**prefetch.params, "keys": KeysFrom(source, prefetch.column)}))
            self._ahead.append(_Ahead(prefetch, source, place))
            if row not in above:
                self._add_ahead(asks, place, (*above, row))

    def _keep(self, ahead: list[_Ahead], answers: list[list[Any]]) -> None:
        keys: dict[tuple[int, int], set[Any]] = {}
        for prefetch, source, place in ahead:
            column = source, prefetch.column
            if column not in keys:
                keys[column] = values_of(answers[source], prefetch.column)
            self._known.setdefault(prefetch.query, []).append(_Known(prefetch, keys[column], answers[place]))
        ahead.clear()

    def _known_rows(self, query: Query[Row], params: dict[str, Any]) -> list[Row] | None:
        keys = set(params["keys"])
        for prefetch, known_keys, rows in self._known[query]:
            if keys <= known_keys and {**prefetch.params, "keys": params["keys"]} == params:
                return rows if len(keys) == len(known_keys) else [row for row in rows if row[prefetch.key] in keys]
        return None


def _is_cancelled() -> bool:
    """Whether who waits is cancelled, and not just what is waited for: that others wait for too."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
