"""What networks have booked: what fits is posted once, what does not is for people."""

import asyncio

from models.money import Currency, Money
from models.rails import Finding, IntentState, SettlementKind
from models.transfers import TransferStatus
from rails import Settlement
from tests.harness.tally import Tally
from tests.resolvers.on_its_way import (
    APPROVED,
    DAY,
    HOUR,
    NOTHING,
    PART,
    PENDING,
    PROCESSING,
    UNKNOWN,
    Scene,
)


async def test_a_line_about_what_is_not_known_yet_is_taken_when_it_is(scene: Scene) -> None:
    """The network had no name for it that we knew; its line waits, however long ago it was booked."""
    moved = await scene.tops_up(UNKNOWN)
    report = await scene.books(SettlementKind.SETTLED)
    assert [line.finding for line in report.findings] == [Finding.UNMATCHED]
    scene.moment += 30 * DAY
    await scene.books(SettlementKind.SETTLED, 1, "another", "much later")
    await scene.works(APPROVED)
    report = await scene.reads()
    assert [line.line for line in report.findings] == ["much later"]
    assert await scene.stands(moved) == (IntentState.SETTLED, TransferStatus.COMPLETED)
    assert await scene.tally() == Tally(U=100, B=100)


async def test_a_line_about_what_is_under_way_is_no_finding_and_is_taken_later(scene: Scene) -> None:
    moved = await scene.tops_up(PENDING)
    assert (await scene.books(SettlementKind.SETTLED)).findings == []
    scene.moment += 30 * DAY
    await scene.books(SettlementKind.SETTLED, 1, "another", "much later")
    await scene.works(APPROVED)
    assert (await scene.reads()).taken == 1
    assert await scene.stands(moved) == (IntentState.SETTLED, TransferStatus.COMPLETED)
    assert await scene.tally() == Tally(U=100, B=100)


async def test_what_the_bank_has_before_it_is_sure_is_settled_once_it_is(scene: Scene) -> None:
    moved = await scene.tops_up(PROCESSING)
    assert await scene.tally() == Tally(P=100, C=100)
    scene.moment += HOUR
    taken = await scene.take()
    await scene.books(SettlementKind.SETTLED)
    assert await scene.tally() == Tally(P=100, B=100)
    await scene.hears(taken, APPROVED)
    intent = await scene.intent(moved)
    assert (intent.state, intent.settled_at) == (IntentState.SETTLED, scene.moment)
    assert await scene.tally() == Tally(U=100, B=100)


async def test_what_the_bank_gives_back_before_it_is_sure_is_gone(scene: Scene) -> None:
    moved = await scene.tops_up(PROCESSING)
    scene.moment += HOUR
    under_way = await scene.take()
    report = await scene.books(SettlementKind.RETURNED)
    assert report.findings == []
    assert await scene.stands(moved) == (IntentState.DECLINED, TransferStatus.DECLINED)
    await scene.hears(under_way, PROCESSING)
    assert await scene.stands(moved) == (IntentState.DECLINED, TransferStatus.DECLINED)
    assert ((await scene.reads()).findings, await scene.tally()) == ([], NOTHING)


async def test_what_the_bank_gives_back_after_it_had_it_and_before_it_is_sure_is_gone(scene: Scene) -> None:
    await scene.tops_up(PROCESSING)
    await scene.books(SettlementKind.SETTLED)
    await scene.books(SettlementKind.RETURNED)
    assert await scene.tally() == Tally(C=-100, B=100)
    report = await scene.books(SettlementKind.RETURN_SETTLED)
    assert (report.findings, await scene.tally()) == ([], NOTHING)


async def test_a_reversal_that_comes_after_the_bank_had_the_money_leaves_nothing(scene: Scene) -> None:
    await scene.tops_up(PART)
    await scene.books(SettlementKind.SETTLED, 60)
    assert await scene.tally() == Tally(P=60, B=60)
    await scene.works(UNKNOWN)
    await scene.books(SettlementKind.RETURNED, 60)
    report = await scene.books(SettlementKind.RETURN_SETTLED, 60)
    assert (report.findings, await scene.tally()) == ([], Tally(P=60, B=60))
    await scene.works(APPROVED)
    assert await scene.tally() == Tally(C=-60, B=60)
    report = await scene.reads()
    assert (report.findings, await scene.tally()) == ([], NOTHING)


async def test_a_line_is_taken_once_by_two_who_read_the_books_at_once(scene: Scene) -> None:
    await scene.tops_up(APPROVED)
    scene.network.lines.append(
        Settlement("line", "ref", SettlementKind.SETTLED, Money(100_00, Currency.USD), scene.moment)
    )
    await asyncio.gather(scene.reads(), scene.reads())
    assert await scene.tally() == Tally(U=100, B=100)


async def test_what_is_not_booked_in_five_days_is_overdue(scene: Scene) -> None:
    moved = await scene.tops_up(APPROVED)
    scene.moment += 4 * DAY
    assert (await scene.reads()).overdue == []
    scene.moment += 2 * DAY
    assert [each.id for each in (await scene.reads()).overdue] == [moved.transfer.id]
