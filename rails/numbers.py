"""Numbers of cards and bank accounts: what people type, checked for its form. No message repeats what was typed."""

import re
from datetime import datetime
from typing import NamedTuple

from pydantic_core import PydanticCustomError
from pydantic_extra_types.payment import PaymentCardBrand, PaymentCardNumber
from stdnum import iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from rails.interface import AccountNumber, CardNumber

LONGEST = 64
"""More characters than any number has, with all the spaces that people put in."""
_SEPARATORS = re.compile(r"[ -]")
_EXPIRES = re.compile(r"(0[1-9]|1[0-2]) ?/ ?(?:20)?([0-9]{2})", re.ASCII)
_CVV = re.compile(r"[0-9]{3,4}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{4,17}", re.ASCII)


class WrongNumberError(ValueError):
    """What was typed cannot be right. The message is for people; `field` is CARD_NUMBER or another of these."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


CARD_NUMBER, EXPIRES, CVV, ROUTING, ACCOUNT = "number", "expires", "cvv", "routingNumber", "accountNumber"


class Card(NamedTuple):
    """A card whose number has been checked, and what may be shown of it."""

    secret: CardNumber
    brand: str


def card(number: str, expires: str, now: datetime) -> Card:
    """A card, if its number adds up and it is good for this month. Raises WrongNumberError."""
    digits = _compact(number)
    try:
        checked = PaymentCardNumber(digits)
    except PydanticCustomError:
        raise WrongNumberError(CARD_NUMBER, "This is no card's number: look for a mistyped digit.") from None
    if not PaymentCardNumber.min_length <= len(digits) <= PaymentCardNumber.max_length:
        raise WrongNumberError(CARD_NUMBER, "A card's number has 12 to 19 digits.")
    brand = "Card" if checked.brand is PaymentCardBrand.other else str(checked.brand)
    return Card(CardNumber(digits, _expiry(expires, now)), brand)


def check_cvv(value: str) -> None:
    """Checks the form of the code on a card's back, which is not kept. Raises WrongNumberError."""
    if not _CVV.fullmatch(value):
        raise WrongNumberError(CVV, "The security code has three or four digits.")


def account(routing: str, number: str) -> AccountNumber:
    """A bank account by routing and account number, or by its IBAN with no routing number. Raises WrongNumberError."""
    if not routing.strip():
        return AccountNumber("", _iban(number))
    if not rtn.is_valid(routing[:LONGEST]) or not routing.strip(" 0"):  # nothing but zeros adds up, too
        raise WrongNumberError(ROUTING, "This is no routing number: it has nine digits, which add up.")
    digits = _compact(number)
    if not _ACCOUNT.fullmatch(digits):
        raise WrongNumberError(ACCOUNT, "An account number has 4 to 17 digits.")
    return AccountNumber(rtn.compact(routing), digits)


def _compact(number: str) -> str:
    return _SEPARATORS.sub("", number[:LONGEST])


def _expiry(value: str, now: datetime) -> str:
    found = _EXPIRES.fullmatch(value.strip())
    if found is None:
        raise WrongNumberError(EXPIRES, "Say when the card expires as on the card, such as 08/2030.")
    month, year = int(found[1]), 2000 + int(found[2])
    if (year, month) < (now.year, now.month):
        raise WrongNumberError(EXPIRES, "This card has expired.")
    return f"{month:02}/{year}"


def _iban(number: str) -> str:
    try:
        return iban.validate(number[:LONGEST], check_country=False)
    except ValidationError:
        message = "This is no IBAN. For an account in the United States give its routing number as well."
        raise WrongNumberError(ACCOUNT, message) from None
