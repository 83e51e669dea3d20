"""Reading what the edges of a level need: each function once, for all rows together, and all functions side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Hashable, Iterable, Sequence
from inspect import isawaitable
from types import CoroutineType
from typing import Any

from strawberry.exceptions import WrongNumberOfResultsReturned

from execution.loaders import key_of


class Ask:
    """One call of a function, and what came of it: `values`, one for each row, or an `error` for all of them."""

    __slots__ = ("_arguments", "_coroutine", "_function", "error", "rows", "values", "waits_for")

    def __init__(self, function: Callable[..., Any], arguments: dict[str, Any], rows: list[Any] | None) -> None:
        self._function = function
        self._arguments = arguments
        self._coroutine: Coroutine[Any, Any, Any] | None = None
        self.rows = rows
        """The rows that a batch function is asked about; None for a root's function, which has no row."""
        self.values: Sequence[Any] = ()
        self.error: Exception | None = None
        self.waits_for: asyncio.Future[Any] | None = None
        """What the function waits for; None before it is called, and once all is said."""

    @property
    def key(self) -> Hashable:
        """What tells equal calls apart from others."""
        return key_of(self._function, self._arguments)

    def begin(self, context: Any) -> None:
        """Calls the function, which runs until it waits for something."""
        try:
            if self.rows is None:
                result = self._function(context, **self._arguments)
            else:
                result = self._function(context, self.rows, **self._arguments)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            self.error = error
            return
        if result.__class__ is CoroutineType:
            self._coroutine = result
            self.go_on()
        elif isawaitable(result):
            self._coroutine = _awaiting(result)
            self.go_on()
        else:
            self._end(result)

    def go_on(self, thrown: BaseException | None = None) -> None:
        """Lets the function run on, or gives it an error where it waits, until it waits again or ends."""
        coroutine = self._coroutine
        assert coroutine is not None, "it has begun and has to wait"
        self.waits_for = None
        try:
            future: asyncio.Future[Any] | None = coroutine.send(None) if thrown is None else coroutine.throw(thrown)
        except StopIteration as stop:
            self._end(stop.value)
            return
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            self.error = error
            return
        if future is None:  # it lets others go first, as asyncio.sleep(0) does
            future = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, None)
        future._asyncio_future_blocking = False  # so a task says that it has seen what a coroutine waits for
        self.waits_for = future

    def __await__(self) -> Generator[Any, None, None]:
        """Lets the function run to its end as if it had been awaited: who cancels the task cancels the function."""
        while self.waits_for is not None:
            self.waits_for._asyncio_future_blocking = True
            try:
                yield self.waits_for
            except BaseException as error:  # noqa: BLE001 - the function decides what becomes of it
                self.go_on(error)
            else:
                self.go_on()

    def give_up(self) -> None:
        """Ends the function where it waits."""
        assert self._coroutine is not None, "it waits"
        self._coroutine.close()

    def _end(self, result: Any) -> None:
        if isinstance(result, Exception):
            self.error = result
        elif self.rows is None:
            self.values = (result,)
        elif len(values := list(result)) == len(self.rows):
            self.values = values
        else:
            self.error = WrongNumberOfResultsReturned(expected=len(self.rows), received=len(values))


async def read(context: Any, asked: Sequence[Ask]) -> None:
    """Makes the calls, side by side. Errors are noted, not raised."""
    for ask in asked:
        ask.begin(context)
    await wait(asked)


async def wait(asked: Iterable[Ask]) -> None:
    """Lets calls that have begun run to their ends, in turns, each until it waits for something.

    A task for each would cost more than most of them. So what works by cancelling its task, such as a timeout, has its
    place in a function that is called alone: a root's that changes something.
    """
    waiting = [ask for ask in asked if ask.waits_for is not None]
    try:
        while len(waiting) > 1:
            await _any_of({ask.waits_for for ask in waiting if ask.waits_for is not None})
            for ask in waiting:
                if ask.waits_for is not None and ask.waits_for.done():
                    ask.go_on()
            waiting = [ask for ask in waiting if ask.waits_for is not None]
        for ask in waiting:
            await ask
    finally:
        for ask in waiting:
            if ask.waits_for is not None:
                ask.give_up()


async def _any_of(futures: "Collection[asyncio.Future[Any]]") -> None:
    """Waits until one of the futures is done."""
    if any(future.done() for future in futures):
        return
    bell: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring(_: "asyncio.Future[Any]") -> None:
        if not bell.done():
            bell.set_result(None)

    for future in futures:
        future.add_done_callback(ring)
    await bell


async def _awaiting(result: Awaitable[Any]) -> Any:
    return await result
