"""What can happen to a top-up of 100 and to a withdrawal of 40, and the books that it must leave, on every network.

U is what is available, P what is in suspense, H what is held, C what clears, B what is at the bank, L what is owed.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import ModuleType

import pytest

from ledger.verify import verify
from models.funding import FundingSource
from models.ids import new_id
from models.rails import Finding, IntentState, PayoutSpeed
from models.transfers import TransferStatus
from rails import RailAdapter, Rails, Source
from resolvers import freezes, funding, intents, limits, settlements, top_ups, transfers, withdrawals
from resolvers.context import App
from resolvers.errors import (
    IdempotencyConflictError,
    InsufficientFundsError,
    LimitExceededError,
    RailDeclinedError,
    RiskHoldError,
)
from resolvers.freezes import Subject
from resolvers.ids import public_id
from resolvers.intents import IntentRow
from resolvers.settlements import Report
from resolvers.transfers import Moved
from tests.harness.tally import Tally, tally
from tests.harness.town import Person, Town, money, new_key, refusal
from tests.rails.stages import Stage, Trait, on, soon

NOTHING = Tally()


class Scene:
    """Ada, her card or account, and the network, with a clock that can be moved."""

    def __init__(self, app: App, stage: Stage, ada: Person, source_id: str) -> None:
        self.app = app
        self.stage = stage
        self.ada = ada
        self.source_id = source_id
        self._ahead = timedelta()

    @classmethod
    async def of(cls, app: App, stage: Stage) -> "Scene":
        rail = stage.adapter.rail
        app = replace(app, rails=Rails({rail: stage.adapter}, cards=rail, banks=rail))
        ada = await Town(app).person("ada")
        return cls(app, stage, ada, await _linked(app, ada, stage.works, stage.adapter))

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def tops_up(self, amount: str = "100", *, source: Source | None = None, key: str | None = None) -> Moved:
        source_id = self.source_id if source is None else await _linked(self.app, self.ada, source, self.stage.adapter)
        return await top_ups.top_up_wallet(self.ada.ctx(), source_id, money(amount), key=key or new_key())

    async def withdraws(self, amount: str = "40", *, source: Source | None = None, key: str | None = None) -> Moved:
        [speed] = self.stage.adapter.capabilities.speeds & {PayoutSpeed.INSTANT} or {PayoutSpeed.STANDARD}
        source_id = self.source_id if source is None else await _linked(self.app, self.ada, source, self.stage.adapter)
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
        [states] = await limits.limits_of(self.ada.ctx(), [await self.ada.row()])
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


async def _linked(app: App, person: Person, source: Source, adapter: RailAdapter) -> str:
    row = FundingSource(
        id=new_id(),
        user_id=person.id,
        kind=source.kind,
        rail=adapter.rail,
        label=source.reference,
        last4="4242",
        verified=True,
        reference=source.reference,
        created_at=datetime.now(UTC),
    )
    async with app.database.transaction() as transaction:
        await transaction.run(funding._insert, **row.model_dump())
    return public_id(funding.SOURCES[source.kind], row.id)


@pytest.fixture
async def scene(app: App, stage: Stage) -> Scene:
    return await Scene.of(app, stage)


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


networks = on(Trait.NETWORK)
settling = on(Trait.SETTLES)
reversing = on(Trait.NETWORK, Trait.REVERSES)


# Top-ups of 100, from nothing


@networks
async def test_01_approved_then_settled(scene: Scene) -> None:
    moved = await scene.tops_up()
    assert (moved.transfer.status, await scene.books()) == (TransferStatus.COMPLETED, Tally(U=100, C=100))
    await scene.settles()
    assert await scene.books() == Tally(U=100, B=100)
    assert (await scene.intent(moved)).state is IntentState.SETTLED


@networks
async def test_02_declined(scene: Scene) -> None:
    source, code = scene.stage.declined
    error = await refusal(scene.tops_up(source=source, key="k"))
    assert isinstance(error, RailDeclinedError)
    assert (error.network_code, error.rail) == (code, scene.stage.adapter.rail)
    assert await scene.books() == NOTHING


@on(Trait.LATE, Trait.NETWORK)
async def test_03_taken_up_and_approved_later(scene: Scene) -> None:
    scene.stage.fault("pull", "PENDING", seconds=3600)
    moved = await scene.tops_up(source=scene.stage.late)
    assert (moved.transfer.status, await scene.books()) == (TransferStatus.PENDING_RAIL, NOTHING)
    await scene.later(seconds=10)
    assert await scene.books() == NOTHING
    await scene.later(hours=2)
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.COMPLETED, Tally(U=100, C=100))


@networks
async def test_04_no_answer_after_the_debit(scene: Scene) -> None:
    scene.stage.fault("pull", "SILENT")
    async with scene.stage.impatient as adapter:
        moved = await scene.over(adapter).tops_up()
    assert (moved.transfer.status, await scene.books()) == (TransferStatus.PENDING_RAIL, NOTHING)
    await soon(lambda: scene.stage.movements() == 1)
    await scene.later(minutes=5)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, C=100))


@networks
async def test_05_lost_before_it_was_received(scene: Scene) -> None:
    async with scene.stage.broken as adapter:
        moved = await scene.over(adapter).tops_up()
    assert (moved.transfer.status, await scene.books()) == (TransferStatus.PENDING_RAIL, NOTHING)
    await scene.later(minutes=5)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, C=100))


@networks
@pytest.mark.parametrize("status", [500, 503, 504])
async def test_06_the_network_fails_and_is_not_asked_twice(scene: Scene, status: int) -> None:
    scene.stage.fault("pull", "STATUS", status=status, moves=False)
    moved = await scene.tops_up()
    assert (await scene.intent(moved)).state is IntentState.UNKNOWN
    for _ in range(4):
        await scene.later(minutes=5)
    assert (scene.stage.movements(), await scene.books()) == (0, NOTHING)
    await scene.later(hours=25)
    assert [each.id for each in await intents.waiting(scene.app)] == [moved.transfer.id], "now people decide"


@networks
async def test_07_a_crash_after_it_was_sent(scene: Scene) -> None:
    """Whoever had sent it is gone before it heard anything: another process takes it up when the lease has run out."""
    with crashing(intents, "take_in"), pytest.raises(Crash):
        await scene.tops_up()
    assert (scene.stage.movements(), await scene.books()) == (1, NOTHING)
    await scene.later(seconds=60)
    assert await scene.books() == NOTHING, "somebody may still be waiting for the answer"
    await scene.later(minutes=5)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, C=100))


@networks
async def test_08_the_same_key_twice_and_another_amount(scene: Scene) -> None:
    first, second = await asyncio.gather(scene.tops_up(key="k"), scene.tops_up(key="k"))
    assert first.transfer.id == second.transfer.id
    assert {first.replayed, second.replayed} == {True, False}
    assert isinstance(await refusal(scene.tops_up("101", key="k")), IdempotencyConflictError)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, C=100))


@reversing
async def test_11_approved_and_the_wallet_may_not_have_it(scene: Scene) -> None:
    moved = await scene.approved_once_frozen()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.PENDING_RAIL, Tally(P=100, C=100))
    await scene.works()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.REVERSED, NOTHING)
    assert scene.stage.moved() == 0
    await scene.thaws()
    assert await scene.books() == NOTHING, "it has gone back for good"


@reversing
async def test_what_has_gone_back_uses_up_no_limit(scene: Scene) -> None:
    await scene.approved_once_frozen()
    assert await scene.used() == {"TOP_UP_PER_DAY": 100_00, "TOP_UP_PER_MONTH": 100_00}
    await scene.works()
    assert await scene.used() == {}


@reversing
async def test_12_that_gets_no_answer_when_it_goes_back(scene: Scene) -> None:
    scene.stage.fault("reverse", "STATUS", status=504)
    await scene.approved_once_frozen()
    await scene.works()
    assert await scene.books() == Tally(P=100, C=100)
    await scene.later(minutes=5)
    assert (await scene.books(), scene.stage.moved()) == (NOTHING, 0)


@on(Trait.PARTLY)
async def test_16_a_part_is_approved_and_goes_back(scene: Scene) -> None:
    scene.stage.fault("pull", "PARTIAL", amount=60_00)
    moved = await scene.tops_up()
    assert await scene.books() == Tally(P=60, C=60)
    await scene.works()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.REVERSED, NOTHING)
    assert scene.stage.moved() == 0


@on(Trait.PARTLY)
async def test_12_the_reversal_of_a_part_gets_no_answer(scene: Scene) -> None:
    scene.stage.fault("pull", "PARTIAL", amount=60_00)
    scene.stage.fault("reverse", "STATUS", status=504)
    await scene.tops_up()
    await scene.works()
    assert await scene.books() == Tally(P=60, C=60)
    await scene.later(minutes=5)
    assert (await scene.books(), scene.stage.moved()) == (NOTHING, 0)


@settling
async def test_15_the_bank_takes_it_back_after_it_was_spent(scene: Scene) -> None:
    ben = await Town(scene.app).person("ben")
    moved = await scene.tops_up()
    await scene.settles()
    await scene.ada.sends(ben, "70")
    ref = (await scene.intent(moved)).network_ref
    assert ref is not None
    scene.stage.give_back(ref, "R10")
    await scene.settles()
    assert (await scene.books(), await tally(scene.app, ben.id)) == (Tally(L=70), Tally(U=70))
    assert await scene.status(moved) is TransferStatus.RETURNED


# Withdrawals of 40, from 100


@networks
async def test_17_paid_then_settled(scene: Scene) -> None:
    await scene.funded()
    moved = await scene.withdraws()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.COMPLETED, Tally(U=60, C=-40, B=100))
    await scene.settles()
    assert await scene.books() == Tally(U=60, B=60)


@networks
async def test_18_declined(scene: Scene) -> None:
    await scene.funded()
    assert isinstance(await refusal(scene.withdraws(source=scene.stage.declined[0])), RailDeclinedError)
    assert await scene.books() == Tally(U=100, B=100)


@networks
@pytest.mark.parametrize("does", ["SILENT", "STATUS", "DROPPED", "MALFORMED"])
@pytest.mark.parametrize("moves", [True, False], ids=["moved", "not moved"])
async def test_19_and_20_no_clear_answer(scene: Scene, does: str, moves: bool) -> None:
    await scene.funded()
    before = scene.stage.movements()
    scene.stage.fault("push", does, moves=moves)
    async with scene.stage.impatient as adapter:
        moved = await scene.over(adapter).withdraws()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.HELD, Tally(U=60, H=40, B=100))
    await soon(lambda: scene.stage.movements() == before + moves)
    await scene.later(minutes=5)
    await scene.later(minutes=5)
    assert scene.stage.movements() == before + moves, "nothing was sent twice"
    assert await scene.books() == (Tally(U=60, C=-40, B=100) if moves else Tally(U=60, H=40, B=100))


@on(Trait.LATE, Trait.NETWORK)
@pytest.mark.parametrize("becomes", ["COMPLETED", "FAILED"])
async def test_20_taken_up_and_known_later(scene: Scene, becomes: str) -> None:
    await scene.funded()
    scene.stage.fault("push", "PENDING", seconds=3600, becomes=becomes, code="05")
    await scene.withdraws(source=scene.stage.late)
    assert await scene.books() == Tally(U=60, H=40, B=100)
    await scene.later(hours=2)
    assert await scene.books() == (Tally(U=60, C=-40, B=100) if becomes == "COMPLETED" else Tally(U=100, B=100))


@settling
async def test_21_it_comes_back_after_it_was_settled(scene: Scene) -> None:
    await scene.funded()
    moved = await scene.withdraws()
    await scene.settles()
    ref = (await scene.intent(moved)).network_ref
    assert ref is not None
    scene.stage.give_back(ref, "R03")
    await scene.settles(0)
    assert await scene.books() == Tally(U=100, C=40, B=60)
    await scene.settles()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.RETURNED, Tally(U=100, B=100))


@networks
async def test_22_two_withdrawals_of_80_at_once(scene: Scene) -> None:
    await scene.funded()
    scene.stage.fault("push", "STATUS", status=504, moves=False)
    outcomes = await asyncio.gather(scene.withdraws("80"), scene.withdraws("80"), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0].errors[0], InsufficientFundsError)  # type: ignore[attr-defined]
    assert await scene.books() == Tally(U=20, H=80, B=100)


@networks
async def test_23_a_frozen_account_holds_nothing(scene: Scene) -> None:
    await scene.funded()
    await scene.freezes()
    for refused in (scene.withdraws(), scene.tops_up()):
        assert isinstance(await refusal(refused), RiskHoldError)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, B=100))
    await scene.thaws()
    await scene.withdraws()
    assert await scene.books() == Tally(U=60, C=-40, B=100)


@networks
async def test_23_over_a_limit_nothing_is_held(scene: Scene) -> None:
    await scene.funded()
    assert isinstance(await refusal(scene.withdraws("5000.01")), InsufficientFundsError)
    assert isinstance(await refusal(scene.tops_up("4900.01")), LimitExceededError)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, B=100))


@settling
async def test_25_lines_that_do_not_fit(scene: Scene) -> None:
    scene.stage.fault("settlement", "SETTLEMENT_WRONG", amount=1)
    scene.stage.fault("settlement", "SETTLEMENT_EXTRA", amount=700)
    await scene.tops_up()
    await scene.tops_up()
    report = await scene.settles()
    assert {line.finding for line in report.findings} == {Finding.WRONG_AMOUNT, Finding.UNMATCHED}
    assert await scene.books() == Tally(U=200, C=100, B=100)
    assert (await scene.settles()).findings == report.findings
