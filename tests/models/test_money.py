"""Money is exact: what can be said in minor units is money, and all else is refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import EXPONENTS, MAX_MINOR_UNITS, Currency, InvalidAmountError, Money

currencies = st.sampled_from(Currency)
minor_units = st.integers(-MAX_MINOR_UNITS, MAX_MINOR_UNITS)


@given(minor_units, currencies)
def test_the_amount_of_money_is_parsed_as_that_money(units: int, currency: Currency) -> None:
    money = Money(units, currency)
    assert Money.parse(money.amount, currency) == money
    assert Money.parse(Decimal(str(money.amount)), currency) == money


@given(minor_units, currencies, st.integers(0, 5_000))
def test_zeros_at_the_end_change_nothing(units: int, currency: Currency, zeros: int) -> None:
    sign, digits, exponent = Money(units, currency).amount.as_tuple()
    assert isinstance(exponent, int)
    assert Money.parse(Decimal((sign, digits + (0,) * zeros, exponent - zeros)), currency) == Money(units, currency)


@given(st.decimals(), currencies)
def test_any_decimal_is_that_very_money_or_refused(amount: Decimal, currency: Currency) -> None:
    try:
        money = Money.parse(amount, currency)
    except InvalidAmountError:
        return
    assert money.amount == amount
    assert abs(money.minor_units) <= MAX_MINOR_UNITS


@given(minor_units.filter(bool), currencies, st.integers(1, 5_000))
def test_refuses_what_is_finer_than_the_currency(units: int, currency: Currency, digits: int) -> None:
    sign, whole, exponent = Money(units, currency).amount.as_tuple()
    assert isinstance(exponent, int)
    with pytest.raises(InvalidAmountError, match="decimal places"):
        Money.parse(Decimal((sign, whole + (1,) * digits, exponent - digits)), currency)


@given(st.integers(MAX_MINOR_UNITS + 1), currencies, st.sampled_from([1, -1]))
def test_refuses_what_64_bits_do_not_hold(units: int, currency: Currency, sign: int) -> None:
    amount = Decimal((int(sign < 0), tuple(map(int, str(units))), -EXPONENTS[currency]))
    with pytest.raises(InvalidAmountError, match="too large"):
        Money.parse(amount, currency)


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_refuses_what_is_no_number(text: str) -> None:
    with pytest.raises(InvalidAmountError, match="must be a number"):
        Money.parse(Decimal(text), Currency.USD)


@pytest.mark.parametrize(
    ("text", "currency", "message"),
    [
        ("0.001", Currency.USD, "An amount in USD has at most 2 decimal places."),
        ("1.5", Currency.JPY, "An amount in JPY has no decimal places."),
        ("1E-400", Currency.EUR, "An amount in EUR has at most 2 decimal places."),
        ("1E-999999999", Currency.EUR, "An amount in EUR has at most 2 decimal places."),
        ("1." + "1" * 5_000, Currency.USD, "An amount in USD has at most 2 decimal places."),
        ("92233720368547758.08", Currency.USD, "The amount is too large."),
        ("-92233720368547758.08", Currency.USD, "The amount is too large."),
        ("9223372036854775808", Currency.JPY, "The amount is too large."),
        ("9" * 5_000, Currency.JPY, "The amount is too large."),
        ("1E+999999999", Currency.USD, "The amount is too large."),
        ("-1E+999999999", Currency.USD, "The amount is too large."),
    ],
)
def test_says_why_an_amount_is_refused(text: str, currency: Currency, message: str) -> None:
    with pytest.raises(InvalidAmountError) as refusal:
        Money.parse(Decimal(text), currency)
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("text", "currency", "units"),
    [
        ("0", Currency.USD, 0),
        ("-0", Currency.USD, 0),
        ("-0.00", Currency.USD, 0),
        ("0E-999999999", Currency.USD, 0),
        ("1", Currency.USD, 100),
        ("1E+3", Currency.USD, 100_000),
        ("12.34", Currency.USD, 1_234),
        ("12.3400", Currency.USD, 1_234),
        ("-0.01", Currency.EUR, -1),
        ("500", Currency.JPY, 500),
        ("500.0", Currency.JPY, 500),
        ("92233720368547758.07", Currency.USD, MAX_MINOR_UNITS),
    ],
)
def test_knows_amounts_however_they_are_written(text: str, currency: Currency, units: int) -> None:
    assert Money.parse(Decimal(text), currency) == Money(units, currency)


def test_shows_all_decimal_places_of_the_currency() -> None:
    assert str(Money(250, Currency.USD).amount) == "2.50"
    assert str(Money(250, Currency.JPY).amount) == "250"
    assert str(Money(-5, Currency.EUR).amount) == "-0.05"
    assert str(Money(MAX_MINOR_UNITS, Currency.GBP).amount) == "92233720368547758.07"


def test_every_currency_has_an_exponent() -> None:
    assert set(EXPONENTS) == set(Currency)
