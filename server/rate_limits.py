"""How many requests one client may send: a count for each address, and one for each token.

The generic cell rate algorithm: one number a client, and no request counts for longer than a minute. The counts are in
this process's memory, so each worker has its own.
"""

import time
from collections.abc import Callable, Hashable
from ipaddress import IPv6Address, ip_address
from math import ceil
from uuid import UUID

from starlette.types import Scope

from server.answers import HttpError

WINDOW_SECONDS = 60.0
PER_TOKEN = 1_200
PER_ADDRESS = 6_000
MAX_CLIENTS = 100_000
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


class RateLimits:
    """The limits of the endpoint."""

    def __init__(self) -> None:
        self._addresses = RateLimit(PER_ADDRESS)
        self._tokens = RateLimit(PER_TOKEN)

    def count_address(self, scope: Scope) -> None:
        """Counts a request of the address that it comes from. Raises HttpError when there were too many."""
        _require_none(self._addresses.take(_network(scope)))

    def count_token(self, token_id: UUID) -> None:
        """Counts a request that is made with a token. Raises HttpError when there were too many."""
        _require_none(self._tokens.take(token_id))


def _require_none(wait: float) -> None:
    if wait:
        headers = {"retry-after": str(ceil(wait)), "connection": "close"}
        raise HttpError(429, "RATE_LIMITED", "Too many requests. Wait a little, then go on.", headers)


def _network(scope: Scope) -> str:
    # One home or one machine has a whole network of IPv6 addresses.
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> IPV6_HOST_BITS)
    return host
