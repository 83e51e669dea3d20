"""Tips in group commits against one transaction for each tip, on PostgreSQL and on SQLite.

Both sides write the same rows to the same tables, from copies of the same books, and every acknowledged tip is on disk.
First each side looks for the number of clients with which it is fastest; then both run in turns, and the medians count.
"""

import gc
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.ledger import batched, pgbench, town
from benchmarks.ledger.runs import Run, UnlikeError, best, compare, middle
from benchmarks.ledger.town import Shape
from ledger.engine import MAX_BATCH
from models.database import migrate, open_database
from tests.harness.postgres import DURABLE, postgres

SETTINGS = (*DURABLE, "shared_buffers=512MB", "max_wal_size=4GB")
ROUNDS = 3
SEARCH_SECONDS = 2
ROUND_SECONDS = 4
CLIENTS = (32, 128, 512, 1024)
FEW_CLIENTS = (1, 2, 8, 32, 64)
"""Beyond these, transactions of one tip each only stand in each other's way."""
GOALS = {Shape.SPREAD: 2, Shape.ZIPF: 3, Shape.ONE: 7}
SQLITE_GOAL = 3

screen = Console(stderr=True)
Side = Callable[[int, int], Run]
"""Runs with so many clients for so many seconds on a new copy of the books."""


class Row(NamedTuple):
    """One line of the table: two sides that do the same."""

    name: str
    goal: int
    theirs: Run
    ours: Run
    alone: Run
    """Ours with one client, which waits for every answer."""


def main() -> None:
    """Runs it all and prints the table. Fails if the two sides did not write the same rows."""
    try:
        rows = [*_on_postgresql(), _on_sqlite()]
    except UnlikeError as error:
        screen.print(f"[red]No ratio: the two sides did not write the same rows. {error}")
        sys.exit(1)
    Console(width=160).print(_table(rows), f"\n{_machine()}")


def _on_postgresql() -> list[Row]:
    with postgres(SETTINGS) as server, server.database() as template:
        screen.print(f"PostgreSQL: {town.PEOPLE} people get a wallet")
        _settle(template)
        server.run("CHECKPOINT")
        name = template.partition("?")[0].rpartition("/")[2]

        def run(side: Callable[..., Awaitable[Run]], shape: Shape, clients: int, seconds: int) -> Run:
            with server.database(name) as url:
                return _run(side(url, shape, clients, seconds))

        return [
            _match(shape, GOALS[shape], partial(run, pgbench.run, shape), partial(run, batched.run, shape))
            for shape in Shape
        ]


def _on_sqlite() -> Row:
    with tempfile.TemporaryDirectory(prefix="hatful-bench-") as name:
        folder = Path(name)
        screen.print(f"SQLite: {town.PEOPLE} people get a wallet")
        _settle(f"sqlite:///{folder / 'books.db'}")

        def run(largest_batch: int, clients: int, seconds: int) -> Run:
            copy = Path(tempfile.mkdtemp(dir=folder)) / "books.db"
            shutil.copy(folder / "books.db", copy)
            url = f"sqlite:///{copy}"
            return _run(batched.run(url, Shape.ZIPF, clients, seconds, largest_batch=largest_batch))

        return _match("SQLite, zipf", SQLITE_GOAL, partial(run, 1), partial(run, MAX_BATCH))


def _match(name: str, goal: int, theirs: Side, ours: Side) -> Row:
    their_clients = _fastest(f"{name}, one transaction each", theirs, FEW_CLIENTS)
    our_clients = _fastest(f"{name}, batched", ours, CLIENTS)
    their_runs, our_runs = [], []
    for number in range(1, ROUNDS + 1):
        their_runs.append(theirs(their_clients, ROUND_SECONDS))
        our_runs.append(ours(our_clients, ROUND_SECONDS))
        screen.print(f"{name}, round {number}: {their_runs[-1].rate:,.0f} and {our_runs[-1].rate:,.0f} tips/s")
    compare(our_runs, their_runs)
    return Row(name, goal, middle(their_runs), middle(our_runs), ours(1, SEARCH_SECONDS))


def _fastest(name: str, side: Side, clients: Sequence[int]) -> int:
    runs = []
    for number in clients:
        runs.append(side(number, SEARCH_SECONDS))
        screen.print(f"{name}, {number} clients: {runs[-1].rate:,.0f} tips/s")
    return best(runs).clients


def _settle(url: str) -> None:
    migrate.upgrade(url)

    async def settle() -> None:
        database = await open_database(url)
        await town.settle(database)
        await database.close()

    uvloop.run(settle())


def _run(run: Awaitable[Run]) -> Run:
    async def wait() -> Run:
        return await run

    gc.collect()
    return uvloop.run(wait())


def _table(rows: Sequence[Row]) -> Table:
    table = Table(
        title="Tips, each on disk when it is answered: a transaction for each one, and in batches",
        caption="Milliseconds; the last column is the ledger's median with one client.",
    )
    table.add_column("tips")
    for heading in [f"{side}\n{what}" for side in ("each", "batch") for what in ("clients", "tips/s", "p50", "p99")]:
        table.add_column(heading, justify="right")
    for heading in ("ratio", "goal", "1 client"):
        table.add_column(heading, justify="right")
    for row in rows:
        sides_of_row = [
            text
            for run in (row.theirs, row.ours)
            for text in (str(run.clients), f"{run.rate:,.0f}", f"{run.p50 * 1e3:.2f}", f"{run.p99 * 1e3:.2f}")
        ]
        ratio = f"{row.ours.rate / row.theirs.rate:.1f}"
        table.add_row(row.name, *sides_of_row, ratio, str(row.goal), f"{row.alone.p50 * 1e3:.2f}")
    return table


def _machine() -> str:
    postgresql = subprocess.run([pgbench.program("postgres"), "--version"], check=True, capture_output=True, text=True)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()};"
        f" Python {platform.python_version()}; {postgresql.stdout.strip()} ({', '.join(SETTINGS)});"
        f" SQLite {sqlite3.sqlite_version} (synchronous=FULL); {town.PEOPLE} people, zipf {town.ZIPF}, seed {town.SEED}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
