"""What the server does beside the requests: it asks networks, and looks into their books."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from ledger import Ledger
from models.database import Database
from models.transfers import Rail, TransferStatus
from rails import Rails, SandboxRail, Settlement, UnreachableError, Vault, sandbox_rails
from rails.vault import new_key
from resolvers import top_ups, transfers
from resolvers.context import App
from resolvers.ids import Kind, public_id
from server.rails import asking_networks, hear_of, reading_books
from tests.harness.town import SLOW, Town, money
from tests.harness.town import new_key as new_request

SECONDS = 60


class Bookkeeper(SandboxRail):
    """A network that counts how often its books are read."""

    def __init__(self, rail: Rail, failure: Exception | None = None, *, settles: bool = True) -> None:
        super().__init__()
        self.rail = rail
        self.capabilities = self.capabilities._replace(settles=settles, books_every_seconds=0.001)
        self.failure = failure
        self.looks = 0
        self.often = asyncio.Event()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        self.looks += 1
        if self.looks > 3:
            self.often.set()
        if self.failure is not None:
            raise self.failure
        return ()


@pytest.fixture
def app(database: Database, ledger: Ledger) -> App:
    return App(database, ledger)


async def test_each_networks_books_are_read_again_and_again_whatever_befalls_the_others(app: App) -> None:
    fine, away = Bookkeeper(Rail.SANDBOX), Bookkeeper(Rail.VISA_DIRECT, UnreachableError("no connection"))
    broken, silent = Bookkeeper(Rail.STRIPE, RuntimeError("a fault")), Bookkeeper(Rail.ACH, settles=False)
    adapters = {adapter.rail: adapter for adapter in (fine, away, broken, silent)}
    async with asyncio.timeout(SECONDS), reading_books(replace(app, rails=Rails(adapters))):
        for adapter in (fine, away, broken):
            await adapter.often.wait()
    assert silent.looks == 0


async def test_what_a_network_has_left_open_is_asked_about_until_it_says(app: App) -> None:
    app = replace(app, rails=sandbox_rails(Vault(app.database, [new_key()])))
    ada = await Town(app).person("ada")
    card = public_id(Kind.CARD, (await ada.links(SLOW)).id)
    moved = await top_ups.top_up_wallet(ada.ctx(), card, money("5"), key=new_request())
    assert moved.transfer.status is TransferStatus.PENDING_RAIL
    async with asyncio.timeout(SECONDS), asking_networks(app):
        await hear_of(app, Rail.SANDBOX, [f"sandbox_{moved.transfer.id.hex}"])
        while await ada.has() != "5.00":  # noqa: ASYNC110 - another task writes it
            await asyncio.sleep(0.01)
    found = await transfers.transfers_by_id(ada.ctx(), [moved.transfer.id])
    assert found[moved.transfer.id].status is TransferStatus.COMPLETED
