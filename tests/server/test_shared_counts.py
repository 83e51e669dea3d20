"""Requests that several processes count together, in a real Redis."""

from collections.abc import AsyncIterator, Iterator

import pytest
import structlog
from redis.asyncio import Redis as Client

from server import rate_limits, shared_counts
from server.answers import HttpError
from server.rate_limits import RateLimits
from server.settings import Settings
from server.shared_counts import SharedCounts
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
    async with rate_limits.rate_limits(settings) as limits:
        assert limits is not None
        assert [await passes(limits) for _ in range(4)] == [True, True, True, False]


async def test_without_a_redis_counts_are_in_memory_and_without_limits_there_are_none() -> None:
    async with rate_limits.rate_limits(Settings()) as limits:
        assert isinstance(limits, RateLimits)
        assert [await passes(limits) for _ in range(4)] == [True, True, True, False]
    async with rate_limits.rate_limits(Settings(rate_limits=False)) as limits:
        assert limits is None
