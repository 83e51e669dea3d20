"""The real `hatful simulator`, as a process of its own, and what a test tells it."""

import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.harness.leaks import numbers_in_files
from tests.harness.server import STOP_SECONDS, command, surroundings

START_SECONDS = 60


class Simulator:
    """A running simulator: `addresses` of its faces by their names, and `folder` with what clients need."""

    def __init__(self, addresses: dict[str, str], folder: Path) -> None:
        self.addresses = addresses
        self.folder = folder
        self._control = httpx2.Client(base_url=addresses["control"], trust_env=False)

    def fault(self, operation: str, does: str, **more: Any) -> None:
        """Has the next call of an operation go wrong."""
        self._ask("POST", "/faults", {"operation": operation, "does": does, **more})

    def heal(self) -> None:
        """Has nothing go wrong any more."""
        self._ask("DELETE", "/faults")

    def forward(self, **by: float) -> None:
        """Moves the clock: `days`, `hours`, `seconds`."""
        sizes = {"days": 86_400, "hours": 3_600, "seconds": 1}
        self._ask("POST", "/clock", {"seconds": sum(sizes[unit] * count for unit, count in by.items())})

    def books(self, network: str) -> dict[str, Any]:
        """A network's movements, booked lines, and what it moved by currency."""
        books: dict[str, Any] = self._ask("GET", f"/books/{network}").json()
        return books

    def give_back(self, movement: str, code: str, seconds: float = 0) -> None:
        """Has a movement come back."""
        self._ask("POST", f"/movements/{movement}/return", {"code": code, "seconds": seconds})

    def add_line(self, **line: Any) -> None:
        """Books a line that says whatever it says."""
        self._ask("POST", "/lines", line)

    def rewrite_line(self, line: str, amount: int) -> None:
        """Has a line be of another amount."""
        self._ask("PATCH", f"/lines/{line}", {"amount": amount})

    def drop_line(self, line: str) -> None:
        """Has a line never been booked."""
        self._ask("DELETE", f"/lines/{line}")

    def reset(self) -> None:
        """Begins anew."""
        self._ask("POST", "/reset")

    def close(self) -> None:
        self._control.close()

    def _ask(self, method: str, path: str, body: object = None) -> httpx2.Response:
        answer = self._control.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer


@contextmanager
def simulate(folder: Path, *options: str) -> Iterator[Simulator]:
    """`hatful simulator` with these options on free ports, ready to answer."""
    with (folder / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            command("simulator", "--folder", str(folder / "certificates"), *options),
            cwd=folder,
            env=surroundings(folder),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        said = dict(_said(process, folder / "simulator.log"))
        simulator = Simulator(said, Path(said.pop("certificates")))
        yield simulator
        simulator.close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            ended = process.wait(STOP_SECONDS)
        finally:
            process.kill()
            process.communicate()
    assert ended == 0, (folder / "simulator.log").read_text()
    assert numbers_in_files(folder / "simulator.log") == [], "a card's or an account's number was logged"


def _said(process: subprocess.Popen[str], log: Path) -> Iterator[tuple[str, str]]:
    """What it says once it answers: names and addresses, the folder of certificates last."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout is not None
    threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
    while True:
        line = lines.get(timeout=START_SECONDS)
        if not line:
            raise RuntimeError(f"hatful simulator did not start:\n{log.read_text(errors='replace')}")
        name, value = line.split(maxsplit=1)
        yield name, value.strip()
        if name == "certificates":
            return


def _read(lines: Any, into: "queue.SimpleQueue[str]") -> None:
    for line in lines:
        into.put(line)
    into.put("")
