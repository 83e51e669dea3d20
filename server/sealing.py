"""Seals the books now and then while the server runs, beside everything else."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager

import structlog

from ledger import seals
from models.database import Database, DatabaseError
from server.background import beside
from server.errors import logged

EVERY_SECONDS = 300.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.sealing")


def sealing(database: Database) -> AbstractAsyncContextManager[None]:
    """Seals what is due, again and again, for as long as the block runs."""
    return beside(_seal_now_and_then(database), "sealing")


async def _seal_now_and_then(database: Database) -> None:
    while True:
        # Not all processes at the same time: whoever comes first has done it for the others.
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))
        try:
            made = await seals.seal(database)
        except DatabaseError as error:
            log.warning("not sealed", reason=repr(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            logged(error, task="sealing")
        else:
            log.debug("sealed", blocks=made)
