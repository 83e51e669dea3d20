"""Connections of clients that take their time: none is kept for ever, and if there are too many, the idlest are closed.

uvicorn ends a connection on which nothing comes after an answer. For a header `server/heads.py` waits only so long, for
a body `server/requests.py`, and for an answer to be read `server/readers.py`.
"""

import asyncio
import resource
from collections.abc import Iterator
from operator import itemgetter
from typing import ClassVar

from server.readers import ReaderProtocol

MAX_CONNECTIONS = 10_000
RESERVED_FILES = 224
"""How many of the files that the process may open are left to the database and the rest."""
SHARE_CLOSED = 20
"""One in so many is closed at once when there are too many, so that they need not be sorted for each that comes."""


def max_connections() -> int:
    """How many connections this process keeps, also by the number of files that it may open."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return min(MAX_CONNECTIONS, max(allowed - RESERVED_FILES, allowed // 2))


class Connection(ReaderProtocol):
    """A connection that gives way to others while it waits for a request."""

    most: ClassVar[int] = max_connections()
    _idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._idle_since = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on. Whatever comes between two requests is the next one's header, and has to end in time."""
        super().data_received(data)
        if self._idle_since is not None and self._patience is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Begins a request."""
        self._idle_since = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Begins to wait for another request, unless that has come already."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            self._idle_since = self.loop.time()

    def _make_room(self) -> None:
        idle = [(one._idle_since, one) for one in self._siblings() if one._idle_since is not None]
        idle.sort(key=itemgetter(0))
        for _, one in idle[: max(1, self.most // SHARE_CLOSED)]:
            one.transport.close()
            one._wait_if_closing()

    def _siblings(self) -> Iterator["Connection"]:
        return (one for one in self.connections if isinstance(one, Connection))
