"""Ada, her card or account, and a network, for scenarios: what happens, and the books that it leaves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from ledger.verify import verify
from models.rails import PayoutSpeed
from models.transfers import TransferStatus
from rails import RailAdapter, Rails, Source
from resolvers import freezes, intents, limits, settlements, top_ups, transfers, withdrawals
from resolvers.context import App
from resolvers.freezes import Subject
from resolvers.outcomes import IntentRow
from resolvers.settlements import Report
from resolvers.transfers import Moved
from tests.harness.networks import known
from tests.harness.tally import Tally, tally
from tests.harness.town import Person, Town, money, new_key
from tests.rails.stages import AchStage, Stage, Trait, on, soon

NOTHING = Tally()


class Scene:
    """Ada, her card or account, and the network, with a clock that can be moved."""

    def __init__(self, app: App, stage: Stage | AchStage, ada: Person, source_id: str) -> None:
        self.app = app
        self.stage = stage
        self.ada = ada
        self.source_id = source_id
        self._ahead = timedelta()

    @classmethod
    async def of(cls, app: App, stage: Stage | AchStage) -> "Scene":
        rail = stage.adapter.rail
        app = replace(app, rails=Rails({rail: stage.adapter}, cards=rail, banks=rail))
        ada = await Town(app).person("ada")
        return cls(app, stage, ada, await _linked(ada, stage.works, stage.adapter))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def tops_up(self, amount: str = "100", *, source: Source | None = None, key: str | None = None) -> Moved:
        source_id = self.source_id if source is None else await _linked(self.ada, source, self.stage.adapter)
        return await top_ups.top_up_wallet(self.ada.ctx(), source_id, money(amount), key=key or new_key())

    async def withdraws(self, amount: str = "40", *, source: Source | None = None, key: str | None = None) -> Moved:
        [speed] = self.stage.adapter.capabilities.speeds & {PayoutSpeed.INSTANT} or {PayoutSpeed.STANDARD}
        source_id = self.source_id if source is None else await _linked(self.ada, source, self.stage.adapter)
        ctx = self.ada.ctx()
        moved = await withdrawals.withdraw(ctx, source_id, money(amount), speed=speed, key=key or new_key())
        if speed is PayoutSpeed.STANDARD:
            await self.later(minutes=11)
        return moved

    async def approved_once_frozen(self) -> Moved:
        """A top-up of 100 whose answer comes when Ada's account is frozen."""
        self.stage.fault("pull", "SILENT")
        async with self.stage.impatient as adapter:
            moved = await self.over(adapter).tops_up()
        await soon(lambda: self.stage.movements() == 1)
        await self.freezes()
        self.passes(minutes=5)
        assert await self.works_once()
        return moved

    async def funded(self) -> None:
        """Ada has 100, which have reached the bank."""
        await self.tops_up()
        await self.settles()
        assert await self.books() == Tally(U=100, B=100)

    async def later(self, **by: float) -> None:
        """Time goes by, here and at the network, and what is due by then is done."""
        self.passes(**by)
        await self.works()

    def passes(self, **by: float) -> None:
        """Time goes by, here and at the network."""
        self._ahead += timedelta(**by)
        self.stage.forward(seconds=timedelta(**by).total_seconds())

    async def works(self) -> None:
        """What the worker does of what is due."""
        while await self.works_once():
            pass

    async def works_once(self) -> bool:
        """The first thing that the worker does of what is due, if there is anything."""
        taken = await intents.take(self.app, self.now())
        if taken is not None:
            await intents.see_to(self.app, taken, self.now)
        return taken is not None

    async def freezes(self) -> None:
        """The operator freezes Ada's account."""
        await freezes.freeze(self.ada.ctx(), Subject(self.ada.id, self.ada.id), "It looks stolen.")

    async def thaws(self) -> None:
        await freezes.thaw(self.ada.ctx(), Subject(self.ada.id, self.ada.id))

    async def settles(self, days: float = 9) -> Report:
        """Days go by, and the network's books are read."""
        await self.later(days=days)
        return await settlements.reconcile(self.app, self.stage.adapter.rail, self.now())

    async def books(self) -> Tally:
        assert (await verify(self.app.database)).problems == []
        return await tally(self.app, self.ada.id)

    async def used(self) -> dict[str, int]:
        """What is used of Ada's limits."""
        [states] = await limits.limits_of(self.ada.ctx(), [self.ada.as_viewer])
        return {state.name: state.used.minor_units for state in states if state.used.minor_units}

    async def intent(self, moved: Moved) -> IntentRow:
        return (await intents.intents_by_id(self.app, [moved.transfer.id]))[moved.transfer.id]

    async def status(self, moved: Moved) -> TransferStatus:
        return (await transfers.transfers_by_id(self.ada.ctx(), [moved.transfer.id]))[moved.transfer.id].status

    def over(self, adapter: RailAdapter) -> "Scene":
        """The same, with another way to the network."""
        scene = Scene(self.app, self.stage, self.ada, self.source_id)
        scene.app = replace(self.app, rails=Rails({adapter.rail: adapter}))
        scene.ada = Person(scene.app, self.ada.id, self.ada.handle, self.ada.viewer)
        return scene


async def _linked(person: Person, source: Source, adapter: RailAdapter) -> str:
    return await known(person, adapter.rail, source.reference, source.kind)


class Crash(BaseException):
    """The end of a process."""


@contextmanager
def crashing(module: ModuleType, name: str) -> Iterator[None]:
    """The process dies where it would call a function."""
    with pytest.MonkeyPatch.context() as patch:

        async def dies(*_: object, **__: object) -> None:
            raise Crash

        patch.setattr(module, name, dies)
        yield


networks = on(Trait.NETWORK, Trait.PULLS)
paying = on(Trait.NETWORK, Trait.PULLS, Trait.PUSHES)
settling = on(Trait.SETTLES, Trait.PULLS)
reversing = on(Trait.NETWORK, Trait.PULLS, Trait.REVERSES)
