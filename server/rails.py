"""Asks networks about money on its way, and looks into their books, while the server runs."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

import structlog

from ledger import LedgerError
from models.database import DatabaseError
from models.transfers import Rail
from rails import RailAdapter, UnreachableError
from resolvers import intents, settlements
from resolvers.context import App
from resolvers.intents import Taken
from server.background import beside
from server.errors import logged

EVERY_SECONDS = 1.0
"""How long what has become due waits at most, about."""
AT_ONCE = 8
"""How many networks' answers one process waits for at a time."""

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.rails")


def asking_networks(app: App) -> AbstractAsyncContextManager[None]:
    """Sees to what is due for as long as the block runs; what one process leaves, any other goes on with."""
    return beside(_ask(app), "rails")


def reading_books(app: App) -> AbstractAsyncContextManager[None]:
    """Takes what networks have booked, as often as each is worth it, for as long as the block runs."""
    return beside(_read(app), "settlements")


async def hear_of(app: App, rail: Rail, network_refs: Sequence[str]) -> None:
    """A network has news of these: it is asked about them at once."""
    await intents.hurry(app, rail, network_refs, _now())


async def _ask(app: App) -> None:
    places = asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:
        while True:
            await places.acquire()
            taken = await _taken(app)
            if taken is None:
                places.release()
                await asyncio.sleep(EVERY_SECONDS * random.uniform(0.5, 1.5))
            else:
                group.create_task(_see_to(app, taken, places))


async def _taken(app: App) -> Taken | None:
    try:
        return await intents.take(app, _now())
    except DatabaseError as error:
        log.warning("rails not seen to", reason=repr(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
        logged(error, task="rails")
    return None


async def _see_to(app: App, taken: Taken, places: asyncio.Semaphore) -> None:
    try:
        await intents.see_to(app, taken, _now)
    except (DatabaseError, LedgerError) as error:
        log.warning("intent not seen to", intent=str(taken.intent.id), reason=repr(error))
    except Exception as error:  # noqa: BLE001 - it is due again later
        logged(error, task="rails", intent=str(taken.intent.id))
    finally:
        places.release()


async def _read(app: App) -> None:
    async with asyncio.TaskGroup() as group:
        for adapter in app.rails.adapters.values():
            if adapter.capabilities.settles:
                group.create_task(_read_one(app, adapter))


async def _read_one(app: App, adapter: RailAdapter) -> None:
    while True:
        # Not all processes at the same time: whoever comes first has done it for the others.
        await asyncio.sleep(adapter.capabilities.books_every_seconds * random.uniform(0.5, 1.5))
        await _reconcile(app, adapter.rail)


async def _reconcile(app: App, rail: Rail) -> None:
    try:
        report = await settlements.reconcile(app, rail, _now())
    except (UnreachableError, DatabaseError, LedgerError) as error:
        log.warning("books not read", rail=rail, reason=repr(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
        logged(error, task="settlements", rail=rail)
    else:
        if report.findings or report.overdue:
            log.warning("books do not fit", rail=rail, findings=len(report.findings), overdue=len(report.overdue))


def _now() -> datetime:
    return datetime.now(UTC)
