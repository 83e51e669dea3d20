"""Tries to sign in counted in Redis, by all processes together. The rule is that of `resolvers/tries.py`."""

import hashlib
from collections.abc import Callable
from typing import Any

from resolvers.tries import DOUBLINGS, FORGIVEN_SECONDS, LONGEST_SECONDS, Tries, TriesInMemory
from server.shared_counts import SharedCounts

# Each key has how many tries there were and when the last one was, until all of them are forgiven.
_BEGIN = """
local longest, forgiven, doublings = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local now = tonumber(ARGV[4])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local tried, wait = {}, 0
for i, key in ipairs(KEYS) do
  local free = tonumber(ARGV[4 + i])
  local row = redis.call('HMGET', key, 'count', 'last')
  local count, last = tonumber(row[1]) or 0, tonumber(row[2]) or now
  tried[i] = { free = free, count = count, last = last }
  if count >= free then
    wait = math.max(wait, last + math.min(2 ^ (count - free), longest) - now)
  end
end
if wait > 0 then
  return string.format('%.6f', wait)
end
for i, key in ipairs(KEYS) do
  local one = tried[i]
  local left = math.max(one.count - math.floor(math.max(now - one.last, 0) / forgiven), 0)
  local count = math.min(left + 1, one.free + doublings)
  redis.call('HSET', key, 'count', count, 'last', string.format('%.6f', now))
  redis.call('EXPIRE', key, math.ceil(count * forgiven))
end
return '0'
"""
# The address comes last. Of it one try is taken back; what stands before it is forgotten.
_SUCCEEDED = """
local address = KEYS[#KEYS]
if (tonumber(redis.call('HGET', address, 'count')) or 0) > 1 then
  redis.call('HINCRBY', address, 'count', -1)
else
  redis.call('DEL', address)
end
if #KEYS > 1 then
  redis.call('DEL', KEYS[1])
end
return 1
"""


class SharedTries(Tries):
    """Tries that came to any of the processes. While Redis cannot be had, each of them counts its own."""

    def __init__(self, counts: SharedCounts, clock: Callable[[], float] | None = None) -> None:
        self._counts = counts
        self._clock = clock
        """What time it is, in seconds; Redis' own clock if there is none, which is the same for all processes."""
        self._begin = counts.script(_BEGIN)
        self._succeeded = counts.script(_SUCCEEDED)
        self._own = TriesInMemory() if clock is None else TriesInMemory(clock)

    async def begin(self, account: str | None, address: str) -> float:
        now = "" if self._clock is None else self._clock()
        free = [self.FREE_FROM_ADDRESS] if account is None else [self.FREE_FOR_ACCOUNT, self.FREE_FROM_ADDRESS]
        rule = [LONGEST_SECONDS, FORGIVEN_SECONDS, DOUBLINGS, now, *free]
        keys = _keys(account, address)

        async def question() -> Any:
            return await self._begin(keys=keys, args=rule)

        wait = await self._counts.asked(question)
        return await self._own.begin(account, address) if wait is None else float(wait)

    async def succeeded(self, account: str | None, address: str) -> None:
        keys = _keys(account, address)

        async def question() -> Any:
            return await self._succeeded(keys=keys)

        if await self._counts.asked(question) is None:
            await self._own.succeeded(account, address)


def _keys(account: str | None, address: str) -> list[str]:
    tried = {"account": account, "address": address}
    return [f"hatful/tries/{kind}/{_hashed(text)}" for kind, text in tried.items() if text is not None]


def _hashed(text: str) -> str:
    """Whoever tries may write anything as a handle."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
