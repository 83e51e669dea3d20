"""Inboxes are filled while the server runs, whatever happens to it."""

import asyncio
import signal
from pathlib import Path

import pytest

from ledger import Ledger
from models.database import ContentionError, Database, UnavailableError
from resolvers import inbox
from resolvers.context import App
from server import inboxes
from tests.harness.backdoor import Backdoor, backdoor
from tests.harness.server import serve
from tests.harness.town import Person, Town

FOLLOWERS = 12


@pytest.fixture
def app(database: Database, ledger: Ledger) -> App:
    return App(database, ledger)


async def until_filled(connection: Backdoor, posts: int) -> None:
    async with asyncio.timeout(60):
        while True:
            [[left]] = await connection.fetch(
                "SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM catch_ups)"
            )
            if not left:
                break
            await asyncio.sleep(0.01)
    [[there]] = await connection.fetch("SELECT count(*) FROM inbox")
    assert there == posts


async def follow_star(town: Town) -> Person:
    star, *crowd = await town.people("star", *(f"crowd{n}" for n in range(FOLLOWERS)))
    for person in crowd:
        await person.follows(star)
    return star


async def test_brings_what_its_process_has_written_at_once(
    town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "EVERY_SECONDS", 3_600)
    async with inboxes.filling_inboxes(town.app):
        star = await follow_star(town)
        await until_filled(backdoor, 0)
        await star.post()
        await until_filled(backdoor, FOLLOWERS)


async def test_brings_what_another_process_has_left(
    town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inboxes, "EVERY_SECONDS", 0.01)
    star = await follow_star(town)
    await star.post()
    town.app.inboxes_wait.clear()
    async with inboxes.filling_inboxes(town.app):
        await until_filled(backdoor, FOLLOWERS)


@pytest.mark.parametrize("error", [ContentionError("lost"), UnavailableError("away"), ValueError("broken")])
async def test_goes_on_after_a_failure(
    town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(inboxes, "EVERY_SECONDS", 0.01)
    star = await follow_star(town)
    await star.post()
    tries = 0
    work = inbox.work

    async def failing_twice(database: Database) -> bool:
        nonlocal tries
        tries += 1
        if tries <= 2:
            raise error
        return await work(database)

    monkeypatch.setattr(inbox, "work", failing_twice)
    async with inboxes.filling_inboxes(town.app):
        await until_filled(backdoor, FOLLOWERS)
    assert tries >= 3


async def test_stops_at_once(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inboxes, "EVERY_SECONDS", 3_600)
    async with asyncio.timeout(5), inboxes.filling_inboxes(town.app):
        await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "inboxes"]


async def test_a_server_goes_on_where_another_was_killed(
    town: Town, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "CHUNK", 1)
    star = await follow_star(town)
    posts = 300
    for n in range(posts):
        await star.post(f"{n}")
    while not await inboxes_hold(database_url, 5):  # part of the work is done, and the rest is still due
        await inbox.work(town.app.database)
    async with backdoor(database_url) as connection:
        with serve(tmp_path, "--database", database_url) as killed:
            await asyncio.sleep(0.05)
            killed.stop(signal.SIGKILL)
        with serve(tmp_path, "--database", database_url):
            await until_filled(connection, FOLLOWERS * posts)


async def inboxes_hold(database_url: str, least: int) -> bool:
    async with backdoor(database_url) as connection:
        [[number]] = await connection.fetch("SELECT count(*) FROM inbox")
        return int(number) >= least
