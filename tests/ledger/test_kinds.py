"""The postings of each kind."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kinds import chargeback, payment, refund, tip, top_up, withdrawal
from ledger.kinds.refund import Paid
from ledger.kinds.wallets import bank_cash, fee_income, payout_clearing, rail_clearing, receivable, wallet
from ledger.orders import Line, Resolution
from models.ids import HOUSE, new_id
from models.ledger import AccountCode, Phase
from models.money import MAX_MINOR_UNITS, Currency, Money

USD = Currency.USD
ADA, BOB = new_id(), new_id()


def test_a_payment_goes_from_wallet_to_wallet() -> None:
    assert payment.lines(ADA, BOB, Money(5, USD)) == (Line(wallet(ADA, USD), wallet(BOB, USD), 5),)


def test_a_top_up_comes_from_the_rail() -> None:
    assert top_up.lines(ADA, Money(5, USD)) == (Line(rail_clearing(USD), wallet(ADA, USD), 5),)


def test_a_tip_without_a_fee_is_one_posting() -> None:
    assert tip.lines(ADA, BOB, Money(5, USD), Money(0, USD)) == (Line(wallet(ADA, USD), wallet(BOB, USD), 5),)


def test_the_fee_of_a_tip_comes_out_of_it() -> None:
    assert tip.lines(ADA, BOB, Money(500, USD), Money(25, USD)) == (
        Line(wallet(ADA, USD), wallet(BOB, USD), 475),
        Line(wallet(ADA, USD), fee_income(USD), 25),
    )


@pytest.mark.parametrize("fee", [-1, 5, 6])
def test_a_tip_leaves_something_for_its_creator(fee: int) -> None:
    with pytest.raises(AssertionError):
        tip.lines(ADA, BOB, Money(5, USD), Money(fee, USD))


@pytest.mark.parametrize(
    ("units", "basis_points", "fee"),
    [(1, 500, 0), (19, 500, 0), (20, 500, 1), (10_000, 1, 1), (9_999, 1, 0), (100, 0, 0), (100, 9_999, 99)],
)
def test_a_fee_is_rounded_down(units: int, basis_points: int, fee: int) -> None:
    assert tip.fee_of(Money(units, USD), basis_points) == Money(fee, USD)


@given(st.integers(1, MAX_MINOR_UNITS), st.integers(0, 9_999))
def test_payer_creator_and_house_agree_to_the_last_unit(units: int, basis_points: int) -> None:
    amount = Money(units, USD)
    fee = tip.fee_of(amount, basis_points)
    lines = tip.lines(ADA, BOB, amount, fee)
    assert sum(line.amount for line in lines) == units
    assert fee.minor_units * 10_000 <= units * basis_points < (fee.minor_units + 1) * 10_000
    assert all(line.amount > 0 and line.debit == wallet(ADA, USD) for line in lines)


@pytest.mark.parametrize("currency", Currency)
def test_each_currency_has_its_own_accounts(currency: Currency) -> None:
    assert wallet(ADA, currency) == (ADA, AccountCode.WALLET, currency, 0)
    assert fee_income(currency) == (HOUSE, AccountCode.FEE_INCOME, currency, 0)
    assert rail_clearing(currency) == (HOUSE, AccountCode.RAIL_CLEARING, currency, 0)


# Money on its way


HOLD = new_id()


def test_a_top_up_that_waits_for_its_rail_is_a_hold() -> None:
    assert top_up.hold(HOLD, ADA, Money(5, USD)) == (
        Line(rail_clearing(USD), wallet(ADA, USD), 5, Phase.PEND, id=HOLD),
    )
    assert top_up.approved(HOLD, Money(5, USD)) == (Resolution(HOLD, 5),)
    assert top_up.declined(HOLD) == (Resolution(HOLD, None),)
    assert top_up.settled(Money(5, USD)) == (Line(bank_cash(USD), rail_clearing(USD), 5),)


def test_a_withdrawal_is_held_until_its_rail_has_answered() -> None:
    assert withdrawal.hold(HOLD, ADA, Money(5, USD)) == (
        Line(wallet(ADA, USD), payout_clearing(USD), 5, Phase.PEND, id=HOLD),
    )
    assert withdrawal.sent(HOLD, Money(5, USD)) == (Resolution(HOLD, 5),)
    assert withdrawal.failed(HOLD) == (Resolution(HOLD, None),)
    assert withdrawal.settled(Money(5, USD)) == (Line(payout_clearing(USD), bank_cash(USD), 5),)
    assert withdrawal.returned(ADA, Money(5, USD)) == (Line(payout_clearing(USD), wallet(ADA, USD), 5),)


def test_a_chargeback_takes_from_the_wallet_and_the_rest_is_owed() -> None:
    [line] = chargeback.lines(ADA, Money(5, USD))
    assert line == Line(wallet(ADA, USD), rail_clearing(USD), 5, overflow=receivable(ADA, USD))


# Refunds


@st.composite
def partitions(draw: st.DrawFn) -> tuple[Paid, list[int]]:
    """A tip of any amount at any fee, and parts that make up the whole of it."""
    amount = draw(st.integers(1, MAX_MINOR_UNITS) | st.integers(1, 200))
    fee = draw(st.integers(0, amount - 1))
    cuts = draw(st.sets(st.integers(1, amount - 1), max_size=12)) if amount > 1 else set()
    edges = [0, *sorted(cuts), amount]
    parts = [after - before for before, after in pairwise(edges)]
    return Paid(ADA, BOB, amount, fee, USD), draw(st.permutations(parts))


@given(partitions())
def test_any_partition_of_refunds_gives_back_all_of_the_amount_and_of_the_fee(case: tuple[Paid, list[int]]) -> None:
    paid, parts = case
    given_back: dict[object, int] = {}
    refunded = 0
    for part in parts:
        lines = refund.lines(paid, refunded, part)
        assert sum(line.amount for line in lines) == part
        assert all(line.amount > 0 and line.credit == wallet(ADA, USD) for line in lines)
        for line in lines:
            given_back[line.debit] = given_back.get(line.debit, 0) + line.amount
        refunded += part
        share = given_back.get(fee_income(USD), 0)
        # At no time is more of the fee gone, in proportion, than of the amount, nor less by a whole unit.
        assert share * paid.amount <= paid.fee * refunded < (share + 1) * paid.amount
    assert given_back.get(wallet(BOB, USD), 0) == paid.amount - paid.fee
    assert given_back.get(fee_income(USD), 0) == paid.fee


@pytest.mark.parametrize(("refunded", "amount"), [(0, 0), (0, -1), (0, 101), (60, 41), (100, 1)])
def test_no_more_is_refunded_than_was_paid_and_no_less_than_something(refunded: int, amount: int) -> None:
    with pytest.raises(AssertionError):
        refund.lines(Paid(ADA, BOB, 100, 7, USD), refunded, amount)
