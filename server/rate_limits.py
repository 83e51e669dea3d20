"""How many requests one client may send: a count for each address, and one for each token.

The generic cell rate algorithm: one number a client, and no request counts for longer than a minute. The counts are in
this process's memory, so each worker has its own, or in Redis, for all of them together (`shared_counts`). The library
that counts there counts in memory too, but looks through all clients at every turn of the event loop.
"""

import time
from collections.abc import Callable, Hashable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Protocol
from uuid import UUID

from starlette.types import Scope

from server.answers import HttpError

WINDOW_SECONDS = 60
PER_TOKEN = 1_200
PER_ADDRESS = 6_000
MAX_CLIENTS = 100_000
MAX_CLIENTS_KNOWN = 10_000
IPV6_HOST_BITS = 64


class RateLimit:
    """So many requests a minute for each key. A client may send them all at once, then is held to the pace."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._pace = WINDOW_SECONDS / per_minute
        self._clock = clock
        self._paid_until: dict[Hashable, float] = {}

    def take(self, key: Hashable) -> float:
        """Counts a request. Returns how many seconds to wait before another try, and 0 if it may go on."""
        now = self._clock()
        paid_until = max(self._paid_until.get(key, now), now) + self._pace
        wait = paid_until - now - WINDOW_SECONDS
        if wait > 1e-6:
            return wait
        if len(self._paid_until) >= MAX_CLIENTS:
            self._forget(now)
        self._paid_until[key] = paid_until
        return 0.0

    def _forget(self, now: float) -> None:
        self._paid_until = {key: moment for key, moment in self._paid_until.items() if moment > now}
        if len(self._paid_until) >= MAX_CLIENTS:
            self._paid_until.clear()  # better to forget who asked than to grow without end


class Limit(Protocol):
    """A limit whose counts are elsewhere."""

    async def take(self, key: Hashable) -> float:
        """Counts a request. Returns how many seconds to wait before another try, and 0 if it may go on."""
        ...


class RateLimits:
    """The limits of the endpoint, counted in memory unless `shared` makes others."""

    def __init__(self, shared: Callable[[str, int], Limit] | None = None) -> None:
        self._addresses = RateLimit(PER_ADDRESS) if shared is None else shared("address", PER_ADDRESS)
        self._tokens = RateLimit(PER_TOKEN) if shared is None else shared("token", PER_TOKEN)

    async def count_address(self, scope: Scope) -> None:
        """Counts a request of the address that it comes from. Raises HttpError when there were too many."""
        await _count(self._addresses, network(scope))

    async def count_token(self, token_id: UUID) -> None:
        """Counts a request that is made with a token. Raises HttpError when there were too many."""
        await _count(self._tokens, token_id)


async def _count(limit: RateLimit | Limit, key: Hashable) -> None:
    _require_none(limit.take(key) if isinstance(limit, RateLimit) else await limit.take(key))


def _require_none(wait: float) -> None:
    if wait:
        headers = {"retry-after": str(ceil(wait)), "connection": "close"}
        raise HttpError(429, "RATE_LIMITED", "Too many requests. Wait a little, then go on.", headers)


def network(scope: Scope) -> str:
    """Where a request comes from. One home or one machine has a whole network of IPv6 addresses."""
    return _network_of(scope["client"][0]) if scope.get("client") else ""


@lru_cache(MAX_CLIENTS_KNOWN)
def _network_of(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> IPV6_HOST_BITS)
    return host
