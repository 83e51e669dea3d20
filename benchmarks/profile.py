"""Where the server's CPU time goes while it answers timelines and tips. `make bench-profile` runs it.

The application runs in this process, without HTTP's parser and sockets. cProfile makes calls of Python's functions
dearer than they are, so the shares say where to look, and not to the percent what it costs.
"""

import asyncio
import cProfile
import pstats
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table
from starlette.types import Message

from benchmarks import data
from benchmarks.workloads import Ask, Language, Workload, asks
from server.app import create_app
from server.settings import load
from tests.harness.postgres import DURABLE, postgres

CLIENTS = 32
REQUESTS = 100
"""Of each client."""
HERE = re.compile(r"/(execution|ledger|models|resolvers|schema|server)/[^/]*(?:/[^/]*)?\.py$")
ELSEWHERE = re.compile(r"/(asyncpg|sqlalchemy|starlette|structlog|asyncio|uvloop)/")


Shares = dict[str, float]


def main() -> None:
    """Profiles both workloads and prints their shares."""
    with postgres((*DURABLE, "shared_buffers=1GB", "max_wal_size=8GB")) as server, server.database() as url:
        data.make(url)
        asyncio.run(data.settle_down(url))
        found = uvloop.run(_profiles(url))
    table = Table(title=f"Shares of the server's CPU time, {CLIENTS} clients")
    table.add_column("where")
    for workload in found:
        table.add_column(workload, justify="right")
    rooms = sorted({room for shares in found.values() for room in shares}, key=lambda room: -_most(found, room))
    for room in rooms:
        table.add_row(room, *(f"{100 * shares.get(room, 0):.0f} %" for shares in found.values()))
    Console(width=100).print(table)


def _most(found: dict[str, Shares], room: str) -> float:
    return max(shares.get(room, 0) for shares in found.values())


async def _profiles(url: str) -> dict[str, Shares]:
    app = create_app(load(database=url, rate_limits=False))
    async with app.router.lifespan_context(app) as state:

        async def client(requests: Iterator[Ask]) -> None:
            for ask in islice(requests, REQUESTS):
                await _answer(app, dict(state or {}), ask)

        found = {}
        for workload in (Workload.TIMELINE, Workload.TIP):
            requests = asks(workload, Language.GRAPHQL)
            await client(requests)
            profile = cProfile.Profile(time.process_time)
            profile.enable()
            await asyncio.gather(*(client(requests) for _ in range(CLIENTS)))
            profile.disable()
            found[str(workload)] = _shares(profile)
    return found


async def _answer(app: Any, state: dict[str, Any], ask: Ask) -> None:
    headers = {
        "host": "localhost",
        "content-type": "application/json",
        "accept": "application/json",
        "authorization": f"Bearer {data.secret(ask.person)}",
    }
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "http",
        "path": ask.path,
        "raw_path": ask.path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": state,
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": ask.body, "more_body": False}

    async def send(message: Message) -> None:
        assert message.get("status", 200) == 200, message

    await app(scope, receive, send)


def _shares(profile: cProfile.Profile) -> Shares:
    """The time spent in each room's own lines; what Python's own functions take counts where they were called."""
    stats: Any = pstats.Stats(profile)
    spent: defaultdict[str, float] = defaultdict(float)
    for (file, _, name), (_, _, own, _, callers) in stats.stats.items():
        room = _room(file)
        if room is not None:
            spent[room] += own
        elif callers:
            for (caller, _, _), (*_, own_there, _) in callers.items():
                spent[_room(caller) or f"Python: {name}"] += own_there
        else:
            spent["Python and the event loop"] += own
    whole = sum(spent.values())
    shares: defaultdict[str, float] = defaultdict(float)
    for room, own in spent.items():
        shares[room if own > 0.01 * whole else "the rest"] += own / whole
    return shares


def _room(file: str) -> str | None:
    if file == "<plan>":
        return "plans, generated from operations"
    if found := HERE.search(file):
        return f"{found[1]}/"
    if found := ELSEWHERE.search(file):
        return found[1]
    return None if file.startswith(("~", "<")) else "other libraries"


if __name__ == "__main__":
    main()
