"""Refusals are written when the answer has gone, and harm nobody if they cannot be."""

import pytest
from structlog.testing import capture_logs

from models.database import UnavailableError
from models.security import SecurityEventKind
from resolvers import security
from resolvers.context import App, Context
from server.refusals import write_refusals, writing_refusals
from tests.server.conftest import ADA


def test_nothing_is_done_after_a_request_without_refusals(app: App) -> None:
    context = Context(app, ADA)
    assert writing_refusals(context) is None
    context.note_refusal(SecurityEventKind.SCOPE_REFUSED)
    assert writing_refusals(context) is not None


async def test_an_outage_is_logged_and_goes_no_further(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unavailable(_: Context) -> None:
        raise UnavailableError("nobody there")

    monkeypatch.setattr(security, "write_refusals", unavailable)
    with capture_logs() as lines:
        await write_refusals(Context(app, ADA))
    assert [line["event"] for line in lines] == ["refusals not written"]
