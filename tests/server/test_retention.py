"""Old addresses are erased while the server runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from models.database import Database, UnavailableError
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


@pytest.mark.parametrize("error", [UnavailableError("away"), ValueError("broken")])
async def test_goes_on_after_a_failure(
    database: Database, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tries = 0
    erase = security.erase_old_addresses

    async def failing_twice(database: Database, now: datetime) -> int:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise error
        return await erase(database, now)

    monkeypatch.setattr(security, "erase_old_addresses", failing_twice)
    async with retention.erasing(database):
        await until_erased(backdoor)
    assert tries >= 3


async def test_stops_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "EVERY_SECONDS", 3_600)
    async with asyncio.timeout(5), retention.erasing(database):
        await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "erasing"]
