"""The books are sealed while the server runs."""

import asyncio

import pytest

from ledger import Ledger, seals
from models.database import Database, UnavailableError
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


@pytest.mark.parametrize("error", [UnavailableError("away"), ValueError("broken")])
async def test_goes_on_after_a_failure(
    database: Database, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await live(Books(database, ledger))
    tries = 0
    seal = seals.seal

    async def failing_twice(database: Database) -> int:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise error
        return await seal(database, seals.LAG * 0)

    monkeypatch.setattr(seals, "seal", failing_twice)
    async with sealing.sealing(database):
        await until_sealed(database)
    assert tries >= 3


async def test_stops_at_once(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "EVERY_SECONDS", 3_600)
    async with asyncio.timeout(5), sealing.sealing(database):
        await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "sealing"]
