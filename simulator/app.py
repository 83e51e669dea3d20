"""The process: all faces, each on a port of its own, and the control endpoint beside them."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator import bank, stripe, visa
from simulator.control import control
from simulator.world import Face, World

HOST = "127.0.0.1"
CONTROL = "control"
STOP_SECONDS = 1

Announce = Callable[[Mapping[str, str]], None]


class Ports(NamedTuple):
    """Where it listens; 0 is a free port."""

    control: int = 0
    visa: int = 0
    bank: int = 0
    stripe: int = 0


def faces(world: World, ports: Ports, folder: Path) -> Sequence[Face]:
    """The networks that there are. What their clients need to have as files goes into the folder."""
    return [
        visa.face(world, ports.visa, folder),
        bank.face(world, ports.bank, folder),
        stripe.face(world, ports.stripe),
    ]


def run(ports: Ports, folder: Path, announce: Announce) -> None:
    """Runs until a signal comes. `announce` hears the addresses once all answer. Raises OSError: a port is taken."""
    asyncio.run(_run(ports, folder, announce))


async def _run(ports: Ports, folder: Path, announce: Announce) -> None:
    world, addresses = World(), dict[str, str]()
    every = [*faces(world, ports, folder), control(world, addresses, ports.control)]
    bound = [_bind(face.port) for face in every]
    for face, listening in zip(every, bound, strict=True):
        addresses[face.name] = f"{'https' if face.tls else 'http'}://{HOST}:{listening.getsockname()[1]}"
        face.ready(addresses[face.name])
    servers = [_Server(_config(face)) for face in every]
    _stop_on_signals(servers)
    async with asyncio.TaskGroup() as tasks:
        for server, listening in zip(servers, bound, strict=True):
            tasks.create_task(server.serve([listening]))
        for server in servers:
            await server.answers.wait()
        announce(addresses)


def _bind(port: int) -> socket.socket:
    # Only of a socket that is named TCP does asyncio send an answer's last part without waiting for the asker.
    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((HOST, port))
    return bound


def _stop_on_signals(servers: Sequence[uvicorn.Server]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True
            for connection in server.server_state.connections:
                connection.transport.abort()  # who waits for an answer that never comes would wait here, too

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _config(face: Face) -> uvicorn.Config:
    config = uvicorn.Config(
        face.app,
        http=_Connection,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    if face.tls is not None:
        config.ssl_keyfile, config.ssl_certfile = face.tls.key, face.tls.certificate
        config.ssl_ca_certs, config.ssl_cert_reqs = str(face.tls.clients), ssl.CERT_REQUIRED
    return config


class _Server(uvicorn.Server):
    """One of several in the process, so signals are not its own."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Connection(HttpToolsProtocol):
    """A connection that an application can cut: the state of its requests has `cut`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "cut": transport.abort}
