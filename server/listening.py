"""Listening and stopping: uvicorn in this process, or in several that share the port."""

import errno
import signal
import socket
from collections.abc import Callable
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from server.app import create_app
from server.connections import Connection
from server.exits import AddressError, WorkerError
from server.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 30
READY_SECONDS = 1.0

Announce = Callable[[], None]


def bind(host: str, port: int) -> socket.socket:
    """A socket at the address, which nobody can connect to yet. Raises AddressError."""
    try:
        [(family, kind, protocol, _, address), *_] = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as error:
        raise AddressError(_why_not(host, port, error)) from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise AddressError(_why_not(host, port, error)) from None
    bound.set_inheritable(True)
    return bound


def listen(settings: Settings, bound: socket.socket, announce: Announce) -> None:
    """Serves until a signal comes, and finishes what is under way. `announce` is called once requests are answered."""
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        http=Connection,
        ws="none",
        lifespan="on",
        interface="asgi3",
        workers=settings.workers,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    if settings.workers > 1:
        _Workers(config, [bound], announce).run()
        return
    # uvicorn raises the signal again when all is done, for whoever waits for it. Here that is nobody.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _Worker(config, announce).run([bound])


class _Worker(uvicorn.Server):
    """The only process."""

    def __init__(self, config: uvicorn.Config, announce: Announce) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


class _Workers(Multiprocess):
    """Several processes, and this one that looks after them."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket], announce: Announce) -> None:
        super().__init__(config, sockets)
        self._announce = announce

    def init_processes(self) -> None:
        super().init_processes()
        waiting = list(self.processes)
        while waiting and not self.should_exit.is_set():
            if any(process.exitcode is not None for process in waiting):
                self.terminate_all()
                self.join_all()
                raise WorkerError("A worker process did not start; what it says is above.")
            waiting = [process for process in waiting if not process.is_ready(READY_SECONDS)]
            self.handle_signals()
        if not waiting:
            self._announce()


def _why_not(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program. Choose another one with --port."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used by this user. Choose one above 1023 with --port."
    return f"Hatful cannot listen on {host}, port {port}: {error.strerror or error}."
