"""Clients that do not read what they have asked for: they are ended in time, and the others are answered meanwhile."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from server import readers
from server.connections import Connection
from server.readers import ReaderProtocol

PATIENCE_SECONDS = 60.0
QUICK_SECONDS = 0.5
NEVER_SECONDS = 600
CLIENTS = 100
BIG, SHORT = 1_000_000, 60_000
"""A short answer is less than makes the server wait before it writes on."""
GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSE = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
STREAM = b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n"


class House:
    """A server in this process that answers with as many bytes as the path says, or without end."""

    def __init__(self, bound: socket.socket, keep_alive: int) -> None:
        self.port: int = bound.getsockname()[1]
        self.asked = 0
        config = uvicorn.Config(
            self, http=Connection, ws="none", lifespan="off", log_config=None, timeout_keep_alive=keep_alive
        )
        self.server = uvicorn.Server(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        path = scope["path"].removeprefix("/")
        response = StreamingResponse(_endless()) if path == "stream" else Response(b"x" * int(path))
        await response(scope, receive, send)

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    async def answers(self) -> None:
        """Answers one more client at once."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(CLOSE % 2)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert (await reader.read()).endswith(b"\r\n\r\nxx")
        writer.close()


async def _endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 10_000
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(keep_alive: int = NEVER_SECONDS) -> AsyncIterator[House]:
    """The server, and at the end no connection is left of it."""
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)  # the network holds little
        house = House(bound, keep_alive)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(house.server._serve([bound]))
            await until(lambda: house.server.started)
            yield house
            house.server.should_exit = True
    assert not ReaderProtocol._waiting


async def until(is_so: Callable[[], bool]) -> None:
    """Waits for something that no event tells of."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Client:
    """A client that reads when it is told to."""

    def __init__(self, house: House, request: bytes) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        self.socket.connect(("127.0.0.1", house.port))
        self.socket.sendall(request)
        self.socket.setblocking(False)

    async def reads(self, most: int) -> int:
        """Reads so many bytes, or all that comes until the end. How many there were."""
        read = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while read < most:
                try:
                    received = await asyncio.get_running_loop().sock_recv(self.socket, min(most - read, 1 << 16))
                except ConnectionError:
                    break
                if not received:
                    break
                read += len(received)
        return read


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients have to read quickly."""
    monkeypatch.setattr(readers, "READ_SECONDS", QUICK_SECONDS)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    "request_", [GET % BIG, GET % BIG * 5, CLOSE % BIG, STREAM], ids=["one", "five", "last", "stream"]
)
async def test_clients_that_never_read_are_ended_and_delay_nobody(request_: bytes) -> None:
    async with listening() as house:
        clients = [Client(house, request_) for _ in range(CLIENTS)]
        await until(lambda: house.asked >= CLIENTS)
        for _ in range(10):
            await house.answers()
        await until(lambda: house.connections == 0)
        for client in clients:
            assert await client.reads(10 * BIG) < BIG
            client.socket.close()


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("request_", "keep_alive"), [(GET, 1), (CLOSE, NEVER_SECONDS)], ids=["idle", "last"])
async def test_a_short_answer_that_is_never_read_keeps_no_connection(request_: bytes, keep_alive: int) -> None:
    async with listening(keep_alive) as house:
        client = Client(house, request_ % SHORT)
        await until(lambda: house.asked == 1 and house.connections == 0)
        assert await client.reads(SHORT) < SHORT
        client.socket.close()


async def test_a_client_may_read_slowly_but_has_to_read_on() -> None:
    async with listening() as house:
        client = Client(house, GET % BIG)
        await until(lambda: len(ReaderProtocol._waiting) == 1)
        [connection] = ReaderProtocol._waiting
        for _ in range(3):
            left = connection.transport.get_write_buffer_size()
            await client.reads(2 * readers.LEAST_READ_BYTES)
            await until(lambda: connection.transport.get_write_buffer_size() <= left - readers.LEAST_READ_BYTES)  # noqa: B023
            connection._look_again()
            assert not connection.transport.is_closing()
        await client.reads(1_000)
        connection._look_again()
        assert connection.transport.is_closing()
        client.socket.close()


async def test_who_has_read_everything_is_waited_for_no_longer_and_may_ask_again() -> None:
    async with listening() as house:
        client = Client(house, b"")
        for _ in range(2):
            client.socket.sendall(GET % BIG)
            await until(lambda: len(ReaderProtocol._waiting) == 1)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await asyncio.get_running_loop().sock_recv(client.socket, 1)
            assert await client.reads(BIG) == BIG
            await until(lambda: not ReaderProtocol._waiting)
        client.socket.close()


async def test_of_too_much_that_waits_the_oldest_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_UNREAD_BYTES", int(2.5 * BIG))
    async with listening() as house:
        clients: list[Client] = []
        for n in range(1, 5):
            clients.append(Client(house, GET % BIG))
            await until(lambda: house.asked == n and house.connections == len(ReaderProtocol._waiting) == min(n, 2))  # noqa: B023
        got = [await client.reads(BIG) for client in clients]
        assert [count < BIG for count in got] == [True, True, False, False]
        for client in clients:
            client.socket.close()
