"""HTTP, to clients that do not read what they have asked for: their answers are not kept for ever."""

import asyncio
from http import HTTPStatus
from typing import ClassVar

from server.heads import PatientProtocol

READ_SECONDS = 30.0
"""How long a client has to read `LEAST_READ_BYTES`, or all that waits for it, and then as long again."""
LEAST_READ_BYTES = 64 * 1024
MAX_UNREAD_BYTES = 256 * 1024 * 1024
"""How much of long answers waits in all, before those give way that have waited the longest. Behind each of them may
wait another answer, if the client asked again."""


class ReaderProtocol(PatientProtocol):
    """A connection over which answers are not kept for ever."""

    _waiting: ClassVar[dict["ReaderProtocol", int]] = {}
    """How much waited for each client that does not keep up when it was looked at; who began first stands first."""
    _look: asyncio.TimerHandle | None = None
    """Runs while something waits to be read."""

    def pause_writing(self) -> None:
        """Begins to wait for the client, which has more to read than the network holds."""
        super().pause_writing()
        self._wait_for_reader()
        while sum(self._waiting.values()) > MAX_UNREAD_BYTES:
            next(iter(self._waiting))._give_up()

    def resume_writing(self) -> None:
        """Waits no longer, unless for the rest of what was said before the end."""
        super().resume_writing()
        if not self.transport.is_closing():
            self._wait_for_reader_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._wait_for_reader_no_more()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Goes on to the next request, or ends the connection when this answer has been read."""
        super().on_response_complete()
        self._wait_if_closing()

    def timeout_keep_alive_handler(self) -> None:
        """Ends a connection on which no request has come."""
        if self._look is None and self.transport.get_write_buffer_size():
            self._give_up()  # a short answer, that nobody has read in all this time
        super().timeout_keep_alive_handler()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP."""
        super().send_400_response(msg)
        self._wait_if_closing()

    def _cut_off(self, status: HTTPStatus) -> None:
        super()._cut_off(status)
        self._wait_if_closing()

    def _wait_if_closing(self) -> None:
        if self.transport.is_closing() and self._look is None and self.transport.get_write_buffer_size():
            self._wait_for_reader()

    def _wait_for_reader(self) -> None:
        self._wait_for_reader_no_more()
        self._waiting[self] = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(READ_SECONDS, self._look_again)

    def _wait_for_reader_no_more(self) -> None:
        self._waiting.pop(self, None)
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_again(self) -> None:
        left = self.transport.get_write_buffer_size()
        if left > self._waiting[self] - LEAST_READ_BYTES:
            self._give_up()
        else:
            self._waiting[self] = left
            self._look = self.loop.call_later(READ_SECONDS, self._look_again)

    def _give_up(self) -> None:
        self._wait_for_reader_no_more()
        self.transport.abort()
