"""Fills inboxes while the server runs, beside everything else; what one process leaves, any other goes on with."""

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager, suppress

import structlog

from models.database import ContentionError, DatabaseError
from resolvers import inbox
from resolvers.context import App
from server.background import beside
from server.errors import logged

EVERY_SECONDS = 1.0
"""How long what another process has left waits at most, about."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.inboxes")


def filling_inboxes(app: App) -> AbstractAsyncContextManager[None]:
    """Brings posts to inboxes for as long as the block runs: at once what this process has written."""
    return beside(_fill(app), "inboxes")


async def _fill(app: App) -> None:
    while True:
        app.inboxes_wait.clear()
        begin = time.monotonic()
        if await _worked(app):
            await asyncio.sleep(time.monotonic() - begin)  # half of the time is for those who wait for an answer
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS * random.uniform(0.5, 1.5)):
                    await app.inboxes_wait.wait()


async def _worked(app: App) -> bool:
    try:
        return await inbox.work(app.database)
    except ContentionError:
        return True
    except DatabaseError as error:
        log.warning("inboxes not filled", reason=repr(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
        logged(error, task="inboxes")
    await asyncio.sleep(EVERY_SECONDS)
    return False
