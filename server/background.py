"""Work that goes on beside the requests."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import structlog

from models.database import DatabaseError
from server.errors import logged

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.background")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    """Runs work that has no end of its own for as long as the block runs; then it is cancelled."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def now_and_then(
    name: str, every_seconds: float, work: Callable[[], Awaitable[object]]
) -> AbstractAsyncContextManager[None]:
    """Does some work again and again for as long as the block runs; what fails is tried again."""
    return beside(_again(name, every_seconds, work), name)


async def _again(name: str, every_seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    while True:
        # Not all processes at the same time: whoever comes first has done it for the others.
        await asyncio.sleep(every_seconds * random.uniform(0.5, 1.5))
        try:
            done = await work()
        except DatabaseError as error:
            log.warning("not done", task=name, reason=repr(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            logged(error, task=name)
        else:
            log.debug("done", task=name, result=done)
