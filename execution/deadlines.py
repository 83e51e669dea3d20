"""Ends what takes too long."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

Result = TypeVar("Result")


class Deadlines:
    """Gives each task the same number of seconds, with one timer for all of them.

    asyncio.timeout has a timer for each: it took as long as a small operation takes altogether.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._began: dict[asyncio.Task[Any], float] = {}
        """When each task began, the oldest first."""
        self._cut: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def keep(self, work: Awaitable[Result]) -> Result:
        """The result of the work. Raises TimeoutError when it takes too long, and cancels it then."""
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "operations run in tasks"
        now = self._began[task] = loop.time()
        cancelling = task.cancelling()
        if self._timer is None or self._loop is not loop:
            self._loop = loop
            self._timer = loop.call_at(now + self._seconds, self._look, loop)
        try:
            return await work
        except asyncio.CancelledError:
            if task in self._cut and task.cancelling() <= cancelling + 1:
                raise TimeoutError from None
            raise  # by somebody else
        finally:
            del self._began[task]
            if task in self._cut:
                self._cut.discard(task)
                task.uncancel()

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cuts what has begun too long ago, and looks again when the next one will have."""
        self._timer = None
        for task, began in self._began.items():
            if task in self._cut:
                continue
            if loop.time() < began + self._seconds:
                self._timer = loop.call_at(began + self._seconds, self._look, loop)
                return
            self._cut.add(task)
            task.cancel()
