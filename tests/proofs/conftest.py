"""How proofs are run: each in a small size with the other tests, and in full under the marker `proof`."""

import os
import time
from collections.abc import Callable
from random import SystemRandom
from typing import Any

import pytest

from ledger import Ledger
from models.database import Database
from tests.harness.books import Books

Say = Callable[[str], None]


@pytest.fixture
def books(database: Database, ledger: Ledger) -> Books:
    """The test's ledger, with nobody in it yet."""
    return Books(database, ledger)


@pytest.fixture
def seed() -> int:
    """What chance begins with; PROOF_SEED repeats a run as far as the order of threads and processes allows."""
    given = os.environ.get("PROOF_SEED")
    return SystemRandom().randrange(1 << 32) if not given else int(given)


@pytest.fixture
def say(request: pytest.FixtureRequest, seed: int) -> Say:
    """Prints a proof's figures, with the database, the seed and the time it took."""
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    in_full = request.node.get_closest_marker("proof") is not None
    began = time.monotonic()
    name = request.node.name
    database = "PostgreSQL: " if "postgresql" in name else "SQLite: " if "sqlite" in name else ""

    def line(figures: str) -> None:
        if in_full:
            reporter.ensure_newline()
            reporter.write_line(f"{database}{figures} (seed {seed}, {time.monotonic() - began:.1f} s)")

    return line
