"""What all networks here share: a clock, faults to come, and books."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from starlette.applications import Starlette

from simulator.books import Books
from simulator.clock import Clock
from simulator.faults import Faults


class World:
    """The world that the networks are in. What a face keeps beside the books it forgets by a function in `forget`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.books = Books()
        self.forget: list[Callable[[], None]] = []

    def reset(self) -> None:
        """Begins anew, as if the process had just been started."""
        for forget in (self.clock.reset, self.faults.reset, self.books.reset, *self.forget):
            forget()


class Tls(NamedTuple):
    """The files by which a face shows who it is, and knows who may come."""

    key: Path
    certificate: Path
    clients: Path
    """The authority that has signed the clients' certificates."""


class Face(NamedTuple):
    """A network, as it is spoken to: an application on a port of its own."""

    name: str
    app: Starlette
    port: int = 0
    """0: a free one."""
    tls: Tls | None = None
