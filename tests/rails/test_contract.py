"""What every adapter promises, whatever network is behind it. Each runs on its own, with the network's faults."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.money import Currency, Money
from models.rails import Direction, SettlementKind
from rails import (
    Answer,
    Approved,
    Call,
    Declined,
    LinkRefusedError,
    NotSent,
    Pending,
    RailAdapter,
    Source,
    Unknown,
    UnreachableError,
)
from tests.rails.stages import Stage, Trait, a_source, each_way, on, soon
from tests.rails.stages import a_call as a_call_of

PULL, PUSH = Direction.PULL, Direction.PUSH
SIGN = {PULL: 1, PUSH: -1}


@dataclass(frozen=True)
class Broken:
    """A way in which an answer gets lost."""

    does: str
    status: int = 504

    def __str__(self) -> str:
        return f"{self.does}-{self.status}" if self.does == "STATUS" else self.does


LOST = [Broken("STATUS", 500), Broken("STATUS", 503), Broken("STATUS", 504), Broken("MALFORMED"), Broken("DROPPED")]


def usual(stage: Stage) -> Money:
    """A hundred of a currency that the adapter moves."""
    currencies = stage.adapter.capabilities.currencies
    return Money(100_00, Currency.USD if Currency.USD in currencies else min(currencies))


def a_call(stage: Stage, direction: Direction, source: Source) -> Call:
    return a_call_of(direction, source, usual(stage))


def submit(adapter: RailAdapter, call: Call) -> Awaitable[Answer]:
    return adapter.pull(call) if call.direction is PULL else adapter.push(call)


def heard(call: Call, answer: Any) -> Call:
    """The call, with what its owner notes of an answer."""
    facts = {**call.facts, **getattr(answer, "facts", {})}
    return call._replace(network_ref=getattr(answer, "network_ref", None) or call.network_ref, facts=facts)


async def a_pull(stage: Stage) -> Call:
    """A pull that the network has approved."""
    call = a_call(stage, PULL, stage.works)
    answer = await stage.adapter.pull(call)
    assert isinstance(answer, Approved), answer
    return heard(call, answer)


# What the network says


@each_way()
async def test_money_moves(stage: Stage, direction: Direction) -> None:
    answer = await submit(stage.adapter, a_call(stage, direction, stage.works))
    assert isinstance(answer, Approved), answer
    assert answer.moved in {None, usual(stage)}


@each_way(Trait.NETWORK)
async def test_the_networks_books_have_what_was_approved(stage: Stage, direction: Direction) -> None:
    answer = await submit(stage.adapter, a_call(stage, direction, stage.works))
    assert isinstance(answer, Approved), answer
    assert answer.network_ref
    assert stage.moved() == SIGN[direction] * usual(stage).minor_units


@each_way()
async def test_a_refusal_has_the_networks_code(stage: Stage, direction: Direction) -> None:
    source, code = stage.declined
    answer = await submit(stage.adapter, a_call(stage, direction, source))
    assert isinstance(answer, Declined), answer
    assert (answer.code, bool(answer.message)) == (code, True)


@on(Trait.PULLS, Trait.NETWORK)
async def test_what_was_refused_has_not_moved(stage: Stage) -> None:
    await stage.adapter.pull(a_call(stage, PULL, stage.declined[0]))
    assert stage.moved() == 0


@each_way(Trait.LATE)
async def test_what_is_pending_is_known_later(stage: Stage, direction: Direction) -> None:
    stage.fault(direction.lower(), "PENDING", seconds=3600)
    call = a_call(stage, direction, stage.late)
    answer = await submit(stage.adapter, call)
    assert isinstance(answer, Pending), answer
    stage.forward(hours=2)
    assert isinstance(await stage.adapter.query(heard(call, answer)), Approved)


@each_way(Trait.LATE, Trait.NETWORK)
async def test_what_is_pending_may_fail_later(stage: Stage, direction: Direction) -> None:
    stage.fault(direction.lower(), "PENDING", seconds=3600, becomes="FAILED", code="05")
    call = a_call(stage, direction, stage.late)
    call = heard(call, await submit(stage.adapter, call))
    assert isinstance(await stage.adapter.query(call), Pending)
    stage.forward(hours=2)
    answer = await stage.adapter.query(call)
    assert isinstance(answer, Declined), answer
    assert (answer.code, stage.moved()) == ("05", 0)


@on(Trait.PULLS, Trait.PARTLY)
async def test_a_part_is_approved_as_a_part(stage: Stage) -> None:
    stage.fault("pull", "PARTIAL", amount=60_00)
    call = a_call(stage, PULL, stage.works)
    first, later = await stage.adapter.pull(call), await stage.adapter.query(call)
    part = Money(60_00, usual(stage).currency)
    for answer in (first, later):
        assert isinstance(answer, Approved), answer
        assert answer.moved == part
    back = await stage.adapter.reverse(heard(call, first)._replace(amount=part))
    assert isinstance(back, Approved), back
    assert stage.moved() == 0


# What gets lost


@each_way(Trait.NETWORK)
@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_an_answer_that_got_lost_is_unknown_until_the_network_is_asked(
    stage: Stage, direction: Direction, lost: Broken
) -> None:
    stage.fault(direction.lower(), lost.does, status=lost.status)
    call = a_call(stage, direction, stage.works)
    answer = await submit(stage.adapter, call)
    assert isinstance(answer, Unknown), answer
    found = await stage.adapter.query(heard(call, answer))
    assert isinstance(found, Approved), found
    assert (stage.movements(), stage.moved()) == (1, SIGN[direction] * usual(stage).minor_units)


@each_way(Trait.NETWORK)
@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_request_that_got_lost_is_never_taken_for_done(
    stage: Stage, direction: Direction, lost: Broken
) -> None:
    stage.fault(direction.lower(), lost.does, status=lost.status, moves=False)
    call = a_call(stage, direction, stage.works)
    answer = await submit(stage.adapter, call)
    assert isinstance(answer, Unknown), answer
    assert not isinstance(await stage.adapter.query(heard(call, answer)), Approved)
    assert stage.movements() == 0


@each_way(Trait.NETWORK)
async def test_a_time_out_after_the_debit_is_unknown_and_the_debit_is_found(stage: Stage, direction: Direction) -> None:
    stage.fault(direction.lower(), "SILENT")
    call = a_call(stage, direction, stage.works)
    async with stage.impatient as adapter:
        answer = await submit(adapter, call)
    assert isinstance(answer, Unknown), answer
    await soon(lambda: stage.movements() == 1)
    assert isinstance(await stage.adapter.query(call), Approved)
    assert stage.movements() == 1


@on(Trait.PULLS, Trait.NETWORK)
async def test_a_time_out_before_the_debit_is_unknown(stage: Stage) -> None:
    stage.fault("pull", "SILENT", moves=False)
    async with stage.impatient as adapter:
        answer = await adapter.pull(a_call(stage, PULL, stage.works))
    assert isinstance(answer, Unknown), answer
    assert stage.movements() == 0


@each_way(Trait.NETWORK)
async def test_what_never_left_is_sent_again_and_moves_once(stage: Stage, direction: Direction) -> None:
    call = a_call(stage, direction, stage.works)
    async with stage.broken as adapter:
        answer = await submit(adapter, call)
    assert isinstance(answer, NotSent), answer
    assert isinstance(await submit(stage.adapter, call), Approved)
    assert (stage.movements(), stage.moved()) == (1, SIGN[direction] * usual(stage).minor_units)


@each_way(Trait.NETWORK)
async def test_the_same_call_again_moves_money_once(stage: Stage, direction: Direction) -> None:
    call = a_call(stage, direction, stage.works)
    first, second = await submit(stage.adapter, call), await submit(stage.adapter, call)
    assert isinstance(first, Approved), first
    assert isinstance(second, Approved), second
    assert (first.network_ref, stage.movements()) == (second.network_ref, 1)


@each_way(Trait.NETWORK)
async def test_whoever_cannot_ask_knows_nothing(stage: Stage, direction: Direction) -> None:
    async with stage.broken as adapter:
        for reversing in (False, True):
            answer = await adapter.query(a_call(stage, direction, stage.works)._replace(reversing=reversing))
            assert isinstance(answer, Unknown), answer


@on(Trait.PULLS, Trait.NETWORK)
@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_question_that_is_not_answered_leaves_it_unknown(stage: Stage, lost: Broken) -> None:
    call = await a_pull(stage)
    stage.fault("query", lost.does, status=lost.status)
    assert isinstance(await stage.adapter.query(call), Unknown)
    assert isinstance(await stage.adapter.query(call), Approved)


# Taking back


@on(Trait.PULLS, Trait.REVERSES)
async def test_a_pull_is_taken_back(stage: Stage) -> None:
    call = await a_pull(stage)
    assert isinstance(await stage.adapter.reverse(call), Approved)
    assert isinstance(await stage.adapter.query(call._replace(reversing=True)), Approved)


@on(Trait.PULLS, Trait.REVERSES, Trait.NETWORK)
async def test_a_pull_is_taken_back_once(stage: Stage) -> None:
    call = await a_pull(stage)
    for _ in range(2):
        answer = await stage.adapter.reverse(call._replace(reversing=True))
        assert isinstance(answer, Approved), answer
        assert heard(call, answer).network_ref == call.network_ref
    assert (stage.movements(), stage.moved()) == (2, 0)


@on(Trait.PULLS, Trait.REVERSES, Trait.NETWORK)
@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_reversal_whose_answer_got_lost_is_found(stage: Stage, lost: Broken) -> None:
    call = (await a_pull(stage))._replace(reversing=True)
    assert not isinstance(await stage.adapter.query(call), Approved)
    stage.fault("reverse", lost.does, status=lost.status)
    assert isinstance(await stage.adapter.reverse(call), Unknown)
    assert isinstance(await stage.adapter.query(call), Approved)
    assert stage.moved() == 0


@on(Trait.PULLS, Trait.REVERSES, Trait.NETWORK)
async def test_a_reversal_that_never_left_is_sent_again(stage: Stage) -> None:
    call = (await a_pull(stage))._replace(reversing=True)
    async with stage.broken as adapter:
        assert isinstance(await adapter.reverse(call), NotSent)
    assert isinstance(await stage.adapter.reverse(call), Approved)
    assert stage.moved() == 0


@on(Trait.PULLS, Trait.REVERSES, Trait.LATE, Trait.NETWORK)
async def test_a_reversal_may_take_its_time(stage: Stage) -> None:
    call = (await a_pull(stage))._replace(reversing=True)
    stage.fault("reverse", "PENDING", seconds=3600)
    call = heard(call, await stage.adapter.reverse(call))
    assert isinstance(await stage.adapter.query(call), Pending)
    assert isinstance(await stage.adapter.query(call._replace(reversing=False)), Approved)
    stage.forward(hours=2)
    assert isinstance(await stage.adapter.query(call), Approved)


# What was booked


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(days=30)


@each_way(Trait.SETTLES)
async def test_what_has_moved_settles(stage: Stage, direction: Direction) -> None:
    call = a_call(stage, direction, stage.works)
    call = heard(call, await submit(stage.adapter, call))
    stage.forward(days=9)
    [line] = await stage.adapter.settlements(long_ago())
    assert (line.network_ref, line.kind, line.amount) == (call.network_ref, SettlementKind.SETTLED, usual(stage))
    assert await stage.adapter.settlements(long_ago()) == [line]
    assert await stage.adapter.settlements(line.booked_at + timedelta(days=30)) == []


@on(Trait.PULLS, Trait.SETTLES, Trait.AT_ONCE)
async def test_what_has_moved_just_now_is_not_settled(stage: Stage) -> None:
    await a_pull(stage)
    assert await stage.adapter.settlements(long_ago()) == []


@on(Trait.PULLS, Trait.SETTLES)
async def test_what_comes_back_is_told_with_its_code(stage: Stage) -> None:
    call = await a_pull(stage)
    stage.forward(days=9)
    assert call.network_ref is not None
    stage.give_back(call.network_ref, "R10")
    stage.forward(days=9)
    lines = await stage.adapter.settlements(long_ago())
    assert [line.kind for line in lines] == list(SettlementKind)
    assert {line.network_ref for line in lines} == {call.network_ref}
    assert lines[1].code == "R10"
    assert [line.booked_at for line in lines] == sorted(line.booked_at for line in lines)


@on(Trait.PULLS, Trait.SETTLES, Trait.REVERSES, Trait.AT_ONCE)
async def test_what_was_taken_back_at_once_never_settles(stage: Stage) -> None:
    await stage.adapter.reverse(await a_pull(stage))
    stage.forward(days=9)
    assert await stage.adapter.settlements(long_ago()) == []


@on(Trait.PULLS, Trait.SETTLES)
@pytest.mark.parametrize("lost", LOST, ids=str)
async def test_a_report_that_cannot_be_read_is_no_empty_report(stage: Stage, lost: Broken) -> None:
    await a_pull(stage)
    stage.forward(days=9)
    stage.fault("report", lost.does, status=lost.status)
    with pytest.raises(UnreachableError):
        await stage.adapter.settlements(long_ago())


@on(Trait.SETTLES)
async def test_a_report_that_cannot_be_fetched_is_no_empty_report(stage: Stage) -> None:
    async with stage.broken as adapter:
        with pytest.raises(UnreachableError):
            await adapter.settlements(long_ago())


# What it says of itself


@on()
async def test_it_says_what_it_can_do(stage: Stage) -> None:
    can = stage.adapter.capabilities
    assert bool(can.pulls) == (Trait.PULLS in stage.traits)
    assert bool(can.pushes) == (Trait.PUSHES in stage.traits)
    assert can.currencies
    assert can.reverses == (Trait.REVERSES in stage.traits)
    assert can.settles == (Trait.SETTLES in stage.traits)


@on(Trait.NETWORK)
async def test_a_source_that_nobody_knows_is_not_linked(stage: Stage) -> None:
    with pytest.raises(LinkRefusedError):
        await stage.adapter.link(a_source("nobody's"), None)
