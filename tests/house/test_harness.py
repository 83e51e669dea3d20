"""The harness itself: what it promises to the other tests."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from models.database import UnavailableError, migrate
from tests.harness.postgres import STOP_SECONDS, Postgres

HOUSE = Path(__file__).parents[2]


def run_tests(folder: Path, text: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    """Runs a test file with the house's conftest, in a process of its own."""
    (folder / "test_it.py").write_text(text)
    words = [
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "-c",
        "/dev/null",
    ]
    return subprocess.run(
        [sys.executable, *words, str(folder)],
        cwd=HOUSE,
        env={"CI": ci, "PATH": "", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


SKIPS = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="not today")
def test_that_does_not():
    pass
"""


@pytest.mark.parametrize(("ci", "code"), [("true", pytest.ExitCode.TESTS_FAILED), ("", pytest.ExitCode.OK)])
def test_a_skipped_test_fails_a_run_under_ci_alone(tmp_path: Path, ci: str, code: int) -> None:
    run = run_tests(tmp_path, SKIPS, ci=ci)
    assert run.returncode == code, run.stdout + run.stderr
    assert ("so the run fails" in run.stdout) == bool(ci)
    assert ("test_that_does_not" in run.stdout) == bool(ci)


def test_a_run_without_skips_passes_under_ci(tmp_path: Path) -> None:
    assert run_tests(tmp_path, "def test_that_runs():\n    pass\n", ci="true").returncode == 0


def test_databases_are_copies_that_are_gone_afterwards(postgres_server: Postgres, postgres_template: str) -> None:
    with postgres_server.database(postgres_template) as one, postgres_server.database(postgres_template) as other:
        assert one != other
        assert migrate.is_current(one)
        assert migrate.is_current(other)
    with pytest.raises(UnavailableError):
        migrate.is_current(one)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE likes ADD COLUMN more text",
        "ALTER TABLE likes DISABLE TRIGGER USER; ALTER TABLE journals DISABLE TRIGGER USER",
        "ALTER TABLE postings DROP CONSTRAINT amount_positive",
        "UPDATE alembic_version SET version_num = 'another'",
        "DROP TABLE likes",
    ],
)
def test_a_database_that_was_changed_is_not_lent_again(
    postgres_server: Postgres, postgres_template: str, change: str
) -> None:
    with postgres_server.migrated(postgres_template) as url:
        asyncio.run(fetch(url, change))
    with postgres_server.migrated(postgres_template) as other:
        assert other != url
        assert migrate.differences(other) == []


def test_a_database_is_lent_empty(postgres_server: Postgres, postgres_template: str) -> None:
    journal = "INSERT INTO journals VALUES (gen_random_uuid(), 'TIP', gen_random_uuid(), NULL, now())"
    with postgres_server.migrated(postgres_template) as url:
        asyncio.run(fetch(url, journal))
    with postgres_server.migrated(postgres_template) as again:
        assert again == url
        assert asyncio.run(fetch(again, "SELECT * FROM journals")) == []
        with pytest.raises(asyncpg.RestrictViolationError):
            asyncio.run(fetch(again, f"{journal}; DELETE FROM journals"))


async def fetch(url: str, sql: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url)
    try:
        if ";" in sql:
            await connection.execute(sql)
            return []
        return [tuple(record) for record in await connection.fetch(sql)]
    finally:
        await connection.close()


STARTS_AND_DIES = """
import os
from tests.harness.postgres import postgres

with postgres() as server:
    print(server.url("postgres"), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_a_run_that_is_killed_leaves_no_server_behind() -> None:
    run = subprocess.run(
        [sys.executable, "-c", STARTS_AND_DIES], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    folder = Path(run.stdout.strip().partition("host=")[2])
    assert folder.name.startswith("hatful-pg-")
    deadline = time.monotonic() + STOP_SECONDS
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
