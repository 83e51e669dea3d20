"""Erases what has been kept for long enough, now and then while the server runs, beside everything else."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from models.database import Database
from resolvers import security
from server.background import now_and_then

EVERY_SECONDS = 3_600.0


def erasing(database: Database) -> AbstractAsyncContextManager[None]:
    """Erases what is due, again and again, for as long as the block runs."""
    return now_and_then("erasing", EVERY_SECONDS, lambda: security.erase_old_addresses(database, datetime.now(UTC)))
