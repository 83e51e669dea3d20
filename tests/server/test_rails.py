"""Networks are asked, and their books read, while the server runs, whatever happens to it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ledger import Ledger
from models.database import ContentionError, Database, UnavailableError, open_database
from models.money import Currency, Money
from models.rails import SettlementKind
from models.transfers import Rail, TransferStatus
from rails import Answer, Approved, Call, Pending, Rails, Settlement, UnreachableError
from resolvers import intents, top_ups, transfers
from resolvers.context import App
from resolvers.transfers import Moved
from server import rails
from tests.harness.networks import Answering, known
from tests.harness.tally import Tally, tally
from tests.harness.town import Person, Town, money, new_key

DONE = TransferStatus.COMPLETED


class Network(Answering):
    """A network that is asked about what is pending, and lets who asks wait while it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = self.capabilities._replace(books_every_seconds=0.01)
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self.failures: deque[Exception] = deque()

    async def pull(self, call: Call) -> Answer:
        return Pending(str(call.id))

    async def query(self, call: Call) -> Answer:
        self.asked.append(("query", call))
        if self.failures:
            raise self.failures.popleft()
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1
        return Approved("00")

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        if self.failures:
            raise self.failures.popleft()
        return await super().settlements(since)


class Scene:
    """Ada and her top-ups, which her card's network has taken up."""

    def __init__(self, app: App, network: Network, ada: Person, source: str) -> None:
        self.app = app
        self.network = network
        self.ada = ada
        self._source = source

    async def tops_up(self) -> Moved:
        moved = await top_ups.top_up_wallet(self.ada.ctx(), self._source, money("100"), key=new_key())
        assert moved.transfer.status is TransferStatus.PENDING_RAIL
        return moved

    async def due(self, *top_ups: Moved) -> None:
        """The network says that it has news about these."""
        await rails.hear_of(self.app, Rail.VISA_DIRECT, [str(moved.transfer.id) for moved in top_ups])

    async def statuses(self, *top_ups: Moved) -> set[TransferStatus]:
        found = await transfers.transfers_by_id(self.ada.ctx(), [moved.transfer.id for moved in top_ups])
        return {row.status for row in found.values()}

    async def tally(self) -> Tally:
        return await tally(self.app, self.ada.id)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        async with asyncio.timeout(60), rails.asking_networks(self.app):
            yield


@pytest.fixture
async def scene(database: Database, ledger: Ledger) -> Scene:
    network = Network()
    app = App(database, ledger, rails=Rails({Rail.VISA_DIRECT: network}, Rail.VISA_DIRECT))
    ada = await Town(app).person("ada")
    return Scene(app, network, ada, await known(ada, Rail.VISA_DIRECT))


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rails, "EVERY_SECONDS", 0.01)


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - the worker tells nobody what it does
        await asyncio.sleep(0.01)


async def until_done(scene: Scene, *top_ups: Moved) -> None:
    while await scene.statuses(*top_ups) != {DONE}:  # noqa: ASYNC110 - nor what it has done
        await asyncio.sleep(0.01)


async def test_asks_about_what_is_due_and_about_nothing_else(scene: Scene) -> None:
    due, later = await scene.tops_up(), await scene.tops_up()
    async with scene.working():
        await asyncio.sleep(0.05)
        assert scene.network.asked == []
        await scene.due(due)
        await until_done(scene, due)
    assert await scene.statuses(later) == {TransferStatus.PENDING_RAIL}
    assert await scene.tally() == Tally(U=100, C=100)


async def test_waits_for_so_many_answers_at_once_and_for_no_more(scene: Scene) -> None:
    every = [await scene.tops_up() for _ in range(rails.AT_ONCE + 3)]
    scene.network.open.clear()
    async with scene.working():
        await scene.due(*every)
        await until(lambda: scene.network.waiting == rails.AT_ONCE)
        await asyncio.sleep(0.05)
        assert scene.network.waiting == rails.AT_ONCE
        scene.network.open.set()
        await until_done(scene, *every)
    assert len(scene.network.asked) == len(every), "about each it was asked once"


@pytest.mark.parametrize("error", [ContentionError("lost"), UnavailableError("away"), ValueError("broken")])
async def test_goes_on_after_a_failure_to_take_something_up(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failures, take = deque([error, error]), intents.take
    moved = await scene.tops_up()

    async def failing_twice(app: App, now: datetime) -> intents.Taken | None:
        if failures:
            raise failures.popleft()
        return await take(app, now)

    monkeypatch.setattr(intents, "take", failing_twice)
    async with scene.working():
        await scene.due(moved)
        await until_done(scene, moved)
    assert not failures


@pytest.mark.parametrize("error", [ContentionError("lost"), UnavailableError("away"), ValueError("broken")])
async def test_goes_on_after_a_failure_to_see_to_something(scene: Scene, error: Exception) -> None:
    failing, fine = await scene.tops_up(), await scene.tops_up()
    scene.network.failures.append(error)
    async with scene.working():
        await scene.due(failing)
        await until(lambda: bool(scene.network.asked))
        await scene.due(fine)
        await until_done(scene, fine)
        assert await scene.statuses(failing) == {TransferStatus.PENDING_RAIL}
        await scene.due(failing)
        await until_done(scene, failing)


async def test_a_failure_takes_no_place_for_ever(scene: Scene) -> None:
    every = [await scene.tops_up() for _ in range(rails.AT_ONCE + 1)]
    scene.network.failures.extend(ValueError("broken") for _ in range(rails.AT_ONCE))
    async with scene.working():
        await scene.due(*every)
        await until(lambda: len(scene.network.asked) == len(every))
        await scene.due(*every)
        await until_done(scene, *every)


async def test_stops_at_once_and_what_it_leaves_is_gone_on_with(scene: Scene) -> None:
    moved = await scene.tops_up()
    scene.network.open.clear()
    async with scene.working():
        await scene.due(moved)
        await until(lambda: scene.network.waiting == 1)
    assert scene.network.waiting == 0
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "rails"]
    scene.network.open.set()
    async with scene.working():
        await scene.due(moved)
        await until_done(scene, moved)
    assert await scene.tally() == Tally(U=100, C=100)


async def test_two_processes_share_the_work(scene: Scene, database_url: str) -> None:
    database = await open_database(database_url)
    ledger = Ledger(database)
    await ledger.start()
    other = replace(scene.app, database=database, ledger=ledger)
    every = [await scene.tops_up() for _ in range(12)]
    async with scene.working(), rails.asking_networks(other):
        await scene.due(*every)
        await until_done(scene, *every)
    await ledger.stop()
    await database.close()
    assert await scene.tally() == Tally(U=1200, C=1200)


@pytest.mark.parametrize("error", [UnreachableError("away"), UnavailableError("away"), ValueError("broken")])
async def test_reads_books_and_goes_on_after_a_failure(scene: Scene, error: Exception) -> None:
    moved = await scene.tops_up()
    async with scene.working():
        await scene.due(moved)
        await until_done(scene, moved)
    ref, now = str(moved.transfer.id), datetime.now(UTC)
    amount = Money(100_00, Currency.USD)
    scene.network.lines.append(Settlement("line", ref, SettlementKind.SETTLED, amount, now))
    scene.network.failures.append(error)
    async with asyncio.timeout(60), rails.reading_books(scene.app):
        while await scene.tally() != Tally(U=100, B=100):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
    assert not scene.network.failures
