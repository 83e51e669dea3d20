"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class StillClock:
    """The time, as the test says: noon, at first."""

    def __init__(self) -> None:
        self.now = NOON
