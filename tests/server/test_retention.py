"""Old addresses are erased while the server runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from models.database import Database
from models.ids import first_id_at, new_id
from models.security import SecurityEventKind
from resolvers import security
from resolvers.context import SecurityEventRow
from server import retention
from tests.harness.backdoor import Backdoor


@pytest.fixture(autouse=True)
async def _old_event(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY_SECONDS", 0.001)
    then = datetime.now(UTC) - timedelta(days=91)
    event = SecurityEventRow(new_id(), first_id_at(then), SecurityEventKind.SIGNED_IN, None, "::1", None, then)
    async with database.transaction() as transaction:
        await security.write(transaction, event)


async def until_erased(backdoor: Backdoor) -> None:
    async with asyncio.timeout(20):
        while await backdoor.fetch("SELECT address FROM security_events") != [(None,)]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_erases_what_is_due(database: Database, backdoor: Backdoor) -> None:
    async with retention.erasing(database):
        await until_erased(backdoor)
