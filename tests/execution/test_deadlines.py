"""One timer for all: whoever takes too long is cut, whoever does not is left alone."""

import asyncio

import pytest

from execution.deadlines import Deadlines


async def takes(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


async def test_each_task_has_its_own_time() -> None:
    deadlines = Deadlines(0.05)
    for _ in range(3):
        assert await deadlines.keep(takes(0)) == 0
    tasks = []
    for seconds in (600, 0, 600):
        tasks.append(asyncio.create_task(deadlines.keep(takes(seconds))))
        await asyncio.sleep(0.01)
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [TimeoutError, int, TimeoutError]
    with pytest.raises(TimeoutError):
        await deadlines.keep(takes(600))
    assert not deadlines._began
    assert not deadlines._cut


async def test_a_task_that_was_cut_can_go_on_with_something_else() -> None:
    with pytest.raises(TimeoutError):
        await Deadlines(0.01).keep(takes(600))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert await takes(0.01) == 0.01


async def test_what_somebody_else_cancels_is_cancelled() -> None:
    deadlines = Deadlines(600)
    task = asyncio.create_task(deadlines.keep(takes(600)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not deadlines._began


async def test_work_that_ends_as_it_is_cut_leaves_no_trace() -> None:
    async def ends_all_the_same() -> int:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            return 7
        return 0

    deadlines = Deadlines(0.01)
    assert await deadlines.keep(ends_all_the_same()) == 7
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    with pytest.raises(TimeoutError):
        await deadlines.keep(takes(600))
