"""Erases what has been kept for long enough, now and then while the server runs, beside everything else."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import structlog

from models.database import Database, DatabaseError
from resolvers import security
from server.background import beside
from server.errors import logged

EVERY_SECONDS = 3_600.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.retention")


def erasing(database: Database) -> AbstractAsyncContextManager[None]:
    """Erases what is due, again and again, for as long as the block runs."""
    return beside(_erase_now_and_then(database), "erasing")


async def _erase_now_and_then(database: Database) -> None:
    while True:
        try:
            erased = await security.erase_old_addresses(database, datetime.now(UTC))
        except DatabaseError as error:
            log.warning("addresses not erased", reason=repr(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            logged(error, task="erasing")
        else:
            log.debug("addresses erased", events=erased)
        # Not all processes at the same time: whoever comes first has done it for the others.
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))
