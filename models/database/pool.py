"""Connections to PostgreSQL, each lent to one at a time.

asyncpg has a pool of its own. It resets, checks and wraps a connection at every loan, which costs as much as what a
statement costs. Nothing here changes a session's settings, so there is nothing to reset.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

# Each statement finds its rows by their keys, however many it is given: one plan serves for all, made once for each
# connection. Planned for its parameters, a batch of a few hundred keys would read small tables whole.
SETTINGS = {"plan_cache_mode": "force_generic_plan"}
STATEMENTS = 1_000
"""How many prepared statements a connection keeps: more than there are."""


class Pool:
    """At most so many connections, opened when they are needed. Who finds none free waits, first come, first served."""

    def __init__(self, url: str, most: int) -> None:
        self._url = url
        self._most = most
        self._count = 0
        self._free: list[Any] = []
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closing = False

    async def take(self) -> Any:
        """A connection, to be given back. Raises what asyncpg raises when none can be opened."""
        while True:
            while self._free:
                connection = self._free.pop()  # the one that was used last: its plans are warm
                if not connection.is_closed():
                    return connection
                self._count -= 1
            if self._count < self._most:
                return await self._opened()
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise

    def give_back(self, connection: Any) -> None:
        """Takes a connection back. One that is broken, or that may be in the middle of something, is let go."""
        if self._closing or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
            self._count -= 1
        else:
            self._free.append(connection)
        self._wake()

    def drop(self, connection: Any) -> None:
        """Lets a connection go whose user was interrupted."""
        connection.terminate()
        self._count -= 1
        self._wake()

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Any]:
        """A connection for as long as the block runs."""
        connection = await self.take()
        try:
            yield connection
        except asyncio.CancelledError:
            self.drop(connection)
            raise
        except BaseException:
            self.give_back(connection)
            raise
        self.give_back(connection)

    async def close(self) -> None:
        """Closes what is free now, and the rest when it comes back."""
        self._closing = True
        free, self._free = self._free, []
        self._count -= len(free)
        for connection in free:
            await connection.close()

    async def _opened(self) -> Any:
        self._count += 1
        try:
            return await asyncpg.connect(self._url, server_settings=SETTINGS, statement_cache_size=STATEMENTS)
        except BaseException:
            self._count -= 1
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
