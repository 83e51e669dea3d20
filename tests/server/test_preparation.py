import io
import re
import sqlite3
from collections.abc import Iterator

import pytest
from rich.console import Console

from demo import Progress, State
from models.database import migrate
from resolvers.context import App
from server import preparation
from server.addresses import masked
from server.exits import NotEmptyError, OutdatedDatabaseError, UnusableDatabaseError
from server.settings import Settings, load
from tests.harness.postgres import Postgres

pytestmark = pytest.mark.usefixtures("nothing_set")

SILENT = Console(quiet=True)


class Demo:
    """Stands in for the demo, which takes a while to fill."""

    def __init__(self) -> None:
        self.found = State.EMPTY
        self.fills = 0

    async def state(self, app: App) -> State:
        return self.found

    async def is_filled(self, app: App) -> bool:
        return self.found is State.FILLED

    async def fill(self, app: App, progress: Progress) -> None:
        self.fills += 1
        progress("People", 1, 1)
        self.found = State.FILLED


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Demo:
    demo = Demo()
    for name in ("state", "is_filled", "fill"):
        monkeypatch.setattr(f"demo.{name}", getattr(demo, name))
    return demo


@pytest.fixture
def unmigrated_server(postgres_server: Postgres) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url


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


@pytest.mark.parametrize("found", [State.EMPTY, State.PARTIAL])
def test_fills_the_demo_once(demo: Demo, found: State) -> None:
    demo.found = found
    preparation.prepare(settings_for(None, demo=True), SILENT)
    preparation.prepare(settings_for(None, demo=True), SILENT)
    assert demo.fills == 1


def test_fills_no_demo_that_nobody_asked_for(demo: Demo) -> None:
    preparation.prepare(settings_for(None), SILENT)
    assert demo.fills == 0


def test_leaves_other_people_s_data_alone(demo: Demo, database_url: str) -> None:
    settings = settings_for(database_url, demo=True)
    demo.found = State.OTHER
    for work in (preparation.prepare, preparation.fill):
        with pytest.raises(NotEmptyError, match=re.escape(f"{masked(database_url)} is not")):
            work(settings, SILENT)
    assert demo.fills == 0


def test_fills_a_new_file_on_demand_and_a_full_one_never(demo: Demo) -> None:
    settings = settings_for("sqlite:///new.db", demo=True)
    preparation.fill(settings, SILENT)
    assert demo.fills == 1
    with pytest.raises(NotEmptyError):
        preparation.fill(settings, SILENT)


def test_shows_how_far_the_filling_is_on_a_screen_and_one_line_elsewhere(demo: Demo) -> None:
    screen, file = (Console(file=io.StringIO(), force_terminal=terminal, width=100) for terminal in (True, False))
    for console in (screen, file):
        demo.found = State.EMPTY
        preparation.prepare(settings_for(None, demo=True), console)
    assert "Filling the demo's database: People" in said(screen)
    assert said(file) == "Filling the demo's database …\n"


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()
