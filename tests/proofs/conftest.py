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


def _in_full(request: pytest.FixtureRequest) -> bool:
    return request.node.get_closest_marker("proof") is not None


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What chance begins with: another number in each full proof, and the same in each small one.

    PROOF_SEED repeats a run as far as the order of threads and processes allows.
    """
    given = os.environ.get("PROOF_SEED")
    if given:
        return int(given)
    return SystemRandom().randrange(1 << 32) if _in_full(request) else 1


@pytest.fixture
def say(request: pytest.FixtureRequest, seed: int) -> Say:
    """Prints a proof's figures, with the database, the seed and the time it took."""
    reporter: Any = request.config.pluginmanager.get_plugin("terminalreporter")
    began = time.monotonic()
    name = request.node.name
    database = "PostgreSQL: " if "postgresql" in name else "SQLite: " if "sqlite" in name else ""

    def line(figures: str) -> None:
        if _in_full(request):
            reporter.ensure_newline()
            reporter.write_line(f"{database}{figures} (seed {seed}, {time.monotonic() - began:.1f} s)")

    return line
