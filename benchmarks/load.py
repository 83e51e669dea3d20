"""The client: so many connections that each send a request, wait for the answer and send the next.

Runs as a process of its own, `python -m benchmarks.load`, with a Wanted as JSON on its standard input, and prints a
Measured. Each connection comes from an address of its own, as from as many people: the limits on requests are on.
"""

import asyncio
import gc
import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple, cast

import orjson
import uvloop

from benchmarks import data
from benchmarks.ledger.town import PEOPLE, Shape
from benchmarks.workloads import Ask, Language, Workload, asks, succeeded

WARM_UP_SECONDS = 1.0
PATIENCE_SECONDS = 30.0
FEW = 10
"""For how many people a client asks that is alone; one person may not send so many requests."""
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Wanted(NamedTuple):
    """What to do: a workload for so many seconds on a server of this process id and port."""

    port: int
    process: int
    workload: Workload
    language: Language
    shape: Shape
    clients: int
    seconds: float
    warm_up: float = WARM_UP_SECONDS


class Measured(NamedTuple):
    """What came of it. Latencies are seconds, memory is bytes, CPU is the server's seconds for each request."""

    clients: int
    rate: float
    p50: float
    p99: float
    cpu: float
    memory: int
    answered: int
    """All of them, those of the warm-up too."""


class FailedError(Exception):
    """The server gave another answer than what was wanted."""


def measure(wanted: Wanted) -> Measured:
    """Runs the client as a process of its own. Raises FailedError."""
    command = [sys.executable, "-m", "benchmarks.load"]
    most = wanted.warm_up + wanted.seconds + PATIENCE_SECONDS
    try:
        done = subprocess.run(command, input=orjson.dumps(list(wanted)), capture_output=True, check=False, timeout=most)
    except subprocess.TimeoutExpired:
        raise FailedError("the server has stopped answering") from None
    if done.returncode:
        raise FailedError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
    return Measured(*orjson.loads(done.stdout))


class _Connection(asyncio.Protocol):
    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._length = 0
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        if not self._length:
            self._length = _length_of(self._received)
        if self._length and len(self._received) >= self._length:
            self._answered()

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.fail(f"the connection was closed: {exc!r}")

    def _answered(self) -> None:
        now = time.perf_counter()
        answer, self._received, self._length = self._received, b"", 0
        if not answer.startswith(b"HTTP/1.1 200") or not succeeded(answer):
            self._load.fail(answer[:1000].decode(errors="replace"))
        if self._load.count(now - self._began, now):
            self._ask()

    def _ask(self) -> None:
        assert self._transport is not None, "there is one by now"
        request = next(self._load.requests)
        self._began = time.perf_counter()
        self._transport.write(request)


class _Load:
    def __init__(self, wanted: Wanted) -> None:
        self.requests: Iterator[bytes] = map(_request, asks(wanted.workload, wanted.language, wanted.shape))
        if wanted.workload in {Workload.TIMELINE, Workload.TINY}:
            # As many as there are people, made before the clock runs.
            people = PEOPLE if wanted.clients > 1 else FEW
            self.requests = itertools.cycle(list(itertools.islice(self.requests, people)))
        self._wanted = wanted
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begin = self._end = 0.0
        self._latencies: list[float] = []
        self._answered = 0
        self._waiting = wanted.clients

    async def run(self) -> Measured:
        gc.freeze()
        gc.disable()
        loop = asyncio.get_running_loop()
        addresses = _addresses()
        self._begin = time.perf_counter() + self._wanted.warm_up
        self._end = self._begin + self._wanted.seconds
        for _ in range(self._wanted.clients):
            await loop.create_connection(
                lambda: _Connection(self), "127.0.0.1", self._wanted.port, local_addr=(next(addresses), 0)
            )
        await asyncio.sleep(self._begin - time.perf_counter())
        cpu, begun = cpu_seconds(self._wanted.process), time.perf_counter()
        await asyncio.sleep(self._end - time.perf_counter())
        used, took = cpu_seconds(self._wanted.process) - cpu, time.perf_counter() - begun
        await self._done
        count = len(self._latencies)
        cuts = quantiles(self._latencies, n=100)
        memory = resident_bytes(self._wanted.process)
        return Measured(self._wanted.clients, count / took, cuts[49], cuts[98], used / count, memory, self._answered)

    def count(self, latency: float, now: float) -> bool:
        """Counts an answer. Returns whether the connection goes on."""
        self._answered += 1
        if now < self._end:
            if now >= self._begin:
                self._latencies.append(latency)
            return True
        self._waiting -= 1
        if not self._waiting and not self._done.done():
            self._done.set_result(None)
        return False

    def fail(self, why: str) -> None:
        if not self._done.done():
            print(why.replace("\r\n", " "), file=sys.stderr, flush=True)  # noqa: T201 - this is the program
            os._exit(1)


def _request(ask: Ask) -> bytes:
    head = (
        f"{ask.method} {ask.path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
        f"authorization: Bearer {data.secret(ask.person)}\r\n"
    )
    if ask.body:
        head += f"content-type: application/json\r\ncontent-length: {len(ask.body)}\r\n"
    return head.encode() + b"\r\n" + ask.body


def _length_of(received: bytes) -> int:
    """How long the whole answer is; 0 as long as that is not known."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return 0
    head = received[:end].lower()
    at = head.index(b"content-length:") + 15
    stop = head.find(b"\r", at)
    return end + 4 + int(head[at:] if stop < 0 else head[at:stop])


def _addresses() -> Iterator[str]:
    """Addresses of this machine, others in each run."""
    first = random.SystemRandom().randrange(1, 1 << 22)
    for number in itertools.count(first):
        yield f"127.{1 + (number >> 14) % 250}.{(number >> 7) % 128}.{1 + number % 128}"


def family(process: int) -> list[int]:
    """A process and all that descend from it."""
    found = [process]
    for each in found:
        for task in Path(f"/proc/{each}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def cpu_seconds(process: int) -> float:
    """The CPU time that a process and its descendants have used."""
    stats = [Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split() for each in family(process)]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / TICK


def resident_bytes(process: int) -> int:
    """The memory that a process and its descendants have in use."""
    return sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in family(process)) * PAGE


def main() -> None:
    """Runs what standard input wants, and prints what was measured."""
    port, process, workload, language, shape, *numbers = orjson.loads(sys.stdin.read())
    wanted = Wanted(port, process, Workload(workload), Language(language), Shape(shape), *numbers)

    async def run() -> Measured:
        return await _Load(wanted).run()

    sys.stdout.buffer.write(orjson.dumps(list(uvloop.run(run()))))


if __name__ == "__main__":
    main()
