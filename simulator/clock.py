"""The networks' clock. It runs on by itself, and can be moved forward: nobody waits three days for a return."""

import asyncio
from datetime import UTC, datetime, timedelta


class Clock:
    """The present moment, as all networks here have it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def forward(self, by: timedelta) -> None:
        """Moves the clock, and wakes all who wait for a moment."""
        self._ahead += by
        self._wake()

    def reset(self) -> None:
        """Goes back to the true time."""
        self._ahead = timedelta(0)
        self._wake()

    async def until(self, moment: datetime) -> None:
        """Waits for a moment, which comes by itself or because somebody moves the clock."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            moved = self._moved
            try:
                await asyncio.wait_for(moved.wait(), left)
            except TimeoutError:
                return

    def _wake(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
