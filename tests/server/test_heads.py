"""Requests whose head does not end, on a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from server import heads
from server.heads import MAX_HEAD_BYTES, PatientProtocol

WHOLE = b"GET /path HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body."""
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message.get("body", b"")), message.get("more_body", False)
    body = str(length).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Wire(NamedTuple):
    """A connection to a server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def status(self) -> int:
        """The status of the next answer; 0 if the connection is closed instead."""
        line = await self.reader.readline()
        return int(line.split()[1]) if line else 0

    async def answer(self) -> bytes:
        """The body of the next answer."""
        assert await self.status() == 200
        head = await self.reader.readuntil(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
        return await self.reader.readexactly(int(length.split()[1]))

    async def is_closed(self) -> bool:
        """Whether nothing more comes."""
        await self.reader.read()
        return self.reader.at_eof()


@asynccontextmanager
async def connected() -> AsyncIterator[Wire]:
    """A new connection to a new server."""
    config = uvicorn.Config(app, http=PatientProtocol, log_config=None, access_log=False)
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: PatientProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    wire = Wire(*await asyncio.open_connection(*server.sockets[0].getsockname()))
    yield wire
    wire.writer.close()
    server.close()


@pytest.fixture(name="wire")
async def _wire() -> AsyncIterator[Wire]:
    async with connected() as wire:
        yield wire


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n"])
async def test_a_head_without_end_is_cut_off(wire: Wire, start: bytes) -> None:
    piece = b"x" * 1_000 if not start.endswith(b"\r\n") else b"X: " + b"x" * 1_000 + b"\r\n"
    await wire.send(start, *[piece] * (MAX_HEAD_BYTES // len(piece) + 2))
    assert await wire.status() == 431
    assert await wire.is_closed()


@pytest.mark.parametrize("start", [b"", b"G", b"GET / HTTP/1.1\r\n", WHOLE[:-1]])
async def test_a_head_that_takes_too_long_is_cut_off(wire: Wire, monkeypatch: pytest.MonkeyPatch, start: bytes) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)
    await wire.send(WHOLE)  # the first request of a connection is waited for as long as before
    assert await wire.answer() == b"0"
    await wire.send(start or b"\r\nG")
    assert await wire.status() == 408
    assert await wire.is_closed()


async def test_a_silent_connection_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)
    async with connected() as wire:
        assert await wire.status() == 408
        assert await wire.is_closed()


async def test_a_long_body_and_many_requests_are_no_long_head(wire: Wire) -> None:
    body = b"x" * 10 * MAX_HEAD_BYTES
    long = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(3):
        await wire.send(long + WHOLE[:10], WHOLE[10:])
        assert (await wire.answer(), await wire.answer()) == (b"%d" % len(body), b"0")
    long_head = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * (MAX_HEAD_BYTES - 1_000) + b"\r\n\r\n"
    for _ in range(3):
        await wire.send(long_head[:20_000], long_head[20_000:])
        assert await wire.answer() == b"0"


async def test_a_body_may_take_longer_than_a_head(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "HEAD_SECONDS", 0.05)
    await wire.send(WHOLE)
    assert await wire.answer() == b"0"
    await wire.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx")
    await asyncio.sleep(0.2)
    await wire.send(b"x")
    assert await wire.answer() == b"2"
