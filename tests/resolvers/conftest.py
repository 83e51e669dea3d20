"""What all tests of the resolvers share."""

from datetime import UTC, datetime, timedelta

import pytest

from resolvers.context import Context


@pytest.fixture(autouse=True)
def _same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """No midnight, at which limits begin anew, falls into a test."""
    shift = timedelta(hours=2) if datetime.now(UTC).hour == 23 else timedelta()
    monkeypatch.setattr(Context, "now", lambda _: datetime.now(UTC) - shift)
