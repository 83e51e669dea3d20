"""Clients that never finish what they have begun: they are closed in time, and the others are answered meanwhile."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from server import connections, heads
from server.connections import Connection
from server.heads import HEAD_SECONDS
from server.requests import BODY_SECONDS
from tests.harness.client import Client
from tests.harness.server import serve

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
QUICK_SECONDS = 0.4
PATIENCE_SECONDS = 60.0
SLOW_CLIENTS = 100
ENOUGH = 20
PAUSE_SECONDS = 0.1


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A server in this process that answers every request with OK. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        config = uvicorn.Config(
            PlainTextResponse("OK"), http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=30
        )
        server = uvicorn.Server(config)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server._serve([bound]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield bound.getsockname()[1]
            server.should_exit = True


async def answered(reader: asyncio.StreamReader) -> None:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    assert head.startswith(b"HTTP/1.1 200 ")
    assert await reader.readexactly(2) == b"OK"


async def is_ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server closes the connection, and says nothing but that it took too long."""
    said = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    return said == b"" or said.startswith(b"HTTP/1.1 408 ")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headers have to be quick."""
    monkeypatch.setattr(heads, "HEAD_SECONDS", QUICK_SECONDS)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("before", "begun"), [(0, b""), *[(n, begun) for n in (0, 2) for begun in (b"G", b"\r\n", GET, GET + b"X-Long: ")]]
)
async def test_ends_a_connection_whose_header_does_not_end(before: int, begun: bytes) -> None:
    async with listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(before):
            writer.write(GET + b"\r\n")
            await answered(reader)
        writer.write(begun)
        assert await is_ended(reader)
        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_a_byte_now_and_then_does_not_keep_a_connection() -> None:
    async with listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ended = asyncio.create_task(is_ended(reader))
        writer.write(GET + b"X-Long: ")
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(QUICK_SECONDS / 10)
        assert await ended
        writer.close()


@pytest.mark.usefixtures("hasty")
async def test_a_connection_may_be_silent_between_requests() -> None:
    async with listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(GET + b"\r\n")
            await answered(reader)
            await asyncio.sleep(2 * QUICK_SECONDS)
        writer.write(GET + b"\r\n" + GET + b"\r\n" + GET)  # one after the other, the last of them not to its end
        await answered(reader)
        await answered(reader)
        writer.write(b"\r\n")
        await answered(reader)
        writer.close()


async def test_the_idlest_connection_gives_way_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "most", 3)
    async with listening() as port:
        clients = []
        for _ in range(3):
            clients.append(await asyncio.open_connection("127.0.0.1", port))
            clients[-1][1].write(GET + b"\r\n")
            await answered(clients[-1][0])
        first, second, third = clients
        first[1].write(GET + b"\r\n")
        await answered(first[0])
        newest = await asyncio.open_connection("127.0.0.1", port)
        assert await is_ended(second[0])
        for reader, writer in (first, third, newest):
            writer.write(GET + b"\r\n")
            await answered(reader)
        for _, writer in (*clients, newest):
            writer.close()


class Slow:
    """A client that begins a request and never ends it; some send one more byte now and then."""

    def __init__(self, port: int, begun: bytes, *, drips: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(begun)
        self.socket.setblocking(False)
        self._drips = drips

    def is_closed(self) -> bool:
        """Whether the server has closed the connection, be it with the word that the request took too long."""
        try:
            answer = self.socket.recv(4096)
        except BlockingIOError:
            return False
        except ConnectionError:
            return True
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        return True

    def drip(self) -> None:
        """Sends another byte, perhaps."""
        if self._drips:
            with suppress(OSError):
                self.socket.send(b"x")


def test_slow_clients_are_closed_and_delay_nobody(tmp_path: Path) -> None:
    ways = [(b"", False), (GET, False), (GET + b"X-Long: ", True), (POST, False), (POST + b'{"query": "', True)]
    with serve(tmp_path) as server, ExitStack() as stack:
        port = int(server.url.rpartition(":")[2])
        client = Client(server.url)
        slow = [Slow(port, begun, drips=drips) for begun, drips in ways * (SLOW_CLIENTS // len(ways))]
        for one in slow:
            stack.callback(one.socket.close)
        open_ones = slow
        answered_meanwhile = 0
        deadline = time.monotonic() + max(HEAD_SECONDS, BODY_SECONDS) + PATIENCE_SECONDS
        while open_ones:
            assert time.monotonic() < deadline, f"{len(open_ones)} slow clients are still there"
            assert client.run("{ feed(first: 1) { nodes { id } } }").data
            answered_meanwhile += len(open_ones) == SLOW_CLIENTS
            for one in open_ones:
                one.drip()
            open_ones = [one for one in open_ones if not one.is_closed()]
            time.sleep(PAUSE_SECONDS)
        client.close()
        assert server.stop() == 0
    assert answered_meanwhile >= ENOUGH
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("files", "most"),
    [(256, 128), (1024, 800), (1 << 20, connections.MAX_CONNECTIONS), (-1, connections.MAX_CONNECTIONS)],
)
def test_connections_leave_files_to_the_database(files: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert connections.max_connections() == most
