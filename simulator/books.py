"""The networks' own books: a row for each movement of money, and the lines by which it reached the bank or came back.

Amounts are whole minor units. Nothing has to happen for a movement to go on: what it is depends on the time alone, so a
clock that is moved moves all of them.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel


class Kind(StrEnum):
    """Which way money went, seen from whoever asked for it."""

    PULL = "PULL"
    PUSH = "PUSH"
    REVERSAL = "REVERSAL"
    """A pull is taken back."""


class Status(StrEnum):
    """What has become of a movement."""

    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


class LineKind(StrEnum):
    """What a settlement line tells: the bank has booked a movement, it is given back, the bank has booked that."""

    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    RETURN_SETTLED = "RETURN_SETTLED"


RETURN_SETTLES_AFTER = timedelta(days=1)


class Movement(BaseModel):
    """Money that a network was asked to move."""

    id: str
    """The network's name for it."""
    network: str
    kind: Kind
    key: str
    """By what the network knows the same request again."""
    amount: int
    """What moves, or would have moved."""
    currency: str
    at: datetime
    decided_at: datetime
    outcome: Status = Status.COMPLETED
    """What it is from `decided_at` on; it is pending before."""
    code: str = ""
    reverses: str | None = None
    facts: dict[str, str] = {}

    def status(self, now: datetime) -> Status:
        return Status.PENDING if now < self.decided_at else self.outcome

    @property
    def signed(self) -> int:
        """The amount as it changes what the asker has."""
        return self.amount if self.kind is Kind.PULL else -self.amount


class Line(BaseModel):
    """A settlement line. Before `booked_at` nobody sees it."""

    id: str
    network: str
    movement: str
    kind: LineKind
    amount: int
    currency: str
    booked_at: datetime
    code: str | None = None


class UnknownMovementError(KeyError):
    """No such movement or line is in the books."""


class Books:
    """All movements and lines, by their ids."""

    def __init__(self) -> None:
        self._movements: dict[str, Movement] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._lines: dict[str, Line] = {}
        self._last = 0

    def number(self) -> int:
        """A number that no other movement has: networks make their names of it."""
        self._last += 1
        return self._last

    def reset(self) -> None:
        """Forgets everything but the numbers it gave out."""
        self._movements.clear()
        self._keys.clear()
        self._lines.clear()

    # Movements

    def write(self, movement: Movement, settles_after: timedelta) -> Movement:
        """Writes a movement down, with the line that it will have once it is settled."""
        self._movements[movement.id] = movement
        self._keys[movement.network, movement.key] = movement.id
        if movement.reverses is not None:
            self._undo(movement)
        elif movement.outcome is Status.COMPLETED:
            self._settle(movement, settles_after)
        return movement

    def find(self, network: str, key: str) -> Movement | None:
        """The movement that a request with this key has made."""
        id_ = self._keys.get((network, key))
        return None if id_ is None else self._movements[id_]

    def get(self, id_: str) -> Movement | None:
        return self._movements.get(id_)

    def movements(self, network: str) -> Sequence[Movement]:
        """A network's movements, in the order in which they were asked for."""
        return [movement for movement in self._movements.values() if movement.network == network]

    def is_reversed(self, id_: str, now: datetime) -> bool:
        """Whether a movement has been taken back."""
        return any(
            movement.reverses == id_ and movement.status(now) is Status.COMPLETED
            for movement in self._movements.values()
        )

    def moved(self, network: str, now: datetime) -> dict[str, int]:
        """By currency what all movements together have brought whoever asked for them."""
        sums: Counter[str] = Counter()
        for movement in self.movements(network):
            if movement.status(now) is Status.COMPLETED:
                sums[movement.currency] += movement.signed
        return dict(sums)

    # Lines

    def lines(self, network: str, now: datetime, since: datetime | None = None) -> Sequence[Line]:
        """The lines that are booked by now, oldest first."""
        booked = [
            line
            for line in self._lines.values()
            if line.network == network and line.booked_at <= now and (since is None or line.booked_at >= since)
        ]
        return sorted(booked, key=lambda line: (line.booked_at, line.id))

    def add(self, line: Line) -> Line:
        """Books a line, whatever it says."""
        self._lines[line.id] = line
        return line

    def line(self, id_: str) -> Line:
        """Raises UnknownMovementError."""
        if id_ not in self._lines:
            raise UnknownMovementError(id_)
        return self._lines[id_]

    def lines_of(self, movement: str) -> Sequence[Line]:
        """All lines of a movement, also those that are not booked yet."""
        return [line for line in self._lines.values() if line.movement == movement]

    def drop(self, id_: str) -> None:
        """Has a line never been booked."""
        self._lines.pop(id_, None)

    def give_back(self, id_: str, code: str, when: datetime) -> Line:
        """Has a movement come back. What comes back before it is settled never settles. Raises UnknownMovementError."""
        movement = self._movements.get(id_)
        if movement is None:
            raise UnknownMovementError(id_)
        self._drop_after(movement, when)
        if self.lines_of(movement.id):
            self.add(self._line(movement, LineKind.RETURN_SETTLED, when + RETURN_SETTLES_AFTER, code))
        return self.add(self._line(movement, LineKind.RETURNED, when, code))

    def _settle(self, movement: Movement, after: timedelta) -> None:
        self.add(self._line(movement, LineKind.SETTLED, movement.decided_at + after))

    def _undo(self, reversal: Movement) -> None:
        """A reversal that comes before settlement leaves nothing to settle, and one after it is a return."""
        original = self._movements.get(reversal.reverses or "")
        if original is None or reversal.outcome is not Status.COMPLETED:
            return
        self._drop_after(original, reversal.decided_at)
        if self.lines_of(original.id):
            self.give_back(original.id, reversal.code, reversal.decided_at)

    def _drop_after(self, movement: Movement, when: datetime) -> None:
        for line in self.lines_of(movement.id):
            if line.booked_at > when:
                self.drop(line.id)

    def _line(self, movement: Movement, kind: LineKind, when: datetime, code: str | None = None) -> Line:
        return Line(
            id=f"{movement.network}-{kind.lower()}-{movement.id}",
            network=movement.network,
            movement=movement.id,
            kind=kind,
            amount=movement.amount,
            currency=movement.currency,
            booked_at=when,
            code=code,
        )
