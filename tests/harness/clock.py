"""A clock that a test sets."""


class Clock:
    """Seconds that go by when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now
