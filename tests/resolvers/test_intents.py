"""Money on its way: what each answer of a network makes of it, and when the network is asked again."""

import asyncio
from dataclasses import replace

import pytest

from models.rails import IntentState, PayoutSpeed, SettlementKind
from models.transfers import Rail, TransferStatus
from rails import Answer, Approved, Declined, Rails
from resolvers import intents, withdrawals
from resolvers.errors import RailDeclinedError
from resolvers.ids import Kind, public_id
from resolvers.intents import LEASE
from resolvers.outcomes import PATIENCE, Step
from tests.harness.tally import Tally
from tests.harness.town import refusal
from tests.resolvers.on_its_way import (
    APPROVED,
    DAY,
    DECLINED,
    HOUR,
    IN_BOOKS,
    MINUTE,
    NOON,
    NOT_SENT,
    NOTHING,
    ON_ITS_WAY,
    PART,
    PENDING,
    PROCESSING,
    SECOND,
    UNKNOWN,
    Scene,
)


async def test_what_was_sent_is_not_sent_again_when_a_lease_has_run_out(scene: Scene) -> None:
    scene.network.answers.clear()
    with pytest.raises(IndexError):  # the network has no answer, and whoever has asked dies of it
        await scene.tops_up()
    scene.moment += LEASE - SECOND
    assert await intents.take(scene.app, scene.moment) is None, "somebody may still wait for the answer"
    scene.moment += SECOND
    taken = await scene.take()
    assert (taken.intent.state, taken.step) == (IntentState.UNKNOWN, Step.QUERY)
    assert await intents.take(scene.app, scene.moment) is None, "one alone has it"
    await scene.hears(taken, APPROVED)
    assert await scene.tally() == Tally(U=100, C=100)
    assert scene.operations() == {"pull": 1}


async def test_what_a_late_answer_posts_is_posted_once_and_a_newer_state_stays(scene: Scene) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    late = await scene.take()
    scene.moment += LEASE
    newer = await scene.take()
    await scene.hears(newer, UNKNOWN)
    await scene.hears(late, APPROVED)
    assert await scene.stands(moved) == (IntentState.UNKNOWN, ON_ITS_WAY)
    assert await scene.tally() == Tally(U=100, C=100), "what is sure is posted, whoever says it"
    scene.moment += HOUR
    await scene.works(APPROVED)
    assert await scene.stands(moved) == IN_BOOKS
    assert await scene.tally() == Tally(U=100, C=100)


@pytest.mark.parametrize("answer", [UNKNOWN, PENDING, NOT_SENT], ids=["unknown", "pending", "not sent"])
async def test_a_late_answer_that_says_nothing_changes_nothing(scene: Scene, answer: Answer) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    late = await scene.take()
    scene.moment += LEASE
    await scene.works(APPROVED)
    before = await scene.intent(moved)
    await scene.hears(late, answer)
    assert (await scene.intent(moved), await scene.stands(moved)) == (before, IN_BOOKS)


@pytest.mark.parametrize(("answer", "left"), [(APPROVED, Tally(U=100, C=100)), (DECLINED, NOTHING)], ids=["yes", "no"])
@pytest.mark.parametrize("late_first", [True, False])
async def test_two_who_have_the_same_news_post_it_once(
    scene: Scene, answer: Answer, left: Tally, late_first: bool
) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    late = await scene.take()
    scene.moment += LEASE
    newer = await scene.take()
    order = (late, newer) if late_first else (newer, late)
    await asyncio.gather(*(scene.hears(taken, answer) for taken in order))
    assert (await scene.intent(moved)).state == ("APPROVED" if answer is APPROVED else "DECLINED")
    assert (await scene.tally(), await scene.waiting()) == (left, [])


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [(APPROVED, DECLINED, Tally(U=100, C=100)), (DECLINED, APPROVED, NOTHING)],
    ids=["approved, then declined", "declined, then approved"],
)
@pytest.mark.parametrize("stale", [True, False])
async def test_news_that_contradict_what_is_posted_go_to_the_operator(
    scene: Scene, first: Answer, second: Answer, left: Tally, stale: bool
) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    late = newer = await scene.take()
    if stale:
        scene.moment += LEASE
        newer = await scene.take()
    await scene.hears(newer, first)
    await scene.hears(late, second)
    assert await scene.tally() == left, "the books are as the first news had them"
    [waits] = await scene.waiting()
    assert (waits.id, waits.state) == (moved.transfer.id, IntentState.UNKNOWN)
    await intents.resolve(scene.app, waits.id, second, scene.moment)  # type: ignore[arg-type]
    assert await scene.tally() == left, "what was posted cannot be said otherwise"
    [waits] = await scene.waiting()
    await intents.resolve(scene.app, waits.id, first, scene.moment)  # type: ignore[arg-type]
    assert (await scene.waiting(), await scene.tally()) == ([], left)
    assert (await scene.intent(moved)).state == ("APPROVED" if first is APPROVED else "DECLINED")


async def test_a_contradiction_changes_nothing_of_what_the_bank_has_booked(scene: Scene) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    late = await scene.take()
    scene.moment += LEASE
    await scene.works(APPROVED)
    await scene.books(SettlementKind.SETTLED)
    await scene.hears(late, DECLINED)
    assert await scene.stands(moved) == (IntentState.SETTLED, TransferStatus.COMPLETED)
    assert (await scene.tally(), await scene.waiting()) == (Tally(U=100, B=100), [])


async def test_a_network_is_asked_again_until_a_day_is_over_then_the_operator_is(scene: Scene) -> None:
    moved = await scene.tops_up(UNKNOWN)
    asked = []
    while (due_at := (await scene.intent(moved)).due_at) is not None:
        asked.append(due_at - scene.moment)
        scene.moment = due_at
        await scene.works(UNKNOWN)
    assert asked[:4] == [5 * SECOND, 30 * SECOND, 5 * MINUTE, 5 * MINUTE]
    assert scene.moment - NOON >= PATIENCE
    assert [each.id for each in await scene.waiting()] == [moved.transfer.id]
    assert scene.operations()["pull"] == 1


async def test_what_is_hurried_is_asked_about_at_once(scene: Scene) -> None:
    moved = await scene.tops_up(PENDING)
    await intents.hurry(scene.app, Rail.VISA_DIRECT, ["ref", "another"], scene.moment)
    await scene.works(APPROVED)
    assert await scene.stands(moved) == IN_BOOKS


@pytest.mark.parametrize("ended", [APPROVED, DECLINED], ids=["approved", "declined"])
async def test_what_has_ended_cannot_be_hurried(scene: Scene, ended: Answer) -> None:
    moved = await scene.tops_up(PENDING)
    scene.moment += MINUTE
    await scene.works(ended)
    await intents.hurry(scene.app, Rail.VISA_DIRECT, ["ref"], scene.moment)
    assert await intents.take(scene.app, scene.moment + DAY) is None
    assert (await scene.intent(moved)).due_at is None


async def test_what_is_hurried_while_it_is_asked_about_is_asked_about_again(scene: Scene) -> None:
    """The news may be newer than the answer that is under way."""
    moved = await scene.tops_up(PENDING)
    scene.moment += MINUTE
    first = await scene.take()
    await intents.hurry(scene.app, Rail.VISA_DIRECT, ["ref"], scene.moment)
    second = await scene.take()
    await scene.hears(second, APPROVED)
    await scene.hears(first, PENDING)
    assert await scene.stands(moved) == IN_BOOKS


async def test_the_operator_can_have_it_asked_about_again(scene: Scene) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += DAY
    await scene.works(UNKNOWN)
    [waits] = await scene.waiting()
    scene.network.answers.append(APPROVED)
    await intents.retry(scene.app, waits.id, scene.now)
    assert (await scene.stands(moved), await scene.waiting()) == (IN_BOOKS, [])


@pytest.mark.parametrize(
    ("word", "stands", "left"),
    [
        (APPROVED, IN_BOOKS, Tally(U=100, C=100)),
        (DECLINED, (IntentState.DECLINED, TransferStatus.DECLINED), NOTHING),
    ],
    ids=["approved", "declined"],
)
async def test_the_operators_word_ends_it(
    scene: Scene, word: Answer, stands: tuple[IntentState, TransferStatus], left: Tally
) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += DAY
    late = await scene.take()
    await scene.hears(late, UNKNOWN)
    [waits] = await scene.waiting()
    await intents.resolve(scene.app, waits.id, word, scene.moment)  # type: ignore[arg-type]
    await scene.hears(late, UNKNOWN)
    assert (await scene.stands(moved), await scene.tally(), await scene.waiting()) == (stands, left, [])


async def test_the_operator_has_no_word_while_a_network_is_asked(scene: Scene) -> None:
    moved = await scene.tops_up(UNKNOWN)
    scene.moment += 5 * SECOND
    under_way = await scene.take()
    assert not await intents.resolve(scene.app, under_way.intent.id, Approved("00"), scene.moment)
    await scene.hears(under_way, DECLINED)
    assert (await scene.stands(moved), await scene.tally()) == (
        (IntentState.DECLINED, TransferStatus.DECLINED),
        NOTHING,
    )


async def test_what_could_not_be_sent_is_sent_again_and_after_a_day_waits_for_the_operator(scene: Scene) -> None:
    moved = await scene.tops_up(NOT_SENT)
    assert (await scene.intent(moved)).state is IntentState.CREATED
    scene.moment += MINUTE
    await scene.works(NOT_SENT)
    assert scene.operations() == {"pull": 2}
    scene.moment += DAY
    await scene.works(NOT_SENT)
    assert await intents.take(scene.app, scene.moment + DAY) is None
    [waits] = await scene.waiting()
    assert waits.id == moved.transfer.id
    await intents.resolve(scene.app, waits.id, Declined("never sent", "It could not be sent."), scene.moment)
    assert (await scene.waiting(), await scene.status(moved)) == ([], TransferStatus.DECLINED)
    assert await scene.tally() == NOTHING


async def test_what_a_rail_that_is_not_set_up_would_send_is_not_sent(scene: Scene) -> None:
    moved = await scene.tops_up(NOT_SENT)
    scene.moment += MINUTE
    without = replace(scene.app, rails=Rails())
    taken = await scene.take()
    await intents.see_to(without, taken, scene.now)
    assert (await scene.intent(moved)).state is IntentState.CREATED
    scene.moment += MINUTE
    await scene.works(APPROVED)
    assert await scene.stands(moved) == IN_BOOKS


async def test_a_withdrawal_that_failed_is_its_owners_again(scene: Scene) -> None:
    await scene.tops_up(APPROVED)
    assert isinstance(await refusal(scene.withdraws(DECLINED)), RailDeclinedError)
    assert await scene.tally() == Tally(U=100, C=100)


async def test_what_was_sent_in_part_only_people_can_put_right(scene: Scene) -> None:
    await scene.tops_up(APPROVED)
    moved = await scene.withdraws(PART)
    assert [each.id for each in await scene.waiting()] == [moved.transfer.id]
    assert await scene.tally() == Tally(U=60, H=40, C=100)


async def test_a_cancelled_withdrawal_is_not_sent_however_late_its_sender_comes(scene: Scene) -> None:
    await scene.tops_up(APPROVED)
    moved = await scene.withdraws(speed=PayoutSpeed.STANDARD)
    await withdrawals.cancel_withdrawal(scene.ada.ctx(), public_id(Kind.WITHDRAWAL, moved.transfer.id))
    scene.moment += DAY
    await scene.works()
    assert (await scene.tally(), scene.operations()) == (Tally(U=100, C=100), {"pull": 1})


async def test_a_reversal_is_sent_once_and_then_asked_about(scene: Scene) -> None:
    moved = await scene.tops_up(PART)
    assert await scene.tally() == Tally(P=60, C=60)
    await scene.works(UNKNOWN)
    scene.moment += MINUTE
    await scene.works(APPROVED)
    assert scene.operations() == {"pull": 1, "reverse": 1, "query": 1}
    assert [call.reversing for _, call in scene.network.asked] == [False, True, True]
    assert await scene.stands(moved) == (IntentState.REVERSED, TransferStatus.REVERSED)
    assert await scene.tally() == NOTHING


async def test_of_what_was_on_its_way_a_part_has_come_and_goes_back(scene: Scene) -> None:
    await scene.tops_up(PROCESSING)
    assert await scene.tally() == Tally(P=100, C=100)
    scene.moment += HOUR
    taken = await scene.take()
    await scene.hears(taken, PART)
    assert await scene.tally() == Tally(P=60, C=60)
    await scene.works(APPROVED)
    assert await scene.tally() == NOTHING
