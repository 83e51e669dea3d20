"""Reading what the edges of a level need: each function once, for all rows together, and all functions side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from strawberry.exceptions import WrongNumberOfResultsReturned

from execution.loaders import key_of


class Ask:
    """One call of a function, and what came of it: `values`, one for each row, or an `error` for all of them."""

    __slots__ = ("_arguments", "_function", "error", "rows", "values")

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any], rows: list[Any] | None) -> None:
        self._function = function
        self._arguments = arguments
        self.rows = rows
        """The rows that a batch function is asked about; None for a root's function, which has no row."""
        self.values: Sequence[Any] = ()
        self.error: Exception | None = None

    @property
    def key(self) -> Hashable:
        """What tells equal calls apart from others."""
        return key_of(self._function, self._arguments)

    def begin(self, context: Any) -> Awaitable[Any] | None:
        """Calls the function. Returns what is to be awaited, or None when all is said."""
        try:
            if self.rows is None:
                result = self._function(context, **self._arguments)
            else:
                result = self._function(context, self.rows, **self._arguments)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            self.error = error
            return None
        if result.__class__ is CoroutineType or isawaitable(result):
            return result
        self.end(result)
        return None

    def end(self, result: Any) -> None:
        """Takes what the function returned, or raised."""
        if isinstance(result, Exception):
            self.error = result
        elif self.rows is None:
            self.values = (result,)
        elif len(values := list(result)) == len(self.rows):
            self.values = values
        else:
            self.error = WrongNumberOfResultsReturned(expected=len(self.rows), received=len(values))


async def read(context: Any, asked: Iterable[Ask]) -> None:
    """Makes the calls, side by side if several have to wait. Errors are noted, not raised."""
    waiting = [(ask, result) for ask in asked if (result := ask.begin(context)) is not None]
    if len(waiting) == 1:
        [(ask, result)] = waiting
        try:
            ask.end(await result)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            ask.error = error
    elif waiting:
        results = await asyncio.gather(*(result for _, result in waiting), return_exceptions=True)
        for (ask, _), outcome in zip(waiting, results, strict=True):
            if isinstance(outcome, BaseException) and not isinstance(outcome, Exception):
                raise outcome
            ask.end(outcome)
