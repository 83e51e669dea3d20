"""Hatful against other servers on the same machine, the same PostgreSQL and the same data. `make bench` runs it.

It also runs on SQLite, with the same people. Each server runs alone, in turn, on its own copy of the database, and all
of them in several rounds: a machine that is slower for a minute shall not harm one of them alone. All must give equal
answers: else there is no ratio.
"""

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from statistics import median_low
from typing import Any, NamedTuple

import httpx2
from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.ledger import pgbench, town
from benchmarks.ledger.__main__ import _processor as processor
from benchmarks.ledger.runs import Run, UnlikeError, best, compare, middle
from benchmarks.ledger.town import Shape
from benchmarks.load import FailedError, Measured, Wanted, measure
from benchmarks.peers import echo
from benchmarks.servers import SERVERS, Running, running, started
from benchmarks.workloads import Ask, Language, UnequalError, Workload, asks, meaning, require_equal
from models.database import open_database
from tests.harness.postgres import DURABLE, Postgres, postgres
from tests.harness.server import free_port

# Left to itself, PostgreSQL plans the peers' joined statement anew each time or not, by chance; planning takes longer
# than running it. Hatful has it keep its plans, and so here have all.
SETTINGS = (*DURABLE, "shared_buffers=1GB", "max_wal_size=8GB", "plan_cache_mode=force_generic_plan")
SAMPLE = 20
USUAL = 32
TIMELINE_CLIENTS = (1, 32, 128)
TIP_CLIENTS = (32, 128, 512)
PGBENCH_CLIENTS = (1, 2, 8, 32)
TIP_GOALS = {Shape.ZIPF: 3.0, Shape.ONE: 7.0, Shape.SPREAD: 2.0}
ONE_CLIENT_SECONDS = 1e-3
OURS = ("product", "sqlite")

screen = Console(stderr=True)


class Key(NamedTuple):
    """What was measured."""

    workload: Workload
    shape: Shape
    server: str
    clients: int


class Goal(NamedTuple):
    """Ours against theirs: at least so many times their requests."""

    workload: Workload
    clients: int
    server: str
    ratio: float


GOALS = [
    Goal(Workload.TIMELINE, 32, "handwritten", 1.0),
    Goal(Workload.TIMELINE, 128, "handwritten", 1.25),
    *(
        Goal(workload, USUAL, server, 3.0)
        for server in ("postgraphile", "mercurius")
        for workload in (Workload.TIMELINE, Workload.TINY, Workload.TIP)
    ),
    Goal(Workload.TIMELINE, 32, "mercurius-joined", 1.0),
]


class Bench:
    """The measurements of one run."""

    def __init__(self, server: Postgres, template: str, options: argparse.Namespace, folder: Path) -> None:
        self._postgres, self._template, self._options, self._folder = server, template, options, folder
        self._found: dict[Key, list[Measured]] = {}
        self.tips: dict[tuple[str, Shape], list[Run]] = {}
        self.answers: dict[str, dict[str, Any]] = {}

    @property
    def found(self) -> dict[Key, Measured]:
        """What was measured: of several rounds, the median of each figure."""
        return {key: middle_of(rounds) for key, rounds in self._found.items()}

    def server(self, name: str) -> None:
        """Measures one server."""
        with (
            tempfile.TemporaryDirectory(prefix="hatful-bench-") as folder,
            self._database(name, Path(folder)) as database,
            running(name, database, Path(folder)) as at,
        ):
            self.answers[name] = answers_of(SERVERS[name].language, at.port)
            for workload in self._options.only:
                if workload is Workload.TIP:
                    continue
                for clients in TIMELINE_CLIENTS if workload is Workload.TIMELINE else (USUAL,):
                    self._measure(name, at, database, workload, Shape.ZIPF, clients)
            if Workload.TIP not in self._options.only:
                return
            for shape in Shape if name == "product" else (Shape.ZIPF,):
                for clients in (1, *TIP_CLIENTS) if name in OURS else (1, USUAL):
                    self._measure(name, at, database, Workload.TIP, shape, clients)

    def pgbench(self) -> None:
        """Measures pgbench's tips, at its best number of clients."""
        for shape in Shape:
            for clients in PGBENCH_CLIENTS:
                with self._copy() as database:
                    run = asyncio.run(pgbench.run(database, shape, clients, self._options.seconds))
                self.tips.setdefault(("pgbench", shape), []).append(run)
                screen.print(f"pgbench, {shape}, {clients} clients: {run.rate:,.0f} tips/s, p50 {1e3 * run.p50:.2f} ms")

    def _measure(  # noqa: PLR0917 - all of them differ
        self, name: str, at: Running, database: str, workload: Workload, shape: Shape, clients: int
    ) -> None:
        wanted = Wanted(at.port, at.process, workload, SERVERS[name].language, shape, clients, self._options.seconds)
        is_tip = workload is Workload.TIP
        before = asyncio.run(rows_of(database)) if is_tip else {}
        measured = measure(wanted)
        if is_tip:
            after = asyncio.run(rows_of(database))
            rows = {table: (after[table] - before[table]) / measured.answered for table in after}
            run = Run(clients, measured.rate, measured.p50, measured.p99, rows)
            self.tips.setdefault((name, shape), []).append(run)
        self._found.setdefault(Key(workload, shape, name, clients), []).append(measured)
        what = f"{workload}, {shape}" if is_tip else workload
        screen.print(f"{SERVERS[name].title}: {what}, {clients} connections: {measured.rate:,.0f}/s")

    @contextmanager
    def _database(self, name: str, folder: Path) -> Iterator[str]:
        if name != "sqlite":
            with self._copy() as url:
                yield url
            return
        people = self._folder / "people.db"
        if not people.exists():
            screen.print("The same people in SQLite")
            data.make(f"sqlite:///{people}")
        yield f"sqlite:///{shutil.copy(people, folder / 'hatful.db')}"

    @contextmanager
    def _copy(self) -> Iterator[str]:
        with self._postgres.database(self._template) as url:
            yield url


def best_of(runs: Sequence[Run]) -> Run:
    """With the number of clients at which the rounds' median is best."""
    return best([middle([run for run in runs if run.clients == clients]) for clients in {run.clients for run in runs}])


def middle_of(rounds: Sequence[Measured]) -> Measured:
    """The median of each figure."""
    return Measured(*map(median_low, zip(*rounds, strict=True)))


async def rows_of(url: str) -> dict[str, int]:
    """How many rows each table of the ledger has."""
    database = await open_database(url)
    try:
        return await town.count(database)
    finally:
        await database.close()


def answers_of(language: Language, port: int) -> dict[str, Any]:
    """What a server says to a sample of people, less how it says it."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        return {
            f"{workload} of person {ask.person}": meaning(workload, language, _answer(client, ask))
            for workload in (Workload.TIMELINE, Workload.TINY)
            for ask in islice(asks(workload, language), SAMPLE)
        }


def _answer(client: httpx2.Client, ask: Ask) -> bytes:
    headers = {"authorization": f"Bearer {data.secret(ask.person)}", "content-type": "application/json"}
    return bytes(client.request(ask.method, ask.path, content=ask.body, headers=headers).content)


def main() -> None:
    """Runs it all and prints the tables. Fails if the servers do not say or write the same."""
    options = _options()
    with (
        postgres(SETTINGS) as server,
        server.database() as template,
        tempfile.TemporaryDirectory(prefix="hatful-bench-") as folder,
    ):
        screen.print(f"{town.PEOPLE:,} people write, follow and tip")
        data.make(template)
        asyncio.run(data.settle_down(template))
        bench = Bench(server, template.partition("?")[0].rpartition("/")[2], options, Path(folder))
        failed = []
        for name in [*options.servers] * options.rounds:
            if name == "pgbench":
                bench.pgbench()
                continue
            try:
                bench.server(name)
            except (FailedError, RuntimeError, UnequalError) as error:
                failed.append(f"{name}: {str(error)[:500]}")
    ceiling = _ceiling(options.seconds)
    for complaint in failed:
        screen.print(f"[red]{complaint}", markup=True)
    report = Console(width=150)
    report.print(measured_table(bench.found))
    report.print(f"\n{machine()}\nThe client alone, against a server that always says the same: {ceiling:,.0f}/s\n")
    try:
        for asked in next(iter(bench.answers.values()), {}):
            require_equal({name: answers[asked] for name, answers in bench.answers.items()}, asked)
        if runs := [run for runs in bench.tips.values() for run in runs]:
            compare(runs, runs)
    except (UnequalError, UnlikeError) as error:
        screen.print(f"[red]No ratio: {str(error)[:2000]}")
        sys.exit(1)
    report.print(goals_table(bench.found, bench.tips))
    sys.exit(1 if failed else 0)


def measured_table(found: dict[Key, Measured]) -> Table:
    """All that was measured."""
    table = Table(title="Requests, their latency in milliseconds, and the server's own CPU and memory")
    for heading in ("workload", "server"):
        table.add_column(heading)
    for heading in ("connections", "requests/s", "p50", "p99", "CPU ms", "MiB"):
        table.add_column(heading, justify="right")
    for key, measured in sorted(found.items(), key=lambda item: (item[0].workload, item[0].shape, item[0].clients)):
        what = f"{key.workload}, {key.shape}" if key.workload is Workload.TIP else key.workload
        figures = f"{measured.rate:,.0f}", *(f"{1e3 * each:.2f}" for each in (measured.p50, measured.p99, measured.cpu))
        memory = f"{measured.memory / (1 << 20):,.0f}"
        table.add_row(what, SERVERS[key.server].title, str(key.clients), *figures, memory)
    return table


def goals_table(found: dict[Key, Measured], tips: dict[tuple[str, Shape], list[Run]]) -> Table:
    """The ratios and the goals, as far as both sides were measured."""
    table = Table(title="Goals")
    for heading in ("what", "reached", "goal", ""):
        table.add_column(heading)

    def add(what: str, reached: str, goal: str, *, met: bool) -> None:
        table.add_row(what, reached, goal, "[green]reached" if met else "[red]missed")

    for goal in GOALS:
        ours, theirs = (
            found.get(Key(goal.workload, Shape.ZIPF, name, goal.clients)) for name in ("product", goal.server)
        )
        if ours and theirs:
            ratio = ours.rate / theirs.rate
            what = f"{goal.workload}, {goal.clients} connections, against {SERVERS[goal.server].title}"
            add(what, f"{ratio:.2f}", f">= {goal.ratio}", met=ratio >= goal.ratio)
    for shape, least in TIP_GOALS.items():
        if ("product", shape) in tips and ("pgbench", shape) in tips:
            ratio = best_of(tips["product", shape]).rate / best_of(tips["pgbench", shape]).rate
            add(f"tips over HTTP, {shape}, against pgbench", f"{ratio:.2f}", f">= {least}", met=ratio >= least)
    for key, measured in found.items():
        if key.server in OURS and key.clients == 1 and key.shape is Shape.ZIPF:
            reached = f"{1e3 * measured.p50:.2f} ms"
            what = f"{SERVERS[key.server].title}: {key.workload}, one client, median"
            add(what, reached, "<= 1 ms", met=measured.p50 <= ONE_CLIENT_SECONDS)
    return table


def _ceiling(seconds: float) -> float:
    port = free_port()
    with started([sys.executable, "-m", echo.__name__, str(port)], port) as process:
        wanted = Wanted(port, process, Workload.TIMELINE, Language.GRAPHQL, Shape.ZIPF, USUAL, seconds)
        return measure(wanted).rate


def machine() -> str:
    """On what this was measured."""
    postgresql = subprocess.run([pgbench.program("postgres"), "--version"], check=True, capture_output=True, text=True)
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return (
        f"{processor()}, {os.cpu_count()} cores, load {load}; {platform.system()} {platform.release()};"
        f" Python {platform.python_version()}; {postgresql.stdout.strip()} ({', '.join(SETTINGS)})"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = [*SERVERS, "pgbench"]
    measurable = [Workload.TIMELINE, Workload.TINY, Workload.TIP]
    parser.add_argument("--only", type=_list_of(measurable), default=measurable, metavar="WORKLOAD,…")
    parser.add_argument("--servers", type=_list_of(every), default=every, metavar="SERVER,…")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is made")
    return parser.parse_args()


def _list_of(known: Sequence[str]) -> Any:
    by_name = {str(each): each for each in known}

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in by_name]:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(by_name)}")
        return [by_name[name] for name in names]

    return parse


if __name__ == "__main__":
    main()
