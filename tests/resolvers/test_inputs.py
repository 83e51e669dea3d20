"""Checks of what clients send."""

import unicodedata
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import EXPONENTS, MAX_MINOR_UNITS, Currency, Money
from resolvers import inputs
from resolvers.errors import InputError, Refused
from resolvers.inputs import Checks, InvalidError, MoneyAsked

any_text = st.text(st.characters(codec=None), max_size=50)


@given(any_text)
def test_a_text_that_is_taken_is_one_that_can_be_kept_and_shown(written: str) -> None:
    try:
        kept = inputs.text(written, longest=20, what="A text")
    except InvalidError:
        return
    assert 1 <= len(kept) <= 20
    assert kept == kept.strip() == unicodedata.normalize("NFC", kept)
    kept.encode()  # no half characters
    assert "\x00" not in kept
    assert inputs.text(kept, longest=20, what="A text") == kept


@given(any_text)
def test_a_texts_length_is_that_of_what_is_kept(written: str) -> None:
    kept = unicodedata.normalize("NFC", written).replace("\r\n", "\n").strip()
    if len(kept) > 20:
        with pytest.raises(InvalidError):
            inputs.text(written, longest=20, what="A text")


@pytest.mark.parametrize("character", [chr(code) for code in [*range(9), 11, 12, *range(14, 32), *range(127, 160)]])
def test_control_characters_are_not_text(character: str) -> None:
    with pytest.raises(InvalidError, match=f"U\\+{ord(character):04X}"):
        inputs.post_text(f"a{character}b")


@pytest.mark.parametrize(("written", "kept"), [(None, None), ("", None), (" \n", None), (" thanks ", "thanks")])
def test_an_empty_note_is_no_note(written: str | None, kept: str | None) -> None:
    assert inputs.note(written) == kept


@pytest.mark.parametrize("written", ["x" * (inputs.MAX_NOTE + 1), "\x00", "a\x00", "\ud800"])
def test_a_note_is_a_text(written: str) -> None:
    with pytest.raises(InvalidError):
        inputs.note(written)


def test_a_name_is_one_line() -> None:
    assert inputs.name("Ada\nLovelace") == "Ada Lovelace"
    for wrong in ("", " ", "x" * (inputs.MAX_NAME + 1), "\x00"):
        with pytest.raises(InvalidError):
            inputs.name(wrong)


@pytest.mark.parametrize("written", ["ada", "@ada", "ADA", " ada ", "a", "x" * 30, "a_1", "_"])
def test_a_handle_is_taken_in_lower_case(written: str) -> None:
    assert inputs.handle(written) == inputs.known_handle(written) == written.strip().removeprefix("@").lower()


@pytest.mark.parametrize(
    "written",
    ["", "@", "x" * 31, "a b", "a-b", "ä", "ﬁ", "İ", "a\nb", "a\x00", "\ud800", "@@a", "a.b", "\u0661"],
)
def test_what_nobody_can_be_called_is_no_handle(written: str) -> None:
    with pytest.raises(InvalidError):
        inputs.handle(written)
    assert inputs.known_handle(written) is None


@pytest.mark.parametrize("written", ["", "1234567", "x" * 257, "\ud800" * 8])
def test_a_password_is_long_enough_and_made_of_characters(written: str) -> None:
    with pytest.raises(InvalidError):
        inputs.password(written)


@pytest.mark.parametrize("written", ["12345678", " spaces  ", "x" * 256, "日本語日本語日本", "\x00" * 8])
def test_a_password_is_kept_as_it_is_written(written: str) -> None:
    assert inputs.password(written) == written


@pytest.mark.parametrize("written", ["a", "x" * 255, "a b", "日本", "{}"])
def test_a_key_is_kept_as_it_is_written(written: str) -> None:
    assert inputs.idempotency_key(written) == written


@pytest.mark.parametrize("written", ["", "x" * 256, "\x00", "a\nb", "\ud800", "\u200b", "\u2028"])
def test_a_key_is_printable_and_not_too_long(written: str) -> None:
    with pytest.raises(InvalidError):
        inputs.idempotency_key(written)


@pytest.mark.parametrize(
    ("amount", "currency", "minor_units"),
    [
        ("1", Currency.USD, 100),
        ("0.01", Currency.USD, 1),
        ("1.10", Currency.EUR, 110),
        ("1.1000000", Currency.GBP, 110),
        ("1e2", Currency.USD, 10_000),
        ("1", Currency.JPY, 1),
        ("1.0", Currency.JPY, 1),
        ("92233720368547758.07", Currency.USD, MAX_MINOR_UNITS),
    ],
)
def test_an_amount_is_exact(amount: str, currency: Currency, minor_units: int) -> None:
    assert inputs.money(MoneyAsked(Decimal(amount), currency)) == Money(minor_units, currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0", Currency.USD),
        ("-0", Currency.USD),
        ("0.00", Currency.USD),
        ("-1", Currency.USD),
        ("-0.01", Currency.USD),
        ("0.001", Currency.USD),
        ("1.005", Currency.CNY),
        ("0.5", Currency.JPY),
        ("92233720368547758.08", Currency.USD),
        ("9223372036854775808", Currency.JPY),
        ("1e30", Currency.USD),
        ("1e-30", Currency.USD),
        ("1e999999", Currency.USD),
        ("1e-999999", Currency.USD),
        ("NaN", Currency.USD),
        ("sNaN", Currency.USD),
        ("Infinity", Currency.USD),
        ("-Infinity", Currency.USD),
    ],
)
def test_what_cannot_be_moved_is_no_amount(amount: str, currency: Currency) -> None:
    with pytest.raises(InvalidError):
        inputs.money(MoneyAsked(Decimal(amount), currency))


@given(st.decimals(allow_nan=True, allow_infinity=True), st.sampled_from(Currency))
def test_any_decimal_is_an_exact_amount_or_refused(amount: Decimal, currency: Currency) -> None:
    try:
        money = inputs.money(MoneyAsked(amount, currency))
    except InvalidError:
        return
    assert 0 < money.minor_units <= MAX_MINOR_UNITS
    assert Decimal(money.minor_units).scaleb(-EXPONENTS[currency]) == amount


def test_a_client_learns_at_once_all_that_is_wrong() -> None:
    checks = Checks()
    taken: Callable[[str], str] = inputs.post_text
    assert checks.check(("text",), taken, "fine") == "fine"
    checks.check(("handle",), inputs.handle, "not a handle")
    checks.check(("password",), inputs.password, "short")
    with pytest.raises(Refused) as refused:
        checks.done()
    assert [(type(error), error.path) for error in refused.value.errors] == [
        (InputError, ("handle",)),
        (InputError, ("password",)),
    ]
    Checks().done()  # and nothing when nothing is
