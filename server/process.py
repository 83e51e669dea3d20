"""What runs inside a process: the database, the ledger and the operator's choices, started and stopped together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ledger import Ledger
from models.database import open_database
from resolvers.context import App, Policy
from server.settings import Settings


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The application's parts for as long as the block runs. At its end what was submitted to the ledger is posted."""
    database = await open_database(settings.database_url, connections=settings.connections)
    try:
        ledger = Ledger(database)
        await ledger.start()
        try:
            yield App(database, ledger, _policy(settings))
        finally:
            await ledger.stop()
    finally:
        await database.close()


def _policy(settings: Settings) -> Policy:
    return Policy(fee_basis_points=settings.fee_basis_points, money_limits=settings.money_limits, demo=settings.demo)
