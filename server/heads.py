"""HTTP, from clients whose requests never come to the end of their head: they are cut off."""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 64 * 1024
"""How long a request's first line and headers may be together."""
HEAD_SECONDS = 15.0
"""How long they may take to arrive."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, whose patience has an end. What is too long for it is kept nowhere."""

    _head_bytes = 0
    _patience: asyncio.TimerHandle | None = None
    """Runs while a head is awaited."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begins to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what has arrived, if it has an end."""
        waited = self._patience
        super().data_received(data)
        if waited is None or self._patience is not waited:
            return  # there was a body in it, or the end of a head
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self._cut_off(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begins to wait for the head of a request on a connection that had one before."""
        super().on_message_begin()
        if self._patience is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Has a whole head."""
        self._wait_no_more()
        super().on_headers_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Says nothing in the log: a request to go on in another protocol is answered as HTTP, and harms nobody."""

    def _wait(self) -> None:
        self._head_bytes = 0
        self._patience = self.loop.call_later(HEAD_SECONDS, self._cut_off, HTTPStatus.REQUEST_TIMEOUT)

    def _wait_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _cut_off(self, status: HTTPStatus) -> None:
        self._wait_no_more()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:  # else it would stand in the middle of another answer
            line = f"HTTP/1.1 {status.value} {status.phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            self.transport.write(line.encode())
        self.transport.close()
