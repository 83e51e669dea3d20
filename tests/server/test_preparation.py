import asyncio
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from models.database import migrate
from models.users import User
from resolvers import accounts
from resolvers.context import App, Context
from server import demonstration, preparation
from server.exits import NotEmptyError, OutdatedDatabaseError, UnusableDatabaseError
from server.process import running
from server.settings import Settings, load
from tests.harness.postgres import Postgres

pytestmark = pytest.mark.usefixtures("nothing_set")

SILENT = Console(quiet=True)
PASSWORD = "correct horse battery"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A demo of one person, whose token is `demo`. The list tells where it has been filled in."""
    filled: list[str] = []

    async def fill(app: App, _: Console) -> None:
        session = await accounts.sign_up(Context(app, None), "ada", None, PASSWORD)
        known.append(demonstration.Account("ada", session.secret))
        filled.append("here")

    known: list[demonstration.Account] = []
    monkeypatch.setattr(demonstration, "fill", fill)
    monkeypatch.setattr(demonstration, "accounts", lambda: known)
    return filled


@pytest.fixture
def unmigrated_server(postgres_server: Postgres) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


def people(settings: Settings) -> list[tuple[str]]:
    connection = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))
    rows: list[tuple[str]] = connection.execute(f"SELECT handle FROM {User.__tablename__}").fetchall()
    connection.close()
    return rows


def settings_for(url: str | None, demo: bool = False) -> Settings:
    return load(database=url, demo=demo or None)


def test_brings_a_file_up_to_date() -> None:
    settings = settings_for("sqlite:///new.db")
    preparation.prepare(settings, SILENT)
    assert migrate.is_current(settings.database_url)
    preparation.prepare(settings, SILENT)


def test_refuses_a_server_that_is_not_up_to_date_and_says_what_to_run(unmigrated_server: str) -> None:
    settings = settings_for(unmigrated_server)
    with pytest.raises(OutdatedDatabaseError, match=re.escape(f"hatful migrate --database '{unmigrated_server}'")):
        preparation.prepare(settings, SILENT)
    preparation.migrate(settings)
    preparation.prepare(settings, SILENT)


def test_refuses_the_tables_of_a_newer_version(sqlite_url: str) -> None:
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(OutdatedDatabaseError, match="newer Hatful"):
        preparation.prepare(settings_for(sqlite_url), SILENT)


def test_says_in_one_line_that_a_server_has_no_such_database(unmigrated_server: str) -> None:
    url = unmigrated_server.replace("/test_", "/missing_")
    with pytest.raises(UnusableDatabaseError, match=r'cannot be used: database "missing_\d+" does not exist$'):
        preparation.prepare(settings_for(url), SILENT)


def test_does_not_wait_for_ever_for_a_server(monkeypatch: pytest.MonkeyPatch, unmigrated_server: str) -> None:
    monkeypatch.setattr(preparation, "PATIENCE_SECONDS", 0.0)
    with pytest.raises(UnusableDatabaseError, match="it did not answer within 0 seconds"):
        preparation.prepare(settings_for(unmigrated_server), SILENT)


def test_fills_an_empty_demo_once(demo: list[str]) -> None:
    settings = settings_for(None, demo=True)
    preparation.prepare(settings, SILENT)
    preparation.prepare(settings, SILENT)
    assert (people(settings), len(demo)) == ([("ada",)], 1)
    assert [path.name for path in settings.default_file.parent.iterdir()] == ["demo.db"]


def test_fills_a_database_that_is_there_but_empty(demo: list[str], database_url: str) -> None:
    preparation.prepare(settings_for(database_url, demo=True), SILENT)
    preparation.prepare(settings_for(database_url, demo=True), SILENT)
    assert len(demo) == 1


def test_a_demo_that_was_interrupted_is_begun_anew(demo: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_for(None, demo=True)
    whole = demonstration.fill

    async def interrupted(app: App, console: Console) -> None:
        await whole(app, console)
        raise KeyboardInterrupt

    monkeypatch.setattr(demonstration, "fill", interrupted)
    with pytest.raises(KeyboardInterrupt):
        preparation.prepare(settings, SILENT)
    assert list(settings.default_file.parent.iterdir()) == []


def sign_up_somebody(settings: Settings) -> None:
    async def sign_up() -> None:
        async with running(settings) as app:
            await accounts.sign_up(Context(app, None), "grace", None, PASSWORD)

    asyncio.run(sign_up())


def test_leaves_other_people_s_data_alone(demo: list[str], database_url: str) -> None:
    sign_up_somebody(settings_for(database_url))
    demonstration.accounts().append(demonstration.Account("ada", "demo"))
    with pytest.raises(NotEmptyError, match="holds other data than the demo's"):
        preparation.prepare(settings_for(database_url, demo=True), SILENT)
    with pytest.raises(NotEmptyError, match="is not empty"):
        preparation.fill(settings_for(database_url, demo=True), SILENT)
    assert demo == []


def test_fills_a_new_file_on_demand(demo: list[str]) -> None:
    settings = settings_for("sqlite:///new.db", demo=True)
    preparation.fill(settings, SILENT)
    assert people(settings) == [("ada",)]
    assert sorted(path.name for path in Path().iterdir()) == ["new.db"]
