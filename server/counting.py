"""What counts requests and tries to sign in, as the operator has set it: each process alone, or all in one Redis."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from resolvers.tries import Tries, TriesInMemory
from server.rate_limits import RateLimits
from server.settings import Settings


class Counts(NamedTuple):
    """The limits on requests, if there are any, and the tries to sign in."""

    limits: RateLimits | None
    tries: Tries


@asynccontextmanager
async def counting(settings: Settings) -> AsyncIterator[Counts]:
    """What counts, for as long as the block runs."""
    if settings.rate_limit_storage is None:
        yield Counts(RateLimits() if settings.rate_limits else None, TriesInMemory())
        return
    from server.shared_counts import SharedCounts  # most do without, and start sooner
    from server.shared_tries import SharedTries

    async with SharedCounts(settings.rate_limit_storage) as shared:
        yield Counts(RateLimits(shared.limit) if settings.rate_limits else None, SharedTries(shared))
