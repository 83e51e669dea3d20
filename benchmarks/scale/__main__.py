"""The home timeline and createPost where there is much of everything, against where there is little, over HTTP.

SCALE=0.01 makes everything a hundred times smaller, to try the measurement itself.
"""

import asyncio
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.scale import town
from models.database import migrate
from tests.harness.postgres import DURABLE, postgres
from tests.harness.server import serve

SETTINGS = (*DURABLE, "shared_buffers=2GB", "max_wal_size=8GB", "work_mem=64MB")
SCALE = float(os.environ.get("SCALE", "1"))
GOAL = 1.3
ROUNDS = 5
READS = 400
TURN = 20
"""Requests to one server before it is the other's turn: whatever else the machine does falls on both."""
POSTS = 40
READERS = 2
WARM_UP = 300
PAUSE_SECONDS = 0.02
"""Between two requests of a reader alongside: they are many, but they are not a load test."""
TIMELINE = """{
  feed(kind: FOLLOWING, first: 20) {
    nodes {
      id text createdAt likeCount replyCount repostCount author { id handle displayName }
      tipCount tipTotal { formatted } viewerHasLiked viewerHasReposted
    }
    pageInfo { hasNextPage endCursor }
  }
  viewer { wallet { balance { available { formatted } } } }
}"""
POST = 'mutation { createPost(input: { text: "news" }) { post { id } userErrors { __typename } } }'

screen = Console(stderr=True)


class Client:
    """One user with one connection, who waits for every answer."""

    def __init__(self, url: str, user: UUID) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._headers = {"content-type": "application/json", "authorization": f"Bearer {town.SECRETS[user]}"}

    def run(self, query: str) -> dict[str, Any]:
        """The data of an answer without errors."""
        self._connection.request("POST", "/graphql", json.dumps({"query": query}), self._headers)
        body = json.loads(self._connection.getresponse().read())
        assert "errors" not in body, body["errors"]
        data: dict[str, Any] = body["data"]
        return data

    def times(self, query: str, number: int) -> list[float]:
        """How many seconds each of so many requests took."""
        taken = []
        for _ in range(number):
            begin = time.perf_counter()
            self.run(query)
            taken.append(time.perf_counter() - begin)
        return taken


class Reader(threading.Thread):
    """Reads its timeline again and again, until it is told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._client = Client(url, town.VIEWER)
        self.taken: list[float] = []
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            self.taken += self._client.times(TIMELINE, 1)
            time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Measures both, and prints the ratios."""
    with postgres(SETTINGS) as server, server.database() as large, server.database() as small:
        for url, size in ((large, town.LARGE), (small, town.SMALL)):
            _fill(url, size.times(SCALE))
        with _serving(large) as at_large, _serving(small) as at_small:
            reads = _compare_timelines(at_large, at_small)
        with _serving(large) as at_large:
            alone, posts = _compare_posts(large, at_large)
    table = Table(title=f"Medians in milliseconds (p99), {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for heading in ("what", "much", "little", "ratio", "goal"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    table.add_row("timeline: 10 million posts, 5,000 follows; 100,000 and 50", *_cells(*reads))
    table.add_row("createPost: 1 million followers; 100", *_cells(*posts))
    table.add_row("timeline beside the fan-out; alone", *_cells(*alone))
    Console(width=120).print(table, f"SCALE={SCALE:g}")


def _fill(url: str, size: town.Size) -> None:
    begin = time.monotonic()
    migrate.upgrade(url)
    asyncio.run(town.fill(url, size))
    screen.print(f"{size.posts:,} posts, made in {time.monotonic() - begin:.0f} s")


@contextmanager
def _serving(url: str) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="hatful-bench-") as folder:
        options = {"HATFUL_RATE_LIMITS": "off", "HATFUL_LOG_LEVEL": "warning"}
        with serve(Path(folder), "--database", url, environment=options) as server:
            try:
                yield server.url
            except BaseException:
                screen.print(server.log.read_text()[-5_000:], f"exit code: {server.process.poll()}")
                raise


def _compare_timelines(large: str, small: str) -> tuple[list[float], list[float]]:
    clients = Client(large, town.VIEWER), Client(small, town.VIEWER)
    taken: tuple[list[float], list[float]] = ([], [])
    for client in clients:
        assert len(client.run(TIMELINE)["feed"]["nodes"]) == 20, "the page is full"
        client.times(TIMELINE, WARM_UP)
    for number in range(1, ROUNDS + 1):
        for _ in range(READS // TURN):
            for client, so_far in zip(clients, taken, strict=True):
                so_far.extend(client.times(TIMELINE, TURN))
        screen.print(f"timeline, round {number}: {_ms(taken[0])} and {_ms(taken[1])} ms")
    return taken


def _compare_posts(database: str, url: str) -> tuple[tuple[list[float], list[float]], tuple[list[float], list[float]]]:
    """What the readers alongside waited, beside the fan-out and without it; and what the authors waited."""
    star, poet = Client(url, town.STAR), Client(url, town.POET)
    Client(url, town.VIEWER).times(TIMELINE, WARM_UP)
    for author in (star, poet):
        author.times(POST, POSTS)
    _settle(database)
    waited: tuple[list[float], list[float]] = ([], [])
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(1, ROUNDS + 1):
        for author, read, so_far in zip((star, poet), waited, taken, strict=True):
            readers = [Reader(url) for _ in range(READERS)]
            for reader in readers:
                reader.start()
            so_far.extend(author.times(POST, POSTS))
            seconds = _settle(database)
            time.sleep(max(0.0, 1 - seconds))
            for reader in readers:
                reader.stopping = True
                reader.join()
                read.extend(reader.taken)
            screen.print(f"createPost, round {number}: {_ms(so_far)} ms; all inboxes {seconds:.2f} s later")
    return waited, taken


def _settle(database: str) -> float:
    """How many seconds pass until every inbox has everything."""

    async def wait() -> None:
        connection = await asyncpg.connect(database)
        while await connection.fetchval("SELECT EXISTS (SELECT FROM deliveries)"):  # noqa: ASYNC110 - the server works
            await asyncio.sleep(0.01)
        await connection.close()

    begin = time.monotonic()
    asyncio.run(wait())
    return time.monotonic() - begin


def _ms(taken: list[float]) -> str:
    return f"{median(taken) * 1e3:.2f}"


def _cells(much: list[float], little: list[float]) -> list[str]:
    shown = [f"{_ms(taken)} ({quantiles(taken, n=100)[98] * 1e3:.2f})" for taken in (much, little)]
    return [*shown, f"{median(much) / median(little):.2f}", str(GOAL)]


if __name__ == "__main__":
    main()
