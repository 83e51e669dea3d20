"""Numbers as people type them: what is taken, what is refused, and that no refusal repeats one."""

from datetime import UTC, datetime

import pytest

from rails import AccountNumber, CardNumber, numbers
from rails.numbers import WrongNumberError

NOW = datetime(2026, 11, 23, tzinfo=UTC)
VISA, ROUTING, IBAN = "4242424242424242", "110000000", "DE89370400440532013000"


def refused_field(error: pytest.ExceptionInfo[WrongNumberError], *typed: str) -> str:
    """Which field was refused, by a message that has nothing in it of what was typed."""
    message = str(error.value)
    assert not [text for text in typed if text.strip() and text in message]
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return error.value.field


@pytest.mark.parametrize(
    ("typed", "brand"),
    [
        (VISA, "Visa"),
        ("4242 4242 4242 4242", "Visa"),
        ("4000-0566-5566-5556", "Visa"),
        ("5555555555554444", "Mastercard"),
        ("378282246310005", "American Express"),
        ("6011111111111117", "Discover"),
        ("3056930009020004", "Diners Club"),
        ("3566002020360505", "JCB"),
        ("6200000000000005", "UnionPay"),
    ],
)
def test_a_card_has_its_digits_alone_and_a_brand(typed: str, brand: str) -> None:
    card = numbers.card(typed, "08/30", NOW)
    assert card.brand == brand
    assert card.secret == CardNumber(typed.replace(" ", "").replace("-", ""), "08/2030")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        " ",
        "4242424242424241",
        "4242 4242 4242",
        "42424242424242426",
        "0",
        "18",
        "4242424242424242x",
        "\uff14\uff12" * 8,
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "4242\x004242",
        "\ud800",
        "4" * 100_000,
    ],
)
def test_what_is_no_card_is_refused(typed: str) -> None:
    with pytest.raises(WrongNumberError) as caught:
        numbers.card(typed, "08/30", NOW)
    assert refused_field(caught, typed) == "number"


@pytest.mark.parametrize("typed", ["11/26", "11/2026", " 11 / 26 ", "12/2099"])
def test_a_card_is_good_to_the_end_of_its_month(typed: str) -> None:
    assert numbers.card(VISA, typed, NOW).secret.expires in {"11/2026", "12/2099"}


@pytest.mark.parametrize(
    "typed",
    ["10/26", "11/2025", "12/25", "", "13/30", "00/30", "8/30", "0830", "08/1930", "2030-08", "٠٨/٣٠", "08/30x"],
)
def test_an_expired_card_or_what_is_no_month_is_refused(typed: str) -> None:
    with pytest.raises(WrongNumberError) as caught:
        numbers.card(VISA, typed, NOW)
    assert refused_field(caught, VISA) == "expires"


@pytest.mark.parametrize("typed", ["", "12", "12345", "12a", "\uff11\uff12\uff13", " 123", "123\n"])
def test_the_form_of_a_security_code_is_checked(typed: str) -> None:
    numbers.check_cvv("123")
    numbers.check_cvv("1234")
    with pytest.raises(WrongNumberError) as caught:
        numbers.check_cvv(typed)
    assert refused_field(caught) == "cvv"


@pytest.mark.parametrize(
    ("routing", "number", "account"),
    [
        (ROUTING, "000123456789", AccountNumber(ROUTING, "000123456789")),
        (" 110000000 ", "0001-2345 6789", AccountNumber(ROUTING, "000123456789")),
        ("", IBAN, AccountNumber("", IBAN)),
        (" ", "de89 3704 0044 0532 0130 00", AccountNumber("", IBAN)),
        ("", "NL91 ABNA 0417 1643 00", AccountNumber("", "NL91ABNA0417164300")),
    ],
)
def test_a_bank_account_has_its_number_as_banks_write_it(routing: str, number: str, account: AccountNumber) -> None:
    assert numbers.account(routing, number) == account


@pytest.mark.parametrize(
    ("routing", "number", "field"),
    [
        ("110000001", "000123456789", "routingNumber"),
        ("11000000", "000123456789", "routingNumber"),
        ("000000000", "000123456789", "routingNumber"),
        ("1100000OO", "000123456789", "routingNumber"),
        ("1" * 100_000, "000123456789", "routingNumber"),
        ("\ud800", "000123456789", "routingNumber"),
        (ROUTING, "", "accountNumber"),
        (ROUTING, "123", "accountNumber"),
        (ROUTING, "123456789012345678", "accountNumber"),
        (ROUTING, "12345x", "accountNumber"),
        (ROUTING, IBAN, "accountNumber"),
        ("", "", "accountNumber"),
        ("", "000123456789", "accountNumber"),
        ("", "DE88370400440532013000", "accountNumber"),
        ("", "XX89370400440532013000", "accountNumber"),
        ("", "DE8937040044053201300", "accountNumber"),
        ("", "\ud800", "accountNumber"),
        ("", "D" * 100_000, "accountNumber"),
    ],
)
def test_what_is_no_bank_account_is_refused(routing: str, number: str, field: str) -> None:
    with pytest.raises(WrongNumberError) as caught:
        numbers.account(routing, number)
    assert refused_field(caught, routing, number) == field


def test_a_number_does_not_show_in_its_text() -> None:
    assert VISA not in repr(numbers.card(VISA, "08/30", NOW))
    assert IBAN not in repr(numbers.account("", IBAN))
