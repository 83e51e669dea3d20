"""A ledger to try."""

import pytest

from ledger import Ledger
from models.database import Database
from tests.harness.books import Books


@pytest.fixture
def books(database: Database, ledger: Ledger) -> Books:
    """The test's ledger, with nobody in it yet."""
    return Books(database, ledger)
