"""Seals the books now and then while the server runs, beside everything else."""

from contextlib import AbstractAsyncContextManager

from ledger import seals
from models.database import Database
from server.background import now_and_then

EVERY_SECONDS = 300.0


def sealing(database: Database) -> AbstractAsyncContextManager[None]:
    """Seals what is due, again and again, for as long as the block runs."""
    return now_and_then("sealing", EVERY_SECONDS, lambda: seals.seal(database))
