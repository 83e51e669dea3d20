"""The real `hatful serve`, as a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from tests.harness.leaks import numbers_in_files

HATFUL = Path(sys.executable).with_name("hatful")
START_SECONDS = 120
STOP_SECONDS = 60
PAUSE_SECONDS = 0.05


class Server:
    """A running server. Its output is in `log`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to stop, and returns its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(STOP_SECONDS)


@contextmanager
def serve(folder: Path, *options: str, environment: dict[str, str] | None = None) -> Iterator[Server]:
    """`hatful serve` with these options on a free port, ready to answer; its home is the folder."""
    port = free_port()
    log = folder / "hatful.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command("serve", "--port", str(port), *options),
            cwd=folder,
            env=surroundings(folder, environment),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the tests first, and they end the server
        )
    server = Server(process, f"http://127.0.0.1:{port}", log)
    try:
        _wait(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too
        process.wait()
    assert numbers_in_files(log) == [], "a card's or an account's number was logged"


def command(*words: str) -> Sequence[str]:
    """The words that run `hatful` from this environment."""
    return [str(HATFUL), *words]


def surroundings(folder: Path, more: dict[str, str] | None = None) -> dict[str, str]:
    """An environment in which nobody has set anything yet, with its home in the folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HATFUL_", "XDG_"))}
    return {**kept, "HOME": str(folder), "NO_COLOR": "1", **(more or {})}


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: Server) -> None:
    deadline = time.monotonic() + START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx2.TransportError):
            answer = httpx2.get(f"{server.url}/graphql", params={"query": "{ __typename }"}, trust_env=False)
            if answer.status_code == 200:
                return
        time.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"hatful serve did not start:\n{server.log.read_text(errors='replace')}")
