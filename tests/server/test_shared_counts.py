"""Requests, and tries to sign in, that several processes count together, in a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from redis.asyncio import Redis as Client

from resolvers.tries import FORGIVEN_SECONDS, Tries, TriesInMemory
from server import rate_limits, shared_counts
from server.answers import HttpError
from server.counting import counting
from server.rate_limits import RateLimits
from server.settings import Settings
from server.shared_counts import SharedCounts
from server.shared_tries import SharedTries
from tests.harness.redis import Redis

HERE: dict[str, object] = {"client": ("10.0.0.1", 1)}
THERE: dict[str, object] = {"client": ("10.0.0.2", 1)}


@pytest.fixture
def redis() -> Iterator[Redis]:
    with Redis() as redis:
        yield redis


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PER_ADDRESS", 3)
    monkeypatch.setattr(shared_counts, "PATIENCE_SECONDS", 10.0)


@pytest.fixture
async def counts(redis: Redis) -> AsyncIterator[SharedCounts]:
    async with SharedCounts(redis.url) as counts:
        yield counts


async def passes(limits: RateLimits, scope: dict[str, object] = HERE) -> bool:
    try:
        await limits.count_address(scope)
    except HttpError:
        return False
    return True


async def test_processes_count_together(redis: Redis, counts: SharedCounts) -> None:
    async with SharedCounts(redis.url) as others:
        one, other = RateLimits(counts.limit), RateLimits(others.limit)
        assert [await passes(limits) for limits in (one, other, one, other, one)] == [True, True, True, False, False]
        assert await passes(one, THERE)
    with pytest.raises(HttpError) as caught:
        await one.count_address(HERE)
    assert (caught.value.status, caught.value.code) == (429, "RATE_LIMITED")
    assert 1 <= int(caught.value.headers["retry-after"]) <= rate_limits.WINDOW_SECONDS


async def test_a_client_that_is_gone_leaves_nothing_behind(redis: Redis, counts: SharedCounts) -> None:
    await passes(RateLimits(counts.limit))
    client = Client.from_url(redis.url)
    keys = await client.keys("*")
    assert keys
    assert all([0 < await client.ttl(key) <= 2 * rate_limits.WINDOW_SECONDS for key in keys])
    await client.aclose()


async def test_requests_go_on_while_redis_is_away_and_one_line_tells_it(
    redis: Redis, counts: SharedCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = RateLimits(counts.limit)
    assert await passes(limits)
    monkeypatch.setattr(shared_counts, "log", structlog.get_logger())  # another test may have bound the module's own
    redis.stop()
    with structlog.testing.capture_logs() as lines:
        # Each process counts for itself: three more, and no others.
        assert [await passes(limits) for _ in range(5)] == [True, True, True, False, False]
        monkeypatch.setattr(shared_counts, "PAUSE_SECONDS", 0.0)
        counts._away_until = 0.0
        assert not await passes(limits)
    assert [line["log_level"] for line in lines] == ["warning"]
    redis.start()
    with structlog.testing.capture_logs() as lines:
        assert [await passes(limits) for _ in range(4)] == [True, True, True, False]
    assert [line["log_level"] for line in lines] == ["info"]


async def test_a_redis_that_never_was_there_holds_nobody_up() -> None:
    settings = Settings(rate_limit_storage="unix:///nowhere/redis.sock")
    async with counting(settings) as (limits, tries):
        assert limits is not None
        assert [await passes(limits) for _ in range(4)] == [True, True, True, False]
        assert [await tries.begin("ada", "here") for _ in range(5)] == [0.0] * 5


async def test_without_a_redis_counts_are_in_memory_and_without_limits_there_are_none() -> None:
    async with counting(Settings()) as (limits, tries):
        assert isinstance(limits, RateLimits)
        assert isinstance(tries, TriesInMemory)
        assert [await passes(limits) for _ in range(4)] == [True, True, True, False]
    async with counting(Settings(rate_limits=False)) as (limits, _):
        assert limits is None


async def test_without_limits_tries_are_counted_together_all_the_same(redis: Redis) -> None:
    settings = Settings(rate_limits=False, rate_limit_storage=redis.url)
    async with counting(settings) as (limits, tries):
        assert limits is None
        assert isinstance(tries, SharedTries)
        waits = [await tries.begin("ada", "here") for _ in range(Tries.FREE_FOR_ACCOUNT + 1)]
        assert waits[:-1] == [0.0] * Tries.FREE_FOR_ACCOUNT
        assert 0 <= waits[-1] <= 1


async def test_processes_count_tries_together(redis: Redis, counts: SharedCounts) -> None:
    async with SharedCounts(redis.url) as others:
        both = [SharedTries(each, lambda: 1000.0) for each in (counts, others)]
        assert [await both[n % 2].begin("ada", "here") for n in range(7)] == [0.0] * 5 + [1.0, 1.0]
        await both[0].succeeded("ada", "here")
        assert await both[1].begin("ada", "here") == 0


async def test_tries_go_on_while_redis_is_away_and_are_counted_there_again(
    redis: Redis, counts: SharedCounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_counts, "PAUSE_SECONDS", 0.0)
    tries = SharedTries(counts, lambda: 1000.0)
    assert [await tries.begin("ada", "here") for _ in range(6)] == [0.0] * 5 + [1.0]
    redis.stop()
    # This process counts for itself: five more, and no others.
    assert [await tries.begin("ada", "here") for _ in range(6)] == [0.0] * 5 + [1.0]
    await tries.succeeded("ada", "here")
    assert await tries.begin("ada", "here") == 0
    redis.start()  # and has forgotten what it knew
    assert [await tries.begin("ada", "here") for _ in range(6)] == [0.0] * 5 + [1.0]


async def test_tries_that_are_forgiven_leave_nothing_behind(redis: Redis, counts: SharedCounts) -> None:
    tries = SharedTries(counts)
    for n in range(8):
        await tries.begin("Any text, {} \ud800 \0", f"address {n}")
    client = Client.from_url(redis.url)
    keys = await client.keys("*")
    assert len(keys) == 1 + Tries.FREE_FOR_ACCOUNT
    assert all([0 < await client.ttl(key) <= Tries.FREE_FOR_ACCOUNT * FORGIVEN_SECONDS for key in keys])
    await client.aclose()
