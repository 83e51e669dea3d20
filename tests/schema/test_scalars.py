"""Scalars: what comes in exactly, or not at all, and how it goes out."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLScalarType, parse_value
from hypothesis import given
from hypothesis import strategies as st

from models.money import Currency, Money
from schema import core_schema
from schema.money import _formatted


def scalar(name: str) -> GraphQLScalarType:
    found = core_schema.type_map[name]
    assert isinstance(found, GraphQLScalarType)
    return found


DECIMAL, BIG_INT, DATE_TIME, URL, JSON = map(scalar, ("Decimal", "BigInt", "DateTime", "URL", "JSONObject"))
FAULTS = (ValueError, GraphQLError)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("12.34", "12.34"), ("0", "0"), ("-1", "-1"), ("1e2", "100"), (5, "5"), (-(10**40), str(-(10**40))), ("1.", "1")],
)
def test_a_decimal_is_taken_exactly(written: Any, meant: str) -> None:
    assert DECIMAL.parse_value(written) == Decimal(meant)


@pytest.mark.parametrize(
    "written",
    ["", " ", "abc", "1,5", "1_000", "0x10", "NaN", "sNaN", "Infinity", "-Infinity", "\u0661", "\uff11", "9" * 65,
     "1\x00", "\ud800", 1.5, 1e400, float("nan"), True, False, None, [], ["1"], {}, 10**70],
)  # fmt: skip
def test_what_is_no_exact_number_is_no_decimal(written: Any) -> None:
    with pytest.raises(FAULTS):
        DECIMAL.parse_value(written)


@pytest.mark.parametrize("literal", ["1.5", "true", "A", "[1]", "{a: 1}", "1e5", "null"])
def test_a_decimal_in_a_document_is_a_text_or_a_whole_number(literal: str) -> None:
    with pytest.raises(FAULTS):
        DECIMAL.parse_literal(parse_value(literal))
    assert DECIMAL.parse_literal(parse_value('"1.5"')) == Decimal("1.5")
    assert DECIMAL.parse_literal(parse_value("15")) == Decimal(15)


@pytest.mark.parametrize(
    ("value", "written"),
    [("12.30", "12.30"), ("0.00", "0.00"), ("-0.01", "-0.01"), ("1E+3", "1000"), ("1E-7", "0.0000001")],
)
def test_a_decimal_goes_out_as_text_without_an_exponent(value: str, written: str) -> None:
    assert DECIMAL.serialize(Decimal(value)) == written


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_big_int_is_any_integer_of_64_bits_and_goes_out_as_text(number: int) -> None:
    assert BIG_INT.serialize(number) == str(number)
    assert BIG_INT.parse_value(str(number)) == number == BIG_INT.parse_value(number)


@pytest.mark.parametrize(
    "written", ["", "-", "--1", "1.0", "1e3", "9223372036854775808", "-9223372036854775809", "9" * 5000, "\u0661", "²",
                -(1 << 64), 2.0, True, None, [], {}],
)  # fmt: skip
def test_what_is_no_integer_of_64_bits_is_no_big_int(written: Any) -> None:
    with pytest.raises(FAULTS):
        BIG_INT.parse_value(written)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-23T08:30:00Z", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23T08:30:00.123456+02:00", datetime(2026, 11, 23, 6, 30, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T08:30:00", datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
    ],
)
def test_a_moment_is_taken_in_utc(written: str, meant: datetime) -> None:
    assert DATE_TIME.parse_value(written) == meant
    assert DATE_TIME.parse_value(written).tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    ["", "now", "2026-13-01", "2026-02-30T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
     "10000-01-01T00:00:00Z", "2026-11-23T08:30:00Z\x00", "\ud800", 0, 1.5, True, None, [], {}],
)  # fmt: skip
def test_what_is_no_moment_is_refused(written: Any) -> None:
    with pytest.raises(FAULTS):
        DATE_TIME.parse_value(written)


def test_a_moment_goes_out_in_utc_with_a_z() -> None:
    there = timezone(timedelta(hours=2))
    assert DATE_TIME.serialize(datetime(2026, 11, 23, 8, 30, tzinfo=there)) == "2026-11-23T06:30:00Z"
    assert DATE_TIME.serialize(datetime(2026, 11, 23, 8, 30, 0, 5, tzinfo=UTC)) == "2026-11-23T08:30:00.000005Z"


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_that_goes_out_comes_back_the_same(moment: datetime) -> None:
    assert DATE_TIME.parse_value(DATE_TIME.serialize(moment)) == moment


def test_nobody_gives_a_url() -> None:
    with pytest.raises(FAULTS):
        URL.parse_value("https://example.com")
    assert URL.serialize("https://example.com") == "https://example.com"


def test_a_json_object_is_taken_and_given_as_it_is() -> None:
    value = {"id": "a", "list": [1, 1.5, None, {"deep": True}]}
    assert JSON.parse_value(value) == value
    assert JSON.parse_literal(parse_value('{id: "a", list: [1, 1.5, null, {deep: true}]}')) == value
    assert JSON.serialize(value) == value


@pytest.mark.parametrize("other", ["", "{}", 1, 1.5, True, None, [], [{}]])
def test_what_is_no_object_is_no_json_object(other: Any) -> None:
    with pytest.raises(FAULTS):
        JSON.parse_value(other)


@pytest.mark.parametrize(
    ("minor_units", "currency", "locale", "shown"),
    [
        (1234, Currency.USD, "en-US", "$12.34"),
        (123456789, Currency.EUR, "de-DE", "1.234.567,89\xa0€"),
        (1500, Currency.JPY, "ja-JP", "￥1,500"),
        (-5, Currency.GBP, "en-GB", "-£0.05"),
        (0, Currency.CNY, "en", "CN¥0.00"),
        ((1 << 63) - 1, Currency.USD, "en-US", "$92,233,720,368,547,758.07"),
    ],
)
def test_money_is_shown_as_people_write_it(minor_units: int, currency: Currency, locale: str, shown: str) -> None:
    assert _formatted(Money(minor_units, currency), locale=locale) == shown
