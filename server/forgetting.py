"""Forgets numbers that are of no use any more, now and then while the server runs, beside everything else."""

import asyncio
import random
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import structlog

from models.database import DatabaseError
from resolvers import funding
from resolvers.context import App
from server.background import beside
from server.errors import logged

EVERY_SECONDS = 60.0

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.vault")


def forgetting(app: App) -> AbstractAsyncContextManager[None]:
    """Forgets what nobody has linked in time, and what was removed, for as long as the block runs."""
    return beside(_forget_now_and_then(app), "forgetting")


async def _forget_now_and_then(app: App) -> None:
    while True:
        await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))
        try:
            if app.rails.vault is not None:
                await app.rails.vault.forget_unclaimed(datetime.now(UTC))
            await funding.forget_removed(app)
        except DatabaseError as error:
            log.warning("numbers not forgotten", reason=repr(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            logged(error, task="forgetting")
