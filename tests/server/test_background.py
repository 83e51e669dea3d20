"""Work beside the requests: again and again, whatever becomes of it, until the server stops."""

import asyncio

import pytest

from models.database import UnavailableError
from server.background import now_and_then


@pytest.mark.parametrize("error", [UnavailableError("away"), ValueError("broken")])
async def test_work_goes_on_after_a_failure(error: Exception) -> None:
    tries, done = 0, asyncio.Event()

    async def work() -> None:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise error
        done.set()

    async with asyncio.timeout(20), now_and_then("working", 0.001, work):
        await done.wait()


async def test_work_is_done_again() -> None:
    done = asyncio.Semaphore(0)

    async def work() -> None:
        done.release()

    async with asyncio.timeout(20), now_and_then("working", 0.001, work):
        for _ in range(3):
            await done.acquire()


async def test_work_that_waits_for_its_turn_stops_at_once() -> None:
    async def work() -> None:
        raise AssertionError("it is not its turn")

    async with asyncio.timeout(5), now_and_then("working", 3_600, work):
        await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "working"]


async def test_work_that_takes_its_time_is_ended_with_the_server() -> None:
    begun, ended = asyncio.Event(), False

    async def work() -> None:
        nonlocal ended
        begun.set()
        try:
            await asyncio.sleep(3_600)
        finally:
            ended = True

    async with asyncio.timeout(20), now_and_then("working", 0.001, work):
        await begun.wait()
    assert ended
