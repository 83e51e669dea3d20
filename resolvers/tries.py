"""Tries to sign in, for each account and from each address: after several that failed, further ones wait.

A passkey names no account before it has been checked, so tries with one count for their address alone.
The rule is here, and counts in this process's memory; `server/shared_tries.py` counts by it for several processes.
"""

import time
from collections.abc import Callable
from typing import ClassVar, Protocol

LONGEST_SECONDS = 60.0
"""How long a try waits, at most: whoever guesses must not lock an owner out."""
FORGIVEN_SECONDS = 60.0
"""After so long without a try, one wrong password is forgotten, then the next."""
DOUBLINGS = 6
"""How many tries beyond the free ones are remembered: more would not make anyone wait longer."""
MAX_KEYS = 100_000


class _Count:
    """The tries that count against each key: some are free, then each makes the next wait twice as long."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._tried: dict[str, tuple[int, float]] = {}
        """How many there were, and when the last one was; those that were tried last stand last."""

    def wait(self, key: str, now: float) -> float:
        """How many seconds to wait before the next try."""
        count, last = self._tried.get(key, (0, now))
        if count < self._free:
            return 0.0
        pause = min(2.0 ** (count - self._free), LONGEST_SECONDS)
        return max(last + pause - now, 0.0)

    def add(self, key: str, now: float) -> None:
        """Counts a try."""
        count, last = self._tried.pop(key, (0, now))
        forgiven = int((now - last) / FORGIVEN_SECONDS)
        self._tried[key] = min(max(count - forgiven, 0) + 1, self._free + DOUBLINGS), now
        if len(self._tried) > MAX_KEYS:
            del self._tried[next(iter(self._tried))]

    def take_back(self, key: str) -> None:
        """Forgets the last try."""
        count, last = self._tried.pop(key, (0, 0.0))
        if count > 1:
            self._tried[key] = count - 1, last

    def forget(self, key: str) -> None:
        """Forgets all tries."""
        self._tried.pop(key, None)


class Tries(Protocol):
    """Tries to sign in, counted whether there is such an account or not.

    They count before it is known whether the password is right: a hundred tries at once are a hundred tries.
    """

    FREE_FOR_ACCOUNT: ClassVar[int] = 5
    FREE_FROM_ADDRESS: ClassVar[int] = 20

    async def begin(self, account: str | None, address: str) -> float:
        """Counts a try, and returns 0; or, if it comes too early, how many seconds to wait for the next one."""
        ...

    async def succeeded(self, account: str | None, address: str) -> None:
        """The try was right: its account begins anew, while its address may be guessing at others."""
        ...


class TriesInMemory(Tries):
    """Tries that came to this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._accounts = _Count(self.FREE_FOR_ACCOUNT)
        self._addresses = _Count(self.FREE_FROM_ADDRESS)

    async def begin(self, account: str | None, address: str) -> float:
        now = self._clock()
        wait = self._addresses.wait(address, now)
        if account is not None:
            wait = max(wait, self._accounts.wait(account, now))
        if wait:
            return wait
        if account is not None:
            self._accounts.add(account, now)
        self._addresses.add(address, now)
        return 0.0

    async def succeeded(self, account: str | None, address: str) -> None:
        if account is not None:
            self._accounts.forget(account)
        self._addresses.take_back(address)
