"""Processes that die, inside the test's own: work that ends where it waits, as if nobody would ever go on with it."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Died(BaseException):
    """The end of a process."""


class _Mortal(Generic[T]):
    """Work that is cancelled at one of its waits."""

    def __init__(self, work: Coroutine[Any, Any, T], waits: int) -> None:
        self._work = work
        self._left = waits

    def __await__(self) -> Generator[Any, Any, T]:
        failure: BaseException | None = None
        while True:
            try:
                waits_for = self._work.send(None) if failure is None else self._work.throw(failure)
            except StopIteration as end:
                answer: T = end.value
                return answer
            self._left -= 1
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None, "it runs in a task"
                task.cancel()
            failure = None
            try:
                yield waits_for
            except BaseException as raised:  # noqa: BLE001 - whatever it is, it is the work's
                failure = raised


async def dying(work: Coroutine[Any, Any, T], waits: int) -> T:
    """Does some work, unless it waits so many times: there it dies. Raises Died."""

    async def live() -> T:
        return await _Mortal(work, waits)

    task = asyncio.create_task(live())
    await asyncio.wait([task])
    if task.cancelled():
        raise Died
    return task.result()
