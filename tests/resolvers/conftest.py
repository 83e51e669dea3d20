"""What all tests of the resolvers share."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from ledger import Ledger
from models.database import Database
from models.transfers import Rail
from rails import RailAdapter, Rails, SandboxRail, Vault
from rails.vault import new_key
from resolvers.context import App, Context
from tests.harness.backdoor import Backdoor
from tests.harness.networks import Network, Networks, Vaulted
from tests.harness.still_clock import StillClock
from tests.harness.town import Town
from tests.resolvers.on_its_way import Scene
from tests.resolvers.travel import Travel


@pytest.fixture(autouse=True)
def _same_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """No midnight, at which limits begin anew, falls into a test."""
    shift = timedelta(hours=2) if datetime.now(UTC).hour == 23 else timedelta()
    monkeypatch.setattr(Context, "now", lambda _: datetime.now(UTC) - shift)


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    """Lets time pass."""
    now = Context.now

    def go(distance: timedelta) -> None:
        monkeypatch.setattr(Context, "now", lambda context: now(context) + distance)

    return go


@pytest.fixture
def networks(database: Database, ledger: Ledger) -> Networks:
    """Networks that take any number."""
    vault = Vault(database, [new_key()])
    cards, banks = Network(Rail.VISA_DIRECT, vault), Network(Rail.ACH, vault)
    adapters: Mapping[Rail, RailAdapter] = {
        Rail.SANDBOX: SandboxRail(vault),
        Rail.VISA_DIRECT: cards,
        Rail.ACH: banks,
    }
    app = App(database, ledger, rails=Rails(adapters, Rail.VISA_DIRECT, Rail.ACH, vault))
    return Networks(app, Town(app), cards, banks)


@pytest.fixture
def vaulted(backdoor: Backdoor) -> Vaulted:
    """What is in the vault."""
    return Vaulted(backdoor)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """It is noon until the test says otherwise: no other hour begins in a test."""
    clock = StillClock()
    monkeypatch.setattr(Context, "now", lambda _: clock.now)
    return clock


@pytest.fixture
async def scene(app: App, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Ada, her card and its network, at a moment that the test moves."""
    scene = Scene(app)
    monkeypatch.setattr(Context, "now", lambda _: scene.moment)
    await scene.begin()
    return scene
