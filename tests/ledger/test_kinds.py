"""The postings of each kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.kinds import payment, tip, top_up
from ledger.kinds.wallets import fee_income, rail_clearing, wallet
from ledger.orders import Line
from models.ids import HOUSE, new_id
from models.ledger import AccountCode
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
