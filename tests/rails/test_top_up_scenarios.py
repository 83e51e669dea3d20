"""What can happen to a top-up of 100, from nothing, and the books that it must leave, on every network.

U is what is available, P what is in suspense, H what is held, C what clears, B what is at the bank, L what is owed.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.rails import IntentState
from models.transfers import TransferStatus
from rails import RailAdapter
from resolvers import intents, wallets
from resolvers.context import App
from resolvers.errors import (
    IdempotencyConflictError,
    RailDeclinedError,
)
from resolvers.wallets import WalletRow
from tests.harness.banks import ach
from tests.harness.simulator import Simulator
from tests.harness.tally import Tally, tally
from tests.harness.town import Town, refusal
from tests.rails.scene import NOTHING, Crash, Scene, crashing, networks, reversing, settling
from tests.rails.stages import AchStage, Stage, Trait, on, soon


@pytest.fixture
async def scene(app: App, stage: Stage) -> Scene:
    return await Scene.of(app, stage)


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


class SlowBank(AchStage):
    """ACH as it is: days go by."""

    def _rail(self, **changes: Any) -> RailAdapter:
        return ach(self._simulator, **changes)


@pytest.fixture
async def slow(app: App, simulator: Simulator) -> AsyncIterator[Scene]:
    stage = SlowBank(simulator)
    yield await Scene.of(app, stage)
    await stage.adapter.close()


async def test_13_a_banks_debit_is_processing_then_released_and_settled(slow: Scene) -> None:
    moved = await slow.tops_up()
    await slow.settles(1)
    assert (await slow.status(moved), (await slow.books()).P) == (TransferStatus.PENDING_RAIL, 100)
    [balance] = await wallets.balance_of(slow.ada.ctx(), [WalletRow(slow.ada.id)])
    assert balance.pending.minor_units == 100_00, "its owner sees it come"
    for _ in range(9):
        await slow.settles(1)
    assert (await slow.status(moved), await slow.books()) == (TransferStatus.COMPLETED, Tally(U=100, B=100))
    assert (await slow.intent(moved)).state is IntentState.SETTLED


@pytest.mark.parametrize("days", [0, 2], ids=["before it is booked", "after"])
async def test_14_the_bank_gives_it_back_before_it_is_released(slow: Scene, days: int) -> None:
    moved = await slow.tops_up()
    for _ in range(days):
        await slow.settles(1)
    assert (await slow.books()).P == 100
    ref = (await slow.intent(moved)).network_ref
    assert ref is not None
    slow.stage.give_back(ref, "R01")
    for _ in range(9):
        report = await slow.settles(1)
        assert report.findings == []
    assert (await slow.status(moved), await slow.books()) == (TransferStatus.DECLINED, NOTHING)


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
