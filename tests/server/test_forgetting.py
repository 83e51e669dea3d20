"""Numbers that are of no use any more are forgotten while the server runs."""

import asyncio
from datetime import UTC, datetime

import pytest

from ledger import Ledger
from models.database import Database
from models.ids import new_id
from rails import Vault, numbers, sandbox_rails
from rails.vault import LIFETIME, new_key
from resolvers.context import App
from server import forgetting
from tests.harness.backdoor import Backdoor
from tests.harness.networks import EXPIRES, VISA


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "EVERY_SECONDS", 0.001)


@pytest.fixture
async def waiting(database: Database, ledger: Ledger) -> App:
    """A card that nobody has linked in time, and one that there is time for."""
    vault, owner_id, now = Vault(database, [new_key()]), new_id(), datetime.now(UTC)
    for moment in (now - LIFETIME, now):
        await vault.keep_card(owner_id, numbers.card(VISA, EXPIRES, now), moment)
    return App(database, ledger, rails=sandbox_rails(vault))


async def until_forgotten(backdoor: Backdoor) -> None:
    async with asyncio.timeout(20):
        while await backdoor.fetch("SELECT count(*) FROM vault") != [(1,)]:  # noqa: ASYNC110 - another task writes it
            await asyncio.sleep(0.01)


async def test_forgets_what_nobody_has_linked_in_time(waiting: App, backdoor: Backdoor) -> None:
    async with forgetting.forgetting(waiting):
        await until_forgotten(backdoor)
        await asyncio.sleep(0.05)
        await until_forgotten(backdoor)
