"""What runs inside a process: the database, the ledger and the operator's choices, started and stopped together."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ledger import Ledger
from models.database import open_database
from resolvers.context import App, Policy, Site
from resolvers.tries import Tries, TriesInMemory
from server.networks import networks
from server.settings import Settings
from server.vault_keys import open_vault

COLLECTOR_THRESHOLDS = (50_000, 20, 50)
"""New objects before a look at the young ones, and such looks before one at older ones. Python's own: 700, 10, 10."""


@asynccontextmanager
async def running(settings: Settings, tries: Tries | None = None) -> AsyncIterator[App]:
    """The application's parts for as long as the block runs. At its end what was submitted to the ledger is posted."""
    database = await open_database(settings.database_url, connections=settings.connections)
    try:
        ledger = Ledger(database)
        await ledger.start()
        try:
            async with open_vault(settings, database) as vault, networks(settings, vault, database) as rails:
                yield App(database, ledger, _policy(settings), rails, tries=tries or TriesInMemory())
        finally:
            await ledger.stop()
    finally:
        await database.close()


def spare_the_collector() -> None:
    """Has the garbage collector look less often, and not at what is alive now.

    To be called when all has started. Most of what a request makes is freed without the collector, which looked through
    it every few requests for nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _policy(settings: Settings) -> Policy:
    return Policy(
        fee_basis_points=settings.fee_basis_points,
        money_limits=settings.money_limits,
        demo=settings.demo,
        site=Site(settings.passkey_domain, settings.passkeys_at),
    )
