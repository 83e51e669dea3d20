"""Signing in is slowed down for whoever guesses, and soon goes on for everybody else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis as RedisClient

from resolvers import accounts, tries
from resolvers.context import App, Context
from resolvers.errors import InputError, NotPermittedError, Refused
from resolvers.tries import Tries, TriesInMemory
from server import shared_counts
from server.shared_counts import SharedCounts
from server.shared_tries import SharedTries
from tests.harness.clock import Clock
from tests.harness.redis import Redis

PASSWORD, WRONG = "correct horse battery", "wrong horse battery"
FREE, FREE_FROM_ADDRESS = Tries.FREE_FOR_ACCOUNT, Tries.FREE_FROM_ADDRESS

pytestmark = pytest.mark.usefixtures("quick_passwords")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with Redis() as redis:
        yield redis


@pytest.fixture(params=["memory", "redis"])
async def counted(
    request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Tries]:
    """Tries by a clock of the test's own, in memory and in Redis: they are counted alike."""
    if request.param == "memory":
        yield TriesInMemory(clock)
        return
    monkeypatch.setattr(shared_counts, "PATIENCE_SECONDS", 10.0)
    url = request.getfixturevalue("redis").url
    async with RedisClient.from_url(url) as client:
        await client.flushall()
    async with SharedCounts(url) as counts:
        yield SharedTries(counts, clock)


@pytest.fixture
def slow(app: App, counted: Tries) -> App:
    """The product, with a clock of the test's own for tries."""
    return replace(app, tries=counted)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that argon2 was run for."""
    found: list[str] = []
    matches = accounts._matches

    def noting(stored: str, password: str) -> bool:
        found.append(password)
        return matches(stored, password)

    monkeypatch.setattr(accounts, "_matches", noting)
    return found


async def answer(app: App, handle: str, password: str = WRONG, address: str = "10.0.0.1") -> Any:
    """The error that signing in is refused with; None if it succeeds."""
    try:
        await accounts.sign_in(Context(app, None, network=address), handle, password)
    except Refused as refused:
        [error] = refused.errors
        return error
    return None


# For how long


async def test_tries_wait_twice_as_long_each_time_up_to_a_minute(counted: Tries, clock: Clock) -> None:
    assert [await counted.begin("ada", f"{n}") for n in range(FREE)] == [0.0] * FREE
    pauses = []
    for n in range(9):
        pauses.append(await counted.begin("ada", f"again {n}"))
        clock.now += pauses[-1]
        assert await counted.begin("ada", f"then {n}") == 0
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_a_try_that_comes_too_early_does_not_lengthen_the_wait(counted: Tries, clock: Clock) -> None:
    for _ in range(FREE):
        await counted.begin("ada", "here")
    assert [await counted.begin("ada", "here") for _ in range(50)] == [1.0] * 50


async def test_without_an_account_the_address_alone_waits(counted: Tries) -> None:
    for _ in range(counted.FREE_FROM_ADDRESS):
        assert await counted.begin(None, "here") == 0
        await counted.succeeded(None, "here")
    for _ in range(counted.FREE_FROM_ADDRESS):
        assert await counted.begin(None, "here") == 0
    assert await counted.begin(None, "here") > 0
    assert await counted.begin("ada", "here") > 0
    assert await counted.begin("ada", "there") == 0


async def test_wrong_passwords_are_forgiven_one_by_one(counted: Tries, clock: Clock) -> None:
    for _ in range(FREE):
        await counted.begin("ada", "here")
    clock.now += 2 * tries.FORGIVEN_SECONDS
    assert [await counted.begin("ada", "here") for _ in range(4)] == [0, 0, 1, 1]


async def test_an_address_that_tries_many_handles_waits_and_others_do_not(counted: Tries, clock: Clock) -> None:
    assert [await counted.begin(f"p{n}", "here") for n in range(FREE_FROM_ADDRESS)] == [0.0] * FREE_FROM_ADDRESS
    assert await counted.begin("somebody", "here") == 1
    assert await counted.begin("somebody", "there") == 0


async def test_a_right_password_clears_the_account_but_not_what_its_address_did_to_others(
    counted: Tries, clock: Clock
) -> None:
    for n in range(FREE_FROM_ADDRESS - 1):
        await counted.begin(f"p{n}", "here")
    for _ in range(3):
        assert await counted.begin("ada", "here") == 0
        await counted.succeeded("ada", "here")
    assert await counted.begin("p0", "here") == 0
    assert await counted.begin("ada", "here") == 1


async def test_no_more_is_remembered_than_the_bound(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "MAX_KEYS", 3)
    counted = TriesInMemory(clock)
    for n in range(100):
        await counted.begin("ada", f"address {n}")
        clock.now += 60
    assert len(counted._addresses._tried) == 3
    assert counted._accounts._tried.keys() == {"ada"}


# What it does


async def test_after_several_wrong_passwords_the_next_try_waits_and_then_goes_on(slow: App, clock: Clock) -> None:
    await accounts.sign_up(Context(slow, None), "ada", None, PASSWORD)
    assert [type(await answer(slow, "ada")) for _ in range(FREE)] == [InputError] * FREE
    assert await answer(slow, "@ADA", PASSWORD) == NotPermittedError(
        "There were too many wrong passwords. Try again in one second."
    )
    clock.now += 1
    assert await answer(slow, "ada", PASSWORD) is None
    assert [type(await answer(slow, "ada")) for _ in range(FREE)] == [InputError] * FREE


async def test_for_a_try_that_waits_no_password_is_checked(slow: App, checked: list[str]) -> None:
    await accounts.sign_up(Context(slow, None), "ada", None, PASSWORD)
    for _ in range(FREE + 10):
        await answer(slow, "ada")
    assert await answer(slow, "ada", PASSWORD) is not None
    assert checked == [WRONG] * FREE


async def test_many_tries_at_once_are_as_many_tries(slow: App, checked: list[str]) -> None:
    await accounts.sign_up(Context(slow, None), "ada", None, PASSWORD)
    await asyncio.gather(*(answer(slow, "ada", address=f"10.0.0.{n}") for n in range(30)))
    assert len(checked) == FREE


async def test_an_unknown_handle_is_slowed_down_like_a_wrong_password(slow: App, clock: Clock) -> None:
    await accounts.sign_up(Context(slow, None), "ada", None, PASSWORD)
    answers: dict[str, list[Any]] = {"ada": [], "nobody": [], "no handle at all": []}
    for _ in range(FREE + 8):
        for handle, found in answers.items():
            found.append(await answer(slow, handle, address=handle))
        clock.now += 1
    assert len({type(error) for error in answers["ada"]}) == 2
    assert answers["ada"] == answers["nobody"] == answers["no handle at all"]


async def test_an_address_that_guesses_waits_whomever_it_tries(slow: App, checked: list[str]) -> None:
    await accounts.sign_up(Context(slow, None), "ada", None, PASSWORD)
    for n in range(FREE_FROM_ADDRESS):
        assert isinstance(await answer(slow, f"person_{n}"), InputError)
    assert isinstance(await answer(slow, "ada", PASSWORD), NotPermittedError)
    assert await answer(slow, "ada", PASSWORD, address="10.0.0.2") is None
    assert len(checked) == FREE_FROM_ADDRESS + 1
