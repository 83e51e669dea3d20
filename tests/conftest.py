"""What the tests stand on: databases, a ledger, the real server. Every database test runs on both databases."""

import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from ledger import Ledger
from models.database import Database, migrate, open_database
from tests.harness.apart import apart
from tests.harness.audits import everything_stored
from tests.harness.backdoor import Backdoor, backdoor
from tests.harness.client import Client
from tests.harness.leaks import numbers_in, numbers_in_files
from tests.harness.postgres import Postgres, postgres
from tests.harness.server import Server, serve
from tests.harness.simulator import Simulator, simulate

if TYPE_CHECKING:
    from resolvers.context import App
    from tests.harness.town import Town

DATABASES = ["sqlite", "postgresql"]
TEMPLATE = "migrated"
UNTOUCHED = "untouched.db"
MEMORY = Path("/dev/shm")
ROOM_BYTES = 1 << 28
LOG_TAIL = 20_000

# A slow machine must not fail a test, and neither may chance: `make test` looks at the same examples each time, so
# that it fails for a change and nothing else. `--hypothesis-profile=proof` looks at more, and at others each time.
_calm = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("tests", _calm, max_examples=50, derandomize=True)
settings.register_profile("proof", _calm, max_examples=1_000)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on Python's own event loop: the server's, uvloop, waits for ever when a failing test leaks."""
    return "asyncio"


# Databases


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL server for the whole session."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    """The name of a migrated database that every test's own is a copy of."""
    postgres_server.run(f"CREATE DATABASE {TEMPLATE}")
    migrate.upgrade(postgres_server.url(TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where SQLite files are: in memory if there is room, because there no commit waits for a disk."""
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield tmp_path_factory.mktemp("sqlite")
        return
    with TemporaryDirectory(prefix="hatful-sqlite-", dir=MEMORY) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def sqlite_template(sqlite_folder: Path) -> Path:
    """A migrated file that every test's own is a copy of."""
    path = sqlite_folder / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, sqlite_folder: Path, sqlite_template: Path) -> Iterator[str]:
    """A migrated SQLite database of the test's own. A proof's is on the disk, as everybody's is."""
    is_proof = request.node.get_closest_marker("proof") is not None
    with TemporaryDirectory(dir=None if is_proof else sqlite_folder) as folder:
        path = Path(folder) / "hatful.db"
        shutil.copy(sqlite_template, path)
        yield f"sqlite:///{path}"
        assert numbers_in_files(path, Path(f"{path}-wal")) == [], "a card's or an account's number was stored"


@pytest.fixture
def postgresql_url(postgres_server: Postgres, postgres_template: str) -> Iterator[str]:
    """A migrated PostgreSQL database of the test's own."""
    with postgres_server.migrated(postgres_template) as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database of the test's own: the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database in which there is nothing at all: the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.database() as url:
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's database, open."""
    database = await open_database(database_url)
    yield database
    await database.close()


@pytest.fixture(name="backdoor")
async def _backdoor(database_url: str) -> AsyncIterator[Backdoor]:
    """Raw SQL on the test's database."""
    async with backdoor(database_url) as connection:
        yield connection


class Count:
    """How many SQL statements were sent within a block."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._before = database.statements
        self._after: int | None = None

    @property
    def statements(self) -> int:
        return (self._database.statements if self._after is None else self._after) - self._before

    def end(self) -> None:
        self._after = self._database.statements


Counted = Callable[[], AbstractContextManager[Count]]


@pytest.fixture
def counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """Counts statements: `with counted() as count: …`, then `count.statements`."""
    # On a busy machine a short read takes long too: a thread has it then, and what is asked for meanwhile joins it.
    monkeypatch.setattr("models.database.sqlite.SHORT_SECONDS", 1.0)

    @contextmanager
    def counting() -> Iterator[Count]:
        count = Count(database)
        try:
            yield count
        finally:
            count.end()

    return counting


# The house


@pytest.fixture
async def ledger(database: Database) -> AsyncIterator[Ledger]:
    """The test's ledger, started."""
    ledger = Ledger(database)
    await ledger.start()
    yield ledger
    await ledger.stop()


@pytest.fixture
def app(database: Database, ledger: Ledger) -> "App":
    """What the resolvers work on."""
    from rails import Vault, sandbox_rails
    from rails.vault import new_key
    from resolvers.context import App

    return App(database, ledger, rails=sandbox_rails(Vault(database, [new_key()])))


@pytest.fixture
def town(app: "App") -> "Town":
    """The product in the test's own process, with nobody in it yet."""
    from tests.harness.town import Town

    return Town(app)


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords are hashed as in the product, only with less work."""
    from argon2 import PasswordHasher

    from resolvers import accounts

    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "_hasher", hasher)
    monkeypatch.setattr(accounts, "_NO_PASSWORD", hasher.hash("nobody's"))


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """The real server on the test's database, with all limits on."""
    folder = tmp_path / "home"
    folder.mkdir()
    with serve(folder, "--database", database_url) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    """A visitor of the real server."""
    client = Client(server.url)
    yield client
    client.close()


@pytest.fixture(scope="session", params=DATABASES)
def shared_server(request: pytest.FixtureRequest, sqlite_folder: Path) -> Iterator[Server]:
    """The real server on a database that all tests share, once on each kind. A story makes its own people there."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=sqlite_folder)))
        if request.param == "sqlite":
            url = f"sqlite:///{folder / 'shared.db'}"
            shutil.copy(request.getfixturevalue("sqlite_template"), folder / "shared.db")
        else:
            databases, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
            url = stack.enter_context(databases.database(template))
        with serve(folder, "--database", url) as server:
            yield server
        assert numbers_in(_stored_in(url)) == [], "a card's or an account's number was stored"


def _stored_in(url: str) -> str:
    async def read() -> str:
        async with backdoor(url) as connection:
            return await everything_stored(connection)

    return apart(read())


@pytest.fixture
def visitor(shared_server: Server) -> Iterator[Client]:
    """A visitor of the shared server."""
    client = Client(shared_server.url)
    yield client
    client.close()


@pytest.fixture(scope="session")
def demo_server(sqlite_folder: Path) -> Iterator[Server]:
    """`hatful serve --demo`, begun with nothing. All tests share it."""
    folder = sqlite_folder / "demo"
    folder.mkdir()
    with serve(folder, "--demo") as server:
        with (
            closing(sqlite3.connect(next(folder.rglob("demo.db")))) as filled,
            closing(sqlite3.connect(folder / UNTOUCHED)) as copy,
        ):
            filled.backup(copy)
        yield server


@pytest.fixture
def untouched_demo_server(demo_server: Server, tmp_path: Path) -> Iterator[Server]:
    """The demo as it is when nobody has been there yet."""
    shutil.copy(demo_server.log.with_name(UNTOUCHED), tmp_path / UNTOUCHED)
    with serve(tmp_path, "--demo", "--database", f"sqlite:///{tmp_path / UNTOUCHED}") as server:
        yield server


@pytest.fixture
def demo_client(demo_server: Server) -> Iterator[Client]:
    """A visitor of the demo."""
    client = Client(demo_server.url)
    yield client
    client.close()


# What a failing test shows, and what counts as failing


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Shows the output of the servers that a failing test has talked to; fails a test that prints a card's number."""
    report = yield
    if report.passed and (leaked := numbers_in(report.capstdout + report.capstderr + report.caplog)):
        report.outcome = "failed"
        report.longrepr = f"The numbers of cards or accounts {leaked} were printed or logged."
    if report.failed:
        for name, fixture in getattr(item, "funcargs", {}).items():
            if isinstance(fixture, Server):
                report.sections.append((f"output of {name}", fixture.log.read_text(errors="replace")[-LOG_TAIL:]))
    return report


def _skipped(config: pytest.Config) -> list[pytest.TestReport]:
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return [] if reporter is None or os.environ.get("CI") != "true" else reporter.stats.get("skipped", [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under CI=true a skipped test fails the run: what nobody runs proves nothing."""
    if _skipped(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Says which tests were skipped where none may be."""
    for report in _skipped(config):
        terminalreporter.write_line(f"SKIPPED under CI=true, so the run fails: {report.nodeid}", red=True)


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """`hatful simulator`, which all tests share."""
    with simulate(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The simulator as if it had just been started."""
    running_simulator.reset()
    return running_simulator
