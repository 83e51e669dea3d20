"""The servers that are measured: how each is started and asked."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks import statements
from benchmarks.workloads import Language
from tests.harness.server import free_port, serve

PEERS = Path(__file__).with_name("peers")
NODE = Path(sys.executable).with_name("node")
START_SECONDS = 60


class Kind(NamedTuple):
    """A server: how it is asked, and the words that run it; none for the product."""

    title: str
    language: Language
    script: str = ""
    mode: str = ""


SERVERS = {
    "product": Kind("Hatful", Language.GRAPHQL),
    "sqlite": Kind("Hatful on SQLite", Language.GRAPHQL),
    "handwritten": Kind("Starlette + asyncpg, by hand", Language.ENDPOINTS, "handwritten"),
    "mercurius": Kind("Mercurius, jit, loaders", Language.GRAPHQL, "mercurius.js", "loaders"),
    "mercurius-joined": Kind("Mercurius, jit, equal SQL", Language.GRAPHQL, "mercurius.js", "joined"),
    "postgraphile": Kind("PostGraphile 5", Language.POSTGRAPHILE, "postgraphile.js"),
    "apollo": Kind("Apollo Server, DataLoader", Language.GRAPHQL, "apollo.js"),
}


class Running(NamedTuple):
    """A server that answers."""

    port: int
    process: int


@contextmanager
def running(name: str, database: str, folder: Path) -> Iterator[Running]:
    """One of the servers on a database, as its operator would run it; gone afterwards."""
    kind = SERVERS[name]
    if not kind.script:
        # In its own folder, so that no settings of anybody's are found. The limits on requests and on money are on.
        with serve(folder, "--database", database, environment={"HATFUL_LOG_LEVEL": "warning"}) as server:
            yield Running(int(server.url.rpartition(":")[2]), server.process.pid)
        return
    port = free_port()
    with started(_command(kind, port, database, folder), port) as process:
        yield Running(port, process)


@contextmanager
def started(command: Sequence[str], port: int) -> Iterator[int]:
    """Runs a program that listens on a port, once it does so; its process id."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "NODE_ENV": "production"},
        cwd=PEERS.parents[1],
        start_new_session=True,  # the command `node` starts the real one, and both have to end
    )
    try:
        _wait(process, port)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # there is nothing to tidy up
        process.wait()


def _command(kind: Kind, port: int, database: str, folder: Path) -> list[str]:
    if not kind.script.endswith(".js"):
        return [sys.executable, "-m", f"benchmarks.peers.{kind.script}", str(port), database]
    texts = folder / "statements.json"
    texts.write_text(json.dumps(statements.ALL))
    return [str(NODE), str(PEERS / kind.script), str(port), database, str(texts), kind.mode]


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen")
