"""What all networks here share: a clock, faults to come, and books."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from starlette.applications import Starlette

from simulator.books import Books, Movement
from simulator.clock import Clock
from simulator.faults import Does, Fault, Faults


class World:
    """The world that the networks are in. What a face keeps beside the books it forgets by a function in `forget`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults = Faults()
        self.books = Books()
        self.forget: list[Callable[[], None]] = []

    def record(self, movement: Movement, settles_after: timedelta, fault: Fault) -> Movement:
        """Writes a movement into the books, with what faults do to its return and its settlement."""
        self.books.write(movement, settles_after)
        if fault.does is Does.RETURNED:
            when = movement.decided_at + timedelta(seconds=fault.seconds)
            self.books.give_back(movement.id, fault.code or "", when)
        self._spoil_lines(movement)
        return movement

    def _spoil_lines(self, movement: Movement) -> None:
        operation = f"{movement.network}.settlement"
        for line in self.books.lines_of(movement.id):
            fault = self.faults.take(operation)
            match fault.does:
                case Does.SETTLEMENT_MISSING:
                    self.books.drop(line.id)
                case Does.SETTLEMENT_WRONG:
                    self.books.add(line.model_copy(update={"amount": fault.amount or 0}))
                case Does.SETTLEMENT_EXTRA:
                    update = {"id": f"{line.id}-extra", "movement": f"{line.movement}-extra"}
                    self.books.add(line.model_copy(update=update))

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


def _nothing(address: str) -> None:
    pass


class Face(NamedTuple):
    """A network, as it is spoken to: an application on a port of its own."""

    name: str
    app: Starlette
    port: int = 0
    """0: a free one."""
    tls: Tls | None = None
    ready: Callable[[str], None] = _nothing
    """Hears the face's own address, once that is known."""
