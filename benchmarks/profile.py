"""Where the server's time goes while it answers timelines and tips. `make bench-profile` runs it.

The application runs in this process, without HTTP's parser and sockets. What many clients cost is CPU time: cProfile
makes calls of Python's functions dearer than they are, so the shares say where to look, and not to the percent what it
costs. What one client waits for is told by a clock: each trip to the database, and the rest.
"""

import asyncio
import cProfile
import pstats
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from statistics import median
from typing import Any

import asyncpg
import uvloop
from rich.console import Console
from rich.table import Table
from sqlmodel import SQLModel
from starlette.types import Message

from benchmarks import data
from benchmarks.workloads import Ask, Language, Workload, asks
from server.app import create_app
from server.settings import load
from tests.harness.postgres import DURABLE, postgres

CLIENTS = 32
REQUESTS = 100
"""Of each client."""
ALONE = 2_000
"""Requests of a client that is alone."""
WORKLOADS = (Workload.TIMELINE, Workload.TIP)
NAMED = 3
"""So many of a statement's tables are named."""
TABLE = re.compile(r"\b(?:FROM|INTO|JOIN|UPDATE) ([a-z_]+)")
HERE = re.compile(r"/(execution|ledger|models|resolvers|schema|server)/[^/]*(?:/[^/]*)?\.py$")
ELSEWHERE = re.compile(r"/(asyncpg|sqlalchemy|starlette|structlog|asyncio|uvloop)/")

Shares = dict[str, float]
Found = dict[str, Shares]
"""By workload."""
Statement = asyncpg.connection.LoggedQuery


def main() -> None:
    """Profiles both workloads and prints what came of it."""
    with postgres((*DURABLE, "shared_buffers=1GB", "max_wal_size=8GB")) as server, server.database() as url:
        data.make(url)
        asyncio.run(data.settle_down(url))
        alone = uvloop.run(_waits(url))
        many = uvloop.run(_profiles(url))
    console = Console(width=100)
    console.print(_table(f"CPU time, {CLIENTS} clients", many, lambda share: f"{100 * share:.0f} %"))
    console.print(_table("One client: milliseconds, medians", alone, lambda seconds: f"{1000 * seconds:.2f}"))


def _table(title: str, found: Found, said: Callable[[float], str]) -> Table:
    table = Table(title=title)
    table.add_column("where")
    for workload in found:
        table.add_column(workload, justify="right")
    rooms = {room for shares in found.values() for room in shares}
    for room in sorted(rooms, key=lambda room: -max(shares.get(room, 0) for shares in found.values())):
        table.add_row(room, *(said(shares[room]) if room in shares else "" for shares in found.values()))
    return table


# One client


async def _waits(url: str) -> Found:
    """What a request of a client that is alone waits for: seconds of each trip, and of the whole."""
    statements: list[Statement] = []
    found: Found = {}
    with _told(statements.append):
        app = create_app(load(database=url, rate_limits=False))
        async with app.router.lifespan_context(app) as state:
            for workload in WORKLOADS:
                requests = asks(workload, Language.GRAPHQL)
                for ask in islice(requests, REQUESTS):
                    await _answer(app, dict(state or {}), ask)
                found[str(workload)] = await _waited(app, dict(state or {}), islice(requests, ALONE), statements)
    connection = await asyncpg.connect(url)
    trips = [await _timed(connection.execute("SELECT 1")) for _ in range(ALONE)]
    await connection.close()
    return {workload: {**waits, "(a trip that asks for nothing)": median(trips)} for workload, waits in found.items()}


async def _waited(app: Any, state: dict[str, Any], requests: Iterator[Ask], statements: list[Statement]) -> Shares:
    waits: defaultdict[str, list[float]] = defaultdict(list)
    for ask in requests:
        statements.clear()
        whole = await _timed(_answer(app, dict(state), ask))
        waits["(whole)"].append(whole)
        waits["Hatful and its libraries"].append(whole - sum(statement.elapsed for statement in statements))
        for statement in statements:
            waits[_name(statement.query)].append(statement.elapsed)
    # What not every other request waits for is the work of another moment, such as that of the background.
    return {name: median(times) for name, times in waits.items() if len(times) > ALONE / 2}


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


@contextmanager
def _told(tell: Callable[[Statement], None]) -> Iterator[None]:
    """Tells of each statement of the connections that are opened meanwhile."""
    connect = asyncpg.connect

    async def connect_and_tell(*args: Any, **options: Any) -> Any:
        connection = await connect(*args, **options)
        connection.add_query_logger(tell)
        return connection

    asyncpg.connect = connect_and_tell
    try:
        yield
    finally:
        asyncpg.connect = connect


def _name(sql: str) -> str:
    tables = [table for table in dict.fromkeys(TABLE.findall(sql)) if table in SQLModel.metadata.tables]
    more = ", …" if len(tables) > NAMED else ""
    return f"{'write' if 'INSERT INTO' in sql else 'read'}: {', '.join(tables[:NAMED])}{more}"


# Many clients


async def _profiles(url: str) -> Found:
    app = create_app(load(database=url, rate_limits=False))
    async with app.router.lifespan_context(app) as state:

        async def client(requests: Iterator[Ask]) -> None:
            for ask in islice(requests, REQUESTS):
                await _answer(app, dict(state or {}), ask)

        found = {}
        for workload in WORKLOADS:
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
