"""Visa Direct's adapter and the simulator's Visa Direct, over mutual TLS: what the contract does not say of all."""

import logging
from datetime import timedelta
from pathlib import Path

import pytest

from models.database import DatabaseError
from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction
from rails import AccountNumber, Approved, CardNumber, Declined, LinkRefusedError, NotSent, Pending, Rejected, Unknown
from rails.visa import VisaRail
from simulator import certificates
from tests.harness.simulator import Simulator
from tests.rails.stages import WORKS, VisaStage, a_call, a_source

PULL, PUSH = Direction.PULL, Direction.PUSH


async def test_a_card_is_linked_without_asking_anybody(visa: VisaStage) -> None:
    async with visa.broken as adapter:
        linked = await adapter.link(a_source(WORKS), None)
        await adapter.unlink(a_source(WORKS))
    assert linked == (WORKS, True)


@pytest.mark.parametrize("token", ["tok_account", "tok_mastercard", "tok_real"])
async def test_only_visa_cards_that_are_for_tests_are_linked(visa: VisaStage, token: str) -> None:
    with pytest.raises(LinkRefusedError):
        await visa.adapter.link(a_source(token), None)


@pytest.mark.parametrize("token", ["tok_account", "nobody's"])
async def test_without_a_cards_number_nothing_is_sent(visa: VisaStage, token: str) -> None:
    for direction, ask in ((PULL, visa.adapter.pull), (PUSH, visa.adapter.push)):
        assert isinstance(await ask(a_call(direction, a_source(token, SourceKind.CARD))), Rejected)
    assert visa.movements() == 0


class Closed:
    """A vault whose database does not answer."""

    async def reveal(self, token: str) -> CardNumber | AccountNumber:
        raise DatabaseError


async def test_while_the_vault_does_not_answer_nothing_is_sent(visa: VisaStage) -> None:
    adapter = VisaRail(visa.settings, Closed())
    assert isinstance(await adapter.pull(a_call(PULL, visa.works)), NotSent)
    assert isinstance(await adapter.push(a_call(PUSH, visa.works)), NotSent)
    await adapter.close()
    assert visa.movements() == 0


async def test_a_currency_that_was_not_agreed_is_not_sent(visa: VisaStage) -> None:
    answer = await visa.adapter.pull(a_call(PULL, visa.works, Money(100, Currency.GBP)))
    assert isinstance(answer, Rejected)
    assert visa.movements() == 0


async def test_a_currency_without_decimal_places_moves(visa: VisaStage, simulator: Simulator) -> None:
    assert isinstance(await visa.adapter.pull(a_call(PULL, visa.works, Money(1200, Currency.JPY))), Approved)
    assert simulator.books("visa")["moved"] == {"JPY": 1200}


async def test_a_card_that_the_network_does_not_know_is_declined(visa: VisaStage) -> None:
    answer = await visa.adapter.pull(a_call(PULL, a_source("tok_no_such")))
    assert isinstance(answer, Declined)
    assert answer.code == "14"


async def test_wrong_credentials_are_rejected_and_a_question_with_them_tells_nothing(visa: VisaStage) -> None:
    call = a_call(PULL, visa.works)
    await visa.adapter.pull(call)
    async with visa.another(password="wrong") as adapter:
        assert isinstance(await adapter.push(a_call(PUSH, visa.works)), Rejected)
        assert isinstance(await adapter.query(call), Unknown)


async def test_a_certificate_of_somebody_elses_moves_nothing(visa: VisaStage, tmp_path: Path) -> None:
    strange = certificates.kept(tmp_path)
    async with visa.another(certificate=strange.client, key=strange.client_key) as adapter:
        assert isinstance(await adapter.pull(a_call(PULL, visa.works)), Unknown | NotSent)
    assert visa.movements() == 0


async def test_a_network_that_is_somebody_else_is_sent_nothing(visa: VisaStage, tmp_path: Path) -> None:
    async with visa.another(authority=certificates.kept(tmp_path).authority) as adapter:
        assert isinstance(await adapter.pull(a_call(PULL, visa.works)), NotSent)


async def test_too_many_requests_wait(visa: VisaStage) -> None:
    visa.fault("pull", "STATUS", status=429, moves=False)
    call = a_call(PULL, visa.works)
    assert isinstance(await visa.adapter.pull(call), NotSent)
    assert isinstance(await visa.adapter.pull(call), Approved)


async def test_the_same_call_while_the_first_runs_is_pending_and_moves_once(visa: VisaStage) -> None:
    visa.fault("pull", "PENDING", seconds=3600)
    call = a_call(PULL, visa.works)
    first, second = await visa.adapter.pull(call), await visa.adapter.pull(call)
    assert isinstance(first, Pending)
    assert isinstance(second, Pending)
    assert first.facts["pull_status"] == second.facts["pull_status"]
    visa.forward(hours=2)
    assert isinstance(await visa.adapter.query(call._replace(facts=second.facts)), Approved)
    assert visa.movements() == 1


async def test_a_duplicate_that_still_runs_is_never_posted_again(visa: VisaStage) -> None:
    visa.fault("push", "DUPLICATE", seconds=3600)
    visa.fault("status", "MALFORMED")
    call = a_call(PUSH, visa.works)
    answer = await visa.adapter.push(call)
    assert isinstance(answer, Pending)
    call = call._replace(facts=answer.facts)
    assert isinstance(await visa.adapter.query(call), Pending), "by its numbers, as its status cannot be read"
    assert isinstance(await visa.adapter.query(call), Pending)
    visa.forward(hours=2)
    assert isinstance(await visa.adapter.query(call), Approved)
    assert visa.movements() == 1


async def test_the_same_numbers_with_another_amount_leave_it_to_the_query(visa: VisaStage) -> None:
    call = a_call(PULL, visa.works)
    await visa.adapter.pull(call)
    answer = await visa.adapter.pull(call._replace(amount=Money(1, Currency.USD)))
    assert isinstance(answer, Unknown)
    assert visa.movements() == 1


async def test_after_a_day_the_numbers_still_tell(visa: VisaStage) -> None:
    visa.fault("pull", "PENDING", seconds=60)
    call = a_call(PULL, visa.works)
    answer = await visa.adapter.pull(call)
    assert isinstance(answer, Pending)
    visa.forward(hours=25)
    assert isinstance(await visa.adapter.query(call._replace(facts=answer.facts)), Approved)


async def test_a_pull_whose_answer_got_lost_is_taken_back_all_the_same(visa: VisaStage) -> None:
    visa.fault("pull", "DROPPED")
    call = a_call(PULL, visa.works)
    assert isinstance(await visa.adapter.pull(call), Unknown)
    assert isinstance(await visa.adapter.reverse(call), Approved)
    assert visa.moved() == 0


async def test_what_the_network_does_not_know_is_not_taken_back(visa: VisaStage) -> None:
    assert isinstance(await visa.adapter.reverse(a_call(PULL, visa.works)), NotSent)
    assert visa.movements() == 0


async def test_after_a_day_the_network_takes_nothing_back(visa: VisaStage) -> None:
    call = a_call(PULL, visa.works)
    await visa.adapter.pull(call)
    visa.forward(hours=25)
    assert isinstance(await visa.adapter.reverse(call), Rejected)
    assert visa.moved() == 100_00


async def test_settlement_lines_can_be_missing_wrong_or_one_too_many(visa: VisaStage) -> None:
    for does in ("SETTLEMENT_MISSING", "SETTLEMENT_WRONG", "SETTLEMENT_EXTRA"):
        visa.fault("settlement", does, amount=1)
        await visa.adapter.pull(a_call(PULL, visa.works))
    visa.forward(days=2)
    since = a_call(PULL, visa.works).created_at - timedelta(days=1)
    lines = await visa.adapter.settlements(since)
    assert sorted(line.amount.minor_units for line in lines) == [1, 100_00, 100_00]


@pytest.mark.parametrize("does", ["STATUS", "MALFORMED", "DROPPED", "DECLINED", "PENDING"])
async def test_no_answer_and_no_log_has_the_cards_number(
    visa: VisaStage, simulator: Simulator, does: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = visa.secrets[WORKS].number
    with caplog.at_level(logging.DEBUG):
        visa.fault("*", does)
        answer = await visa.adapter.pull(a_call(PULL, visa.works))
        async with visa.broken as adapter:
            lost = await adapter.pull(a_call(PULL, visa.works))
    assert number not in f"{answer!r} {lost!r} {caplog.text}"
    assert number not in (simulator.folder.parent / "simulator.log").read_text()
    assert number not in str(simulator.books("visa"))
