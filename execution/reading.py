"""Reading what the edges of a level need: each function once, for all rows together, and all functions side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from strawberry.exceptions import WrongNumberOfResultsReturned

from execution.loaders import key_of


class Ask:
    """One call of a function, and what came of it: `values`, one for each row, or an `error` for all of them."""

    __slots__ = ("_arguments", "_function", "error", "result", "rows", "values")

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any], rows: list[Any] | None) -> None:
        self._function = function
        self._arguments = arguments
        self.rows = rows
        """The rows that a batch function is asked about; None for a root's function, which has no row."""
        self.values: Sequence[Any] = ()
        self.error: Exception | None = None
        self.result: Awaitable[Any] | None = None
        """What has to be awaited before there are values."""

    @property
    def key(self) -> Hashable:
        """What tells equal calls apart from others."""
        return key_of(self._function, self._arguments)

    def begin(self, context: Any) -> None:
        """Calls the function. All is said then, unless there is a `result` to be awaited."""
        try:
            if self.rows is None:
                result = self._function(context, **self._arguments)
            else:
                result = self._function(context, self.rows, **self._arguments)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            self.error = error
            return
        if result.__class__ is CoroutineType or isawaitable(result):
            self.result = result
        else:
            self.end(result)

    def end(self, result: Any) -> None:
        """Takes what the function returned, or raised."""
        self.result = None
        if isinstance(result, Exception):
            self.error = result
        elif self.rows is None:
            self.values = (result,)
        elif len(values := list(result)) == len(self.rows):
            self.values = values
        else:
            self.error = WrongNumberOfResultsReturned(expected=len(self.rows), received=len(values))


async def read(context: Any, asked: Sequence[Ask]) -> None:
    """Makes the calls, side by side if several have to wait. Errors are noted, not raised."""
    for ask in asked:
        ask.begin(context)
    await wait([ask for ask in asked if ask.result is not None])


async def wait(asked: Sequence[Ask]) -> None:
    """Waits for calls that have begun, side by side. Errors are noted, not raised."""
    if len(asked) > 1:
        await _side_by_side([(ask, _coroutine(ask.result)) for ask in asked if ask.result is not None])
        return
    for ask in asked:
        assert ask.result is not None, "it has to wait"
        try:
            ask.end(await ask.result)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            ask.error = error


async def _side_by_side(ready: list[tuple[Ask, Coroutine[Any, Any, Any]]]) -> None:
    """Runs coroutines in turns, each until it waits for a future. A task for each would cost more than most of them."""
    waiting: list[tuple[Ask, Coroutine[Any, Any, Any], asyncio.Future[Any]]] = []
    try:
        while ready:
            waiting += [(ask, coroutine, future) for ask, coroutine in ready if (future := _step(ask, coroutine))]
            await _any_of([future for _, _, future in waiting])
            ready = [(ask, coroutine) for ask, coroutine, future in waiting if future.done()]
            waiting = [wait for wait in waiting if not wait[2].done()]
    finally:
        for coroutine in [*(each for _, each in ready), *(each for _, each, _ in waiting)]:
            coroutine.close()


async def _any_of(futures: "list[asyncio.Future[Any]]") -> None:
    """Waits until one of the futures is done; not at all if there is none."""
    if not futures or any(future.done() for future in futures):
        return
    bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(_: "asyncio.Future[Any]") -> None:
        if not bell.done():
            bell.set_result(None)

    for future in set(futures):
        future.add_done_callback(ring)
    await bell


def _step(ask: Ask, coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Future[Any] | None":
    """Lets a coroutine run on. Returns what it waits for then, or None when it is done."""
    try:
        future: asyncio.Future[Any] | None = coroutine.send(None)
    except StopIteration as stop:
        ask.end(stop.value)
        return None
    except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
        ask.error = error
        return None
    if future is None:  # it lets others go first, as asyncio.sleep(0) does
        future = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_result, None)
    future._asyncio_future_blocking = False  # so a task says that it has seen what a coroutine waits for
    return future


def _coroutine(result: Awaitable[Any]) -> Coroutine[Any, Any, Any]:
    async def awaited() -> Any:
        return await result

    return result if isinstance(result, CoroutineType) else awaited()
