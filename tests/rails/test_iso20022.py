"""SEPA credit transfers against a bank that holds each file to its XSD."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyiso20022.pain.pain_001_001_09.pain_001_001_09 import Document as Pain001  # type: ignore[import-untyped]
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig

from models.money import Currency, Money
from models.rails import Direction, SettlementKind
from models.transfers import RailEnvironment
from rails import Approved, Declined, LinkRefusedError, NotSent, Pending, Rejected, Unknown, UnreachableError
from rails.exchange import ExchangeSettings
from rails.iso20022 import Iso20022Rail, Iso20022Settings, Transfer, is_valid, message
from simulator import iso20022 as bank
from tests.harness import banks
from tests.harness.simulator import Simulator

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 16, 5, tzinfo=UTC)
PUSH = Direction.PUSH
AGREED = Iso20022Settings(
    environment=RailEnvironment.SANDBOX,
    exchange=ExchangeSettings(url="http://127.0.0.1", token="none"),
    name="Hatful GmbH",
    iban="DE89370400440532013000",
    bic="COBADEFFXXX",
)
STRICT = ParserConfig(fail_on_unknown_properties=True, fail_on_unknown_attributes=True, fail_on_converter_warnings=True)
transfers = st.builds(
    Transfer,
    st.text("0123456789MD", min_size=1, max_size=15),
    st.builds(Money, st.integers(1, 99_999_999_999), st.just(Currency.EUR)),
    st.sampled_from(["NL91ABNA0417164300", "DE89370400440532013000", "GB82WEST12345698765432"]),
    st.text(),
    st.just("Withdrawal"),
)


@pytest.fixture
async def rail(simulator: Simulator) -> AsyncIterator[Iso20022Rail]:
    rail = banks.sct(simulator)
    yield rail
    await rail.close()


@given(st.lists(transfers, min_size=1, max_size=5))
def test_what_is_written_is_valid_and_others_read_it(asked: list[Transfer]) -> None:
    content = message(AGREED, "sct-000000000001.xml", asked, NOW)
    assert is_valid(content)
    initiation = XmlParser(config=STRICT).from_bytes(content, Pain001).cstmr_cdt_trf_initn
    (payment,) = initiation.pmt_inf
    assert [one.amt.instd_amt.value for one in payment.cdt_trf_tx_inf] == [one.amount.amount for one in asked]
    assert initiation.grp_hdr.ctrl_sum == payment.ctrl_sum == sum(one.amount.amount for one in asked)
    assert [(one.reference, one.cents, one.iban) for one in bank.read(content).payments] == [
        (one.reference, one.amount.minor_units, one.account) for one in asked
    ]
    assert content == message(AGREED, "sct-000000000001.xml", asked, NOW)


@pytest.mark.parametrize(
    "change",
    [
        (b"SLEV", b"NONE"),
        (b"<NbOfTxs>1", b"<NbOfTxs>2"),
        (b"<CtrlSum>1.00", b"<CtrlSum>1.01"),
        (b"Document", b"Dokument"),
        (b'Ccy="EUR"', b""),
        (b"?>", b'?><!DOCTYPE d SYSTEM "x">'),
    ],
)
def test_the_bank_takes_nothing_else(change: tuple[bytes, bytes]) -> None:
    transfer = Transfer("1", Money(100, Currency.EUR), "NL91ABNA0417164300", "Zoe", "Withdrawal")
    content = message(AGREED, "f.xml", [transfer], NOW)
    assert bank.read(content).id == "f.xml"
    with pytest.raises(bank.MessageError):
        bank.read(content.replace(*change))


async def test_a_push_is_approved_once_the_bank_has_settled_it(rail: Iso20022Rail, simulator: Simulator) -> None:
    call = banks.call(PUSH, "iban")
    ref = f"{call.trace:012}"
    assert await rail.push(call) == Pending(ref, processing=True)
    assert await rail.push(call) == Pending(ref, processing=True)
    assert await rail.query(call) == Pending(ref, processing=True)
    simulator.forward(hours=2)
    # In the evening the day's statement is there as well, and says it in its own word.
    assert await rail.query(call) in (Approved("ACSC", ref), Approved("BOOKED", ref))
    simulator.forward(days=5)
    assert await rail.query(call) == Approved("BOOKED", ref)
    (line,) = await rail.settlements(LONG_AGO)
    assert (line.network_ref, line.kind, line.amount) == (ref, SettlementKind.SETTLED, call.amount)
    assert simulator.books("sct")["moved"] == {"EUR": -10_000}


async def test_a_payment_that_is_refused_is_declined_with_its_code(rail: Iso20022Rail, simulator: Simulator) -> None:
    simulator.fault("sct.push", "DECLINED", code="AC04")
    call = banks.call(PUSH, "iban")
    await rail.push(call)
    assert await rail.query(call) == Declined("AC04", "The account is closed.", False, f"{call.trace:012}")


async def test_a_file_that_is_refused_is_rejected(rail: Iso20022Rail, simulator: Simulator) -> None:
    simulator.fault("sct.push", "DECLINED", code="FF01")
    call = banks.call(PUSH, "iban")
    await rail.push(call)
    assert await rail.query(call) == Rejected("the bank refuses the file: FF01")


@pytest.mark.parametrize("becomes", ["COMPLETED", "FAILED"])
async def test_what_the_bank_decides_later(rail: Iso20022Rail, simulator: Simulator, becomes: str) -> None:
    simulator.fault("sct.push", "PENDING", seconds=7_200, becomes=becomes, code="AM04")
    call = banks.call(PUSH, "iban")
    await rail.push(call)
    simulator.forward(hours=1.5)
    assert isinstance(await rail.query(call), Pending)
    simulator.forward(hours=2)
    answer = await rail.query(call)
    assert isinstance(answer, Approved if becomes == "COMPLETED" else Declined)
    assert isinstance(answer, Approved) or (answer.code, answer.retryable) == ("AM04", True)


async def test_what_comes_back_later_is_given_back_and_booked(rail: Iso20022Rail, simulator: Simulator) -> None:
    call = banks.call(PUSH, "iban")
    await rail.push(call)
    simulator.forward(days=4)
    (movement,) = simulator.books("sct")["movements"]
    simulator.give_back(movement["id"], "AC04")
    simulator.forward(days=5)
    lines = await rail.settlements(LONG_AGO)
    assert [(line.kind, line.code) for line in lines] == [
        (SettlementKind.SETTLED, None),
        (SettlementKind.RETURNED, "AC04"),
        (SettlementKind.RETURN_SETTLED, "AC04"),
    ]
    assert len({line.line for line in lines}) == 3
    assert {line.network_ref for line in lines} == {f"{call.trace:012}"}


async def test_what_comes_back_before_it_was_settled_is_declined(rail: Iso20022Rail, simulator: Simulator) -> None:
    simulator.fault("sct.push", "RETURNED", code="AC04", seconds=60)
    call = banks.call(PUSH, "iban")
    await rail.push(call)
    simulator.forward(hours=2)
    assert isinstance(await rail.query(call), Declined)


@pytest.mark.parametrize("moves", [True, False])
async def test_after_an_answer_that_got_lost_the_file_is_there_once(
    rail: Iso20022Rail, simulator: Simulator, moves: bool
) -> None:
    simulator.fault("sct.push", "DROPPED", moves=moves)
    call = banks.call(PUSH, "iban")
    assert isinstance(await rail.push(call), Unknown)
    assert len(simulator.books("sct")["movements"]) == int(moves)
    assert isinstance(await rail.query(call), Pending if moves else Unknown)
    assert isinstance(await rail.push(call), Pending)
    assert len(simulator.books("sct")["movements"]) == 1


async def test_nothing_was_sent_to_a_bank_that_cannot_be_reached(simulator: Simulator, unused_url: str) -> None:
    rail = banks.sct(simulator, url=unused_url)
    assert isinstance(await rail.push(banks.call(PUSH, "iban")), NotSent)
    with pytest.raises(UnreachableError):
        await rail.link(banks.source("iban"), (Money(1, Currency.EUR), Money(2, Currency.EUR)))
    await rail.close()


async def test_deposits_are_two_credits_in_one_file(rail: Iso20022Rail, simulator: Simulator) -> None:
    source = banks.source("iban")
    for _ in range(2):
        linked = await rail.link(source, (Money(1, Currency.EUR), Money(2, Currency.EUR)))
        assert not linked.verified
    moved = [(movement["kind"], movement["amount"]) for movement in simulator.books("sct")["movements"]]
    assert moved == [("PUSH", 1), ("PUSH", 2)]
    simulator.forward(days=5)
    assert await rail.settlements(LONG_AGO) == []


@pytest.mark.parametrize("token", ["card", "us", "wrong-iban", "nobodys"])
async def test_what_is_no_iban_is_not_linked(rail: Iso20022Rail, token: str) -> None:
    with pytest.raises(LinkRefusedError) as refusal:
        await rail.link(banks.source(token), None)
    known = banks.NUMBERS.get(token)
    assert known is None or known.number not in str(refusal.value)
    assert isinstance(await rail.push(banks.call(PUSH, "iban")._replace(source=banks.source(token))), Rejected)


@pytest.mark.parametrize("amount", [Money(1, Currency.USD), Money(10**11, Currency.EUR)])
async def test_what_sepa_does_not_move_is_rejected(rail: Iso20022Rail, amount: Money) -> None:
    assert isinstance(await rail.push(banks.call(PUSH, "iban")._replace(amount=amount)), Rejected)


async def test_a_file_that_is_not_valid_does_not_leave(rail: Iso20022Rail, simulator: Simulator) -> None:
    assert await rail.push(banks.call(PUSH, "iban", trace=10**40)) == Rejected("the file is no pain.001.001.09")
    assert simulator.books("sct")["movements"] == []


async def test_money_is_only_sent(rail: Iso20022Rail) -> None:
    call = banks.call(Direction.PULL, "iban")
    assert isinstance(await rail.pull(call), Rejected)
    assert isinstance(await rail.reverse(call), Rejected)
