"""The books are sealed while the server runs."""

import asyncio

import pytest

from ledger import Ledger, seals
from models.database import Database
from server import sealing
from tests.harness.books import Books
from tests.harness.edits import live


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "EVERY_SECONDS", 0.001)


async def until_sealed(database: Database) -> None:
    async with asyncio.timeout(20):
        while await seals.last_seal(database) is None:  # noqa: ASYNC110 - another task writes it
            await asyncio.sleep(0.01)


async def test_seals_what_is_due(database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    await live(Books(database, ledger))
    async with sealing.sealing(database):
        await asyncio.sleep(0.05)
        assert await seals.last_seal(database) is None, "nothing is old enough"
    monkeypatch.setattr(seals.seal, "__defaults__", (seals.LAG * 0,))
    async with sealing.sealing(database):
        await until_sealed(database)
