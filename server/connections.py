"""Connections of clients that take their time: none is kept for ever, and if there are too many, the idlest are closed.

uvicorn ends a connection on which nothing comes after an answer. It would wait without end for a first request that
never comes, or for a header that never ends, be it that nothing comes any more or one byte now and then. For a body,
`server/requests.py` waits only so long.
"""

import asyncio
import resource
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 15.0
"""How long a request's header may take: from when the connection is made, later on from the first byte."""
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


class Connection(HttpToolsProtocol):
    """A connection that waits for requests only so long, and gives way to others meanwhile."""

    most: ClassVar[int] = max_connections()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._idle_since: float | None = None
        self._head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begins to wait for a request."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._expect_head()
        if len(self.connections) > self.most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads on. What comes between two requests is the next one's header, and has to end in time."""
        super().data_received(data)
        if self._head_timer is None and self._idle_since is not None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Begins a request."""
        self._wait_no_more()
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
            one._end()

    def _siblings(self) -> Iterator["Connection"]:
        return (one for one in self.connections if isinstance(one, Connection))

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self._end)

    def _wait_no_more(self) -> None:
        self._idle_since = None
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _end(self) -> None:
        self._wait_no_more()
        self.transport.close()
