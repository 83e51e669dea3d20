"""Calls of one level run in turns, in one task: each goes on when what it waits for is there."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from execution.reading import Ask, read

Log = list[str]


def asks(*functions: Callable[[Log], Awaitable[Any]]) -> list[Ask]:
    return [Ask(function, {}, None) for function in functions]


async def test_one_that_waits_for_another_holds_nobody_up() -> None:
    given: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def takes(log: Log) -> str:
        log.append("takes")
        return f"taken: {await given}"

    async def gives(log: Log) -> int:
        log.append("gives")
        await asyncio.sleep(0)
        await asyncio.to_thread(log.append, "in a thread")
        given.set_result("it")
        await asyncio.sleep(0.001)
        log.append("given")
        return 7

    log: Log = []
    asked = asks(takes, gives)
    await asyncio.wait_for(read(log, asked), timeout=5)
    assert [ask.values for ask in asked] == [("taken: it",), (7,)]
    assert log == ["takes", "gives", "in a thread", "given"]


async def test_one_that_fails_fails_alone() -> None:
    async def fails(_: Log) -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def works(_: Log) -> int:
        await asyncio.sleep(0.001)
        return 1

    first, second, third = asks(fails, works, fails)
    await read([], [first, second, third])
    assert [str(ask.error) for ask in (first, third)] == ["no", "no"]
    assert (second.values, second.error) == ((1,), None)


async def test_whoever_is_interrupted_leaves_nothing_running() -> None:
    ended: Log = []

    async def waits(log: Log) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            log.append("ended")

    async def is_done(_: Log) -> None:
        return None

    reading = asyncio.create_task(read(ended, asks(waits, is_done, waits)))
    await asyncio.sleep(0.001)
    assert ended == []
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert ended == ["ended", "ended"]


async def test_what_is_no_coroutine_is_waited_for_too() -> None:
    def soon(_: Log) -> "asyncio.Future[int]":
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.001, future.set_result, 3)
        return future

    asked = asks(soon, soon)
    await read([], asked)
    assert [ask.values for ask in asked] == [(3,), (3,)]


async def test_one_that_is_alone_may_give_itself_a_time() -> None:
    async def gives_up(log: Log) -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            log.append("in vain")
        async with asyncio.TaskGroup() as group:  # which cancels its parent when a task fails
            group.create_task(asyncio.sleep(0))
        return "gone on"

    log: Log = []
    asked = asks(gives_up)
    await read(log, asked)
    assert (asked[0].values, log) == (("gone on",), ["in vain"])


async def test_who_cancels_one_that_is_alone_interrupts_it_where_it_waits() -> None:
    async def tidies_up(log: Log) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            log.append("tidied up")
            raise

    log: Log = []
    reading = asyncio.create_task(read(log, asks(tidies_up)))
    await asyncio.sleep(0.001)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert log == ["tidied up"]
