"""What Stripe shows of its books: payments, payouts, refunds, and what they did to the balance."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from simulator.books import Kind, Line, LineKind, Movement, Status
from simulator.stripe_objects import Booked, charge, dispute, payment_intent, payout, refund, transaction
from simulator.world import World

NETWORK = "stripe"
SETTLED_AFTER = timedelta(days=2)


class Shown:
    """The books of a world, as Stripe shows them at this moment."""

    def __init__(self, world: World) -> None:
        self._world = world

    def transactions(self) -> list[dict[str, Any]]:
        """All that changes the balance, also what is not there yet."""
        books = self._world.books
        strangers = [line for line in books.lines(NETWORK, self._now) if books.get(line.movement) is None]
        found = [one for movement in books.movements(NETWORK) for one in self._of(movement)]
        return found + [self._transaction(_stranger(line), line.amount, line.booked_at) for line in strangers]

    def refund(self, movement: Movement) -> dict[str, Any]:
        return refund(movement, self._now)

    @property
    def _now(self) -> datetime:
        return self._world.clock.now()

    def paid(self, movement: Movement) -> Sequence[Line]:
        """The line by which a payout is paid."""
        lines = self._world.books.lines_of(movement.id) if movement.kind is Kind.PUSH else ()
        return [line for line in lines if line.kind is LineKind.SETTLED]

    def refunds(self, payment: str, *statuses: Status) -> Sequence[Movement]:
        return [
            movement
            for movement in self._world.books.movements(NETWORK)
            if movement.reverses == payment and movement.status(self._now) in statuses
        ]

    def _of(self, movement: Movement) -> list[dict[str, Any]]:
        lines = {line.kind: line for line in self._world.books.lines_of(movement.id)}
        settled, returned = lines.get(LineKind.SETTLED), lines.get(LineKind.RETURNED)
        back = self.refunds(movement.id, Status.COMPLETED)
        if back:
            available = movement.decided_at + SETTLED_AFTER
            return [self._transaction(movement, movement.amount, available), self._refunded(back[0])]
        found = list[dict[str, Any]]()
        if settled is not None:
            found.append(self._transaction(movement, settled.amount, settled.booked_at))
        if returned is None or self._fails(movement):
            return found
        end = lines.get(LineKind.RETURN_SETTLED)
        if settled is None:  # Stripe pays all the same, and takes it back
            found.append(self._transaction(movement, movement.amount, returned.booked_at))
        return [*found, self._taken_back(movement, returned, returned if end is None else end)]

    def _transaction(self, movement: Movement, amount: int, available: datetime) -> dict[str, Any]:
        if movement.kind is Kind.PUSH:
            source, category, amount, available = self.payout(movement), "payout", -amount, movement.decided_at
        else:
            back = self.refunds(movement.id, Status.COMPLETED)
            source, category = charge(movement, self._now, refunded=bool(back)), "charge"
        booked = Booked(movement.at, available, category, amount, movement.currency)
        return transaction(f"txn_{movement.id}", booked, source, self._now)

    def _refunded(self, back: Movement) -> dict[str, Any]:
        booked = Booked(back.at, back.decided_at, "refund", -back.amount, back.currency)
        return transaction(f"txn_{back.id}", booked, refund(back, self._now), self._now)

    def _taken_back(self, movement: Movement, returned: Line, end: Line) -> dict[str, Any]:
        is_payout = movement.kind is Kind.PUSH
        source = self.payout(movement) if is_payout else dispute(movement, returned.code or "general")
        category, amount = ("payout_reversal", returned.amount) if is_payout else ("dispute", -returned.amount)
        booked = Booked(returned.booked_at, end.booked_at, category, amount, movement.currency)
        return transaction(f"txn_{returned.id}", booked, source, self._now)

    def _came_back(self, movement: Movement) -> Line | None:
        """The line by which a movement has come back by now."""
        return next(
            (
                line
                for line in self._world.books.lines_of(movement.id)
                if line.kind is LineKind.RETURNED and line.booked_at <= self._now
            ),
            None,
        )

    def _fails(self, movement: Movement) -> bool:
        """Whether a debit has come back before it was done: to Stripe it has failed."""
        returned = self._came_back(movement)
        return movement.kind is Kind.PULL and returned is not None and returned.booked_at < movement.decided_at

    def payment(self, movement: Movement) -> dict[str, Any]:
        returned = self._came_back(movement)
        if self._fails(movement) and returned is not None:
            failed = {"outcome": Status.FAILED, "decided_at": returned.booked_at, "code": returned.code or "unknown"}
            movement = movement.model_copy(update=failed)
        return payment_intent(movement, self._now)

    def payout(self, movement: Movement) -> dict[str, Any]:
        """Shows a payout: it has left the balance once it is done, and is paid once it is settled."""
        lines = {line.kind: line for line in self._world.books.lines_of(movement.id)}
        settled, returned = lines.get(LineKind.SETTLED), self._came_back(movement)
        arrives = movement.decided_at if settled is None else settled.booked_at
        status = "paid" if settled is not None and arrives <= self._now else "in_transit"
        if movement.status(self._now) is Status.PENDING:
            status = "pending"
        code = movement.code if movement.status(self._now) is Status.FAILED else None
        if returned is not None:
            code = returned.code or "unknown"
        return payout(movement, "failed" if code else status, arrives, code)


def _stranger(line: Line) -> Movement:
    """A movement that nobody knows, for a line that should not be there."""
    return Movement(
        id=line.movement,
        network=NETWORK,
        kind=Kind.PUSH if line.movement.startswith("po_") else Kind.PULL,
        key=line.id,
        amount=line.amount,
        currency=line.currency,
        at=line.booked_at,
        decided_at=line.booked_at,
        facts={"means": "card", "asked": str(line.amount)},
    )
