"""What can happen to a withdrawal of 40 from 100, and the books that it must leave, on every network."""

import asyncio

import pytest

from models.rails import Finding, PayoutSpeed
from models.transfers import TransferStatus
from resolvers import intents, withdrawals
from resolvers.context import App
from resolvers.errors import (
    InputError,
    InsufficientFundsError,
    LimitExceededError,
    RailDeclinedError,
    RiskHoldError,
)
from resolvers.ids import Kind, public_id
from tests.harness.tally import Tally
from tests.harness.town import money, refusal
from tests.rails.scene import Crash, Scene, crashing, paying
from tests.rails.stages import Stage, Trait, on, soon


@pytest.fixture
async def scene(app: App, stage: Stage) -> Scene:
    return await Scene.of(app, stage)


@paying
async def test_17_paid_then_settled(scene: Scene) -> None:
    await scene.funded()
    moved = await scene.withdraws()
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.COMPLETED, Tally(U=60, C=-40, B=100))
    await scene.settles()
    assert await scene.books() == Tally(U=60, B=60)


@paying
async def test_18_declined(scene: Scene) -> None:
    await scene.funded()
    withdrawal = scene.withdraws(source=scene.stage.declined[0])
    if PayoutSpeed.INSTANT in scene.stage.adapter.capabilities.speeds:
        assert isinstance(await refusal(withdrawal), RailDeclinedError)
    else:
        assert await scene.status(await withdrawal) is TransferStatus.DECLINED
    assert await scene.books() == Tally(U=100, B=100)


@paying
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


@paying
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


@paying
async def test_22_two_withdrawals_of_80_at_once(scene: Scene) -> None:
    await scene.funded()
    scene.stage.fault("push", "STATUS", status=504, moves=False)
    outcomes = await asyncio.gather(scene.withdraws("80"), scene.withdraws("80"), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert len(refused) == 1
    assert isinstance(refused[0].errors[0], InsufficientFundsError)  # type: ignore[attr-defined]
    assert await scene.books() == Tally(U=20, H=80, B=100)


@pytest.mark.parametrize("stage", ["STRIPE", "ACH"], indirect=True)
async def test_24_cancelled_before_and_after_it_leaves(scene: Scene) -> None:
    await scene.funded()
    movements = scene.stage.movements()
    ctx, source = scene.ada.ctx(), scene.source_id
    moved = await withdrawals.withdraw(ctx, source, money("40"), key="k", speed=PayoutSpeed.STANDARD)
    assert (moved.transfer.status, await scene.books()) == (TransferStatus.HELD, Tally(U=60, H=40, B=100))
    withdrawal = public_id(Kind.WITHDRAWAL, moved.transfer.id)
    for _ in range(2):
        cancelled = await withdrawals.cancel_withdrawal(scene.ada.ctx(), withdrawal)
        assert (cancelled.status, await scene.books()) == (TransferStatus.REVERSED, Tally(U=100, B=100))
    await scene.later(minutes=11)
    assert (scene.stage.movements(), await scene.books()) == (movements, Tally(U=100, B=100))

    moved = await withdrawals.withdraw(scene.ada.ctx(), source, money("40"), key="2", speed=PayoutSpeed.STANDARD)
    await scene.later(minutes=11)
    left = await scene.books()
    withdrawal = public_id(Kind.WITHDRAWAL, moved.transfer.id)
    error = await refusal(withdrawals.cancel_withdrawal(scene.ada.ctx(), withdrawal))
    assert error == InputError("It has left already.", ("transferId",))
    assert (scene.stage.movements(), await scene.books()) == (movements + 1, left)


@pytest.mark.parametrize("stage", ["STRIPE", "ACH"], indirect=True)
async def test_24_a_cancellation_that_was_cut_short_is_done_later(scene: Scene) -> None:
    await scene.funded()
    ctx, source = scene.ada.ctx(), scene.source_id
    moved = await withdrawals.withdraw(ctx, source, money("40"), key="k", speed=PayoutSpeed.STANDARD)
    with crashing(intents, "see_to"), pytest.raises(Crash):
        await withdrawals.cancel_withdrawal(scene.ada.ctx(), public_id(Kind.WITHDRAWAL, moved.transfer.id))
    assert await scene.books() == Tally(U=60, H=40, B=100)
    await scene.later(minutes=2)
    assert (await scene.status(moved), await scene.books()) == (TransferStatus.REVERSED, Tally(U=100, B=100))


@paying
async def test_23_a_frozen_account_holds_nothing(scene: Scene) -> None:
    await scene.funded()
    await scene.freezes()
    for refused in (scene.withdraws(), scene.tops_up()):
        assert isinstance(await refusal(refused), RiskHoldError)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, B=100))
    await scene.thaws()
    await scene.withdraws()
    assert await scene.books() == Tally(U=60, C=-40, B=100)


@paying
async def test_23_over_a_limit_nothing_is_held(scene: Scene) -> None:
    await scene.funded()
    assert isinstance(await refusal(scene.withdraws("5000.01")), InsufficientFundsError)
    assert isinstance(await refusal(scene.tops_up("4900.01")), LimitExceededError)
    assert (scene.stage.movements(), await scene.books()) == (1, Tally(U=100, B=100))


@paying
async def test_25_lines_that_do_not_fit(scene: Scene) -> None:
    scene.stage.fault("settlement", "SETTLEMENT_WRONG", amount=1)
    scene.stage.fault("settlement", "SETTLEMENT_EXTRA", amount=700)
    await scene.tops_up()
    await scene.tops_up()
    report = await scene.settles()
    assert {line.finding for line in report.findings} == {Finding.WRONG_AMOUNT, Finding.UNMATCHED}
    assert await scene.books() == Tally(U=200, C=100, B=100)
    assert (await scene.settles()).findings == report.findings
