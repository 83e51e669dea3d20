"""ACH against a bank that reads NACHA files with a reader of its own."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from models.money import Currency, Money
from models.rails import Direction, SettlementKind
from rails import Approved, Declined, LinkRefusedError, NotSent, Pending, Rejected, Unknown, UnreachableError
from rails.ach import AchRail
from rails.exchange import ExchangeSettings
from tests.harness import banks
from tests.harness.simulator import Simulator

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PULL, PUSH = Direction.PULL, Direction.PUSH


@pytest.fixture
async def rail(simulator: Simulator) -> AsyncIterator[AchRail]:
    rail = banks.ach(simulator)
    yield rail
    await rail.close()


def kinds(simulator: Simulator) -> list[str]:
    return [movement["kind"] for movement in simulator.books("ach")["movements"]]


@pytest.mark.parametrize(("direction", "sooner"), [(PULL, 0), (PUSH, 2)])
async def test_a_debit_is_good_two_banking_days_after_it_was_booked_and_a_credit_then(
    rail: AchRail, simulator: Simulator, direction: Direction, sooner: int
) -> None:
    call = banks.call(direction)
    ref = f"{call.trace:012}"
    sent = await (rail.pull(call) if direction is PULL else rail.push(call))
    assert sent == Pending(ref, processing=True)
    answers = [await rail.query(call)]
    for _ in range(8):
        simulator.forward(days=1)
        answers.append(await rail.query(call))
    pending, approved = Pending(ref, processing=True), Approved("BOOKED", ref)
    days = answers.index(approved)
    assert answers == [pending] * days + [approved] * (9 - days)
    assert 3 - sooner <= days <= 6 - sooner  # a weekend may lie between
    (line,) = await rail.settlements(LONG_AGO)
    assert (line.network_ref, line.kind, line.amount, line.code) == (ref, SettlementKind.SETTLED, call.amount, None)


async def test_what_comes_back_at_once_is_declined_and_never_settles(rail: AchRail, simulator: Simulator) -> None:
    simulator.fault("ach.pull", "RETURNED", code="R01", seconds=60)
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.forward(hours=1)
    answer = await rail.query(call)
    assert answer == Declined("R01", "The account has too little money.", True, f"{call.trace:012}")
    simulator.forward(days=7)
    assert [line.kind for line in await rail.settlements(LONG_AGO)] == [SettlementKind.RETURNED]


async def test_what_comes_back_after_it_was_settled_is_a_line_with_its_code(
    rail: AchRail, simulator: Simulator
) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.forward(days=10)
    assert isinstance(await rail.query(call), Approved)
    (movement,) = simulator.books("ach")["movements"]
    simulator.give_back(movement["id"], "R10")
    simulator.forward(days=5)
    lines = await rail.settlements(LONG_AGO)
    assert [(line.kind, line.code) for line in lines] == [
        (SettlementKind.SETTLED, None),
        (SettlementKind.RETURNED, "R10"),
        (SettlementKind.RETURN_SETTLED, "R10"),
    ]
    assert {line.network_ref for line in lines} == {f"{call.trace:012}"}
    assert {line.amount for line in lines} == {call.amount}
    assert await rail.settlements(LONG_AGO) == lines


async def test_the_same_call_again_is_the_same_file(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    assert await rail.pull(call) == await rail.pull(call) == Pending(f"{call.trace:012}", processing=True)
    assert kinds(simulator) == ["PULL"]


async def test_another_file_of_the_same_name_is_not_taken(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    other = await rail.pull(call._replace(amount=Money(1, Currency.USD)))
    assert other == Unknown("the bank has answered 409", f"{call.trace:012}")
    assert [movement["amount"] for movement in simulator.books("ach")["movements"]] == [call.amount.minor_units]


@pytest.mark.parametrize("moves", [True, False])
@pytest.mark.parametrize(
    "fault", [{"does": "STATUS", "status": 503}, {"does": "STATUS", "status": 504}, {"does": "DROPPED"}]
)
async def test_after_an_answer_that_got_lost_the_file_is_there_once(
    rail: AchRail, simulator: Simulator, fault: dict[str, object], moves: bool
) -> None:
    simulator.fault("ach.pull", **{"moves": moves, **fault})  # type: ignore[arg-type]
    call = banks.call(PULL)
    answer = await rail.pull(call)
    assert isinstance(answer, Unknown)
    assert answer.network_ref == f"{call.trace:012}"
    assert kinds(simulator) == (["PULL"] if moves else [])
    found = await rail.query(call)
    assert found == (
        Pending(f"{call.trace:012}", processing=True)
        if moves
        else Unknown("the bank has no such file", f"{call.trace:012}")
    )
    assert await rail.pull(call) == Pending(f"{call.trace:012}", processing=True)
    assert kinds(simulator) == ["PULL"]


async def test_a_bank_that_says_nothing_leaves_it_unknown(simulator: Simulator) -> None:
    rail = banks.ach(simulator, answer_seconds=0.3)
    simulator.fault("ach.pull", "SILENT")
    call = banks.call(PULL)
    assert isinstance(await rail.pull(call), Unknown)
    simulator.fault("ach.query", "SILENT")
    assert isinstance(await rail.query(call), Unknown)
    await rail.close()
    rail = banks.ach(simulator)
    assert isinstance(await rail.query(call), Pending)
    await rail.close()


async def test_a_receipt_for_something_else_is_no_receipt(rail: AchRail, simulator: Simulator) -> None:
    simulator.fault("ach.pull", "MALFORMED")
    assert isinstance(await rail.pull(banks.call(PULL)), Unknown)


@pytest.mark.parametrize("operation", ["ach.query", "ach.read"])
@pytest.mark.parametrize("fault", [{"does": "STATUS", "status": 500}, {"does": "DROPPED"}, {"does": "MALFORMED"}])
async def test_a_bank_whose_files_cannot_be_read_leaves_it_unknown(
    rail: AchRail, simulator: Simulator, operation: str, fault: dict[str, object]
) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.fault(operation, **fault)  # type: ignore[arg-type]
    assert isinstance(await rail.query(call), Unknown)
    simulator.fault("ach.query", **fault)  # type: ignore[arg-type]
    with pytest.raises(UnreachableError):
        await rail.settlements(LONG_AGO)
    assert isinstance(await rail.query(call), Pending)


async def test_nothing_was_sent_to_a_bank_that_cannot_be_reached(simulator: Simulator, unused_url: str) -> None:
    rail = banks.ach(simulator, url=unused_url)
    assert isinstance(await rail.pull(banks.call(PULL)), NotSent)
    assert isinstance(await rail.query(banks.call(PULL)), Unknown)
    await rail.close()


async def test_who_has_no_token_is_rejected(simulator: Simulator) -> None:
    rail = banks.ach(simulator, token="stolen")
    assert await rail.pull(banks.call(PULL)) == Rejected("the bank has answered 401")
    await rail.close()


async def test_a_file_that_the_bank_refuses_is_rejected_and_a_payment_declined(
    rail: AchRail, simulator: Simulator
) -> None:
    file, payment = banks.call(PULL), banks.call(PULL)
    simulator.fault("ach.pull", "DECLINED", code="FF01")
    await rail.pull(file)
    simulator.fault("ach.pull", "DECLINED", code="R16")
    await rail.pull(payment)
    assert await rail.query(file) == Rejected("the bank refuses the file: FF01")
    assert await rail.query(payment) == Declined("R16", "The account is frozen.", False, f"{payment.trace:012}")
    simulator.forward(days=9)
    assert await rail.settlements(LONG_AGO) == []


async def test_a_pull_is_taken_back_by_a_credit(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.forward(days=10)
    back = call._replace(reversing=True)
    assert await rail.reverse(back) == Pending(f"{call.trace:012}", processing=True)
    assert await rail.query(back) == Pending(f"{call.trace:012}", processing=True)
    simulator.forward(days=10)
    assert await rail.query(back) == Approved("BOOKED", f"{call.trace:012}")
    assert simulator.books("ach")["moved"] == {"USD": 0}
    told = [(line.kind, line.network_ref) for line in await rail.settlements(LONG_AGO)]
    ref = f"{call.trace:012}"
    assert told == [(SettlementKind.SETTLED, ref), (SettlementKind.RETURN_SETTLED, ref)]


async def test_a_taking_back_that_never_arrived_is_unknown(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.fault("ach.push", "DROPPED", moves=False)
    back = call._replace(reversing=True)
    assert isinstance(await rail.reverse(back), Unknown)
    assert isinstance(await rail.query(back), Unknown)
    assert isinstance(await rail.query(call), Pending)
    assert kinds(simulator) == ["PULL"]


async def test_a_line_that_is_missing_wrong_or_nobodys(rail: AchRail, simulator: Simulator) -> None:
    missing, wrong, extra = (banks.call(PULL) for _ in range(3))
    for call, does in ((missing, "MISSING"), (wrong, "WRONG"), (extra, "EXTRA")):
        simulator.fault("ach.settlement", f"SETTLEMENT_{does}", amount=1)
        await rail.pull(call)
    simulator.forward(days=10)
    assert isinstance(await rail.query(missing), Pending)
    assert isinstance(await rail.query(wrong), Approved), "what does not fit is for reconciliation to report"
    assert isinstance(await rail.query(extra), Approved)
    told = {line.network_ref: line.amount.minor_units for line in await rail.settlements(LONG_AGO)}
    nobodys = (told.keys() - {f"{wrong.trace:012}", f"{extra.trace:012}"}).pop()
    assert told == {f"{wrong.trace:012}": 1, f"{extra.trace:012}": 10_000, nobodys: 10_000}


async def test_deposits_go_out_in_one_batch_with_what_takes_them_back(rail: AchRail, simulator: Simulator) -> None:
    source = banks.source("us")
    deposits = Money(12, Currency.USD), Money(34, Currency.USD)
    for _ in range(2):
        linked = await rail.link(source, deposits)
        assert (linked.reference, linked.verified) == ("us", False)
    moved = [(movement["kind"], movement["amount"]) for movement in simulator.books("ach")["movements"]]
    assert moved == [("PUSH", 12), ("PUSH", 34), ("PULL", 46)]
    simulator.forward(days=5)
    assert await rail.settlements(LONG_AGO) == []


async def test_deposits_that_the_bank_has_not_taken_can_be_sent_again(rail: AchRail, simulator: Simulator) -> None:
    source, deposits = banks.source("us"), (Money(1, Currency.USD), Money(2, Currency.USD))
    simulator.fault("ach.deposits", "STATUS", status=503, moves=False)
    with pytest.raises(UnreachableError):
        await rail.link(source, deposits)
    await rail.link(source, deposits)
    assert len(kinds(simulator)) == 3


@pytest.mark.parametrize("token", ["card", "iban", "wrong-routing", "wrong-account", "nobodys"])
async def test_what_is_no_account_in_the_united_states_is_not_linked(rail: AchRail, token: str) -> None:
    with pytest.raises(LinkRefusedError) as refusal:
        await rail.link(banks.source(token), None)
    known = banks.NUMBERS.get(token)
    assert known is None or known.number not in str(refusal.value)
    assert isinstance(await rail.pull(banks.call(PULL)._replace(source=banks.source(token))), Rejected)


@pytest.mark.parametrize("amount", [Money(1, Currency.EUR), Money(10**10, Currency.USD)])
async def test_what_no_entry_can_say_is_rejected(rail: AchRail, amount: Money) -> None:
    assert isinstance(await rail.pull(banks.call(PULL)._replace(amount=amount)), Rejected)


async def test_a_number_that_no_file_has_room_for_is_rejected(rail: AchRail, simulator: Simulator) -> None:
    assert isinstance(await rail.pull(banks.call(PULL, trace=10**18)), Rejected)
    assert kinds(simulator) == []


async def test_files_tell_the_bank_no_more_than_it_is_to_know(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    url = f"{simulator.addresses['bank']}/files/ach-{call.trace:012}.txt"
    told = httpx2.get(url, headers={"Authorization": "Bearer simulated-ach"}, trust_env=False).text
    assert "ZOE O'NEILL-LUKASZ" in told
    assert str(call.id) not in told
    assert "token" not in repr(ExchangeSettings(url="http://bank", token="token"))


async def test_what_was_told_long_ago_is_not_asked_for(rail: AchRail, simulator: Simulator) -> None:
    call = banks.call(PULL)
    await rail.pull(call)
    simulator.forward(days=10)
    assert await rail.settlements(datetime.now(UTC) + timedelta(days=8)) == []
