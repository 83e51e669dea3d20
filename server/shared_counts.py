"""Counts in Redis, of all processes together: of requests here, of tries to sign in in `shared_tries`."""

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Self, TypeVar

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import StorageError
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from server.rate_limits import WINDOW_SECONDS, RateLimit

MAX_CONNECTIONS = 32
PATIENCE_SECONDS = 0.25
"""How long a request waits for Redis, at most."""
PAUSE_SECONDS = 5.0
"""How long Redis is left alone after it failed."""

Answer = TypeVar("Answer")

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.limits")


class SharedCounts:
    """The counts of all processes that name the same Redis.

    While it cannot be had, all goes on: each process counts for itself then, and the log says so once.
    """

    def __init__(self, url: str) -> None:
        self._pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=PATIENCE_SECONDS,
            socket_timeout=PATIENCE_SECONDS,
            socket_connect_timeout=PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 1),  # a connection that Redis has closed meanwhile is opened anew
        )
        self._redis = Redis(connection_pool=self._pool)
        options = {"connection_pool": self._pool}
        self._storage = RedisStorage(
            "async+redis://",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="hatful",
            **options,  # type: ignore[arg-type]  # the pool is a documented option
        )
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._away_until: float | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.aclose()

    def limit(self, name: str, per_minute: int) -> "SharedLimit":
        """A limit of so many requests a minute for each key."""
        return SharedLimit(self, name, per_minute)

    def script(self, text: str) -> AsyncScript:
        """A script that Redis runs in one go."""
        return self._redis.register_script(text)

    async def take(self, limit: RateLimitItem, key: str) -> float | None:
        """Counts a request: how many seconds to wait, 0 if it may go on, None if Redis cannot be asked."""
        return await self.asked(lambda: self._taken(limit, key))

    async def asked(self, question: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """What comes of a question to Redis; None if it cannot be asked."""
        if self._away_until is not None and time.monotonic() < self._away_until:
            return None
        try:
            answer = await question()
        except StorageError as error:
            self._went_away(error.storage_error)
            return None
        except (RedisError, OSError) as error:
            self._went_away(error)
            return None
        self._came_back()
        return answer

    async def _taken(self, limit: RateLimitItem, key: str) -> float:
        if await self._limiter.hit(limit, key):
            return 0.0
        stats = await self._limiter.get_window_stats(limit, key)
        return max(stats.reset_time - time.time(), 1.0)

    def _went_away(self, error: Exception) -> None:
        if self._away_until is None:
            log.warning("Redis cannot be had: each process counts for itself", reason=str(error))
        self._away_until = time.monotonic() + PAUSE_SECONDS

    def _came_back(self) -> None:
        if self._away_until is not None:
            self._away_until = None
            log.info("Redis is back: all is counted there")


class SharedLimit:
    """So many requests a minute for each key, whichever process they come to."""

    def __init__(self, counts: SharedCounts, name: str, per_minute: int) -> None:
        self._counts = counts
        self._limit = RateLimitItemPerSecond(per_minute, WINDOW_SECONDS, namespace=name)
        self._own = RateLimit(per_minute)

    async def take(self, key: Hashable) -> float:
        """Counts a request. Returns how many seconds to wait before another try, and 0 if it may go on."""
        wait = await self._counts.take(self._limit, str(key))
        return self._own.take(key) if wait is None else wait
