"""Checks of what clients send: each returns the value to keep, or raises InvalidError with a message for people."""

import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from models.money import Currency, InvalidAmountError, Money
from resolvers.errors import InputError, Path, Refused, UserError

MAX_HANDLE = 30
HANDLE = re.compile(rf"[a-z0-9_]{{1,{MAX_HANDLE}}}")
MAX_POST = 2_000
MAX_NOTE = 280
MAX_NAME = 100
MAX_KEY = 255
MIN_PASSWORD, MAX_PASSWORD = 8, 256

Value = TypeVar("Value")


class InvalidError(ValueError):
    """A value that cannot be accepted; the message says why."""


class MoneyAsked(NamedTuple):
    """An amount as the client wrote it."""

    amount: Decimal
    currency: Currency


class Checks:
    """Gathers what is wrong with an input, so that a client learns all of it at once."""

    def __init__(self) -> None:
        self.errors: list[UserError] = []

    def check(self, path: Path, check: Callable[..., Value], *values: Any) -> Value | Any:
        """The checked value; if it fails, the reason is kept for `done`."""
        try:
            return check(*values)
        except InvalidError as error:
            self.errors.append(InputError(str(error), path))
            return None

    def done(self) -> None:
        """Raises Refused if any check failed."""
        if self.errors:
            raise Refused(*self.errors)


def text(value: str, *, longest: int, what: str) -> str:
    """A text for people to read: not empty, not too long, no control characters but line ends and tabs."""
    cleaned = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if not cleaned:
        raise InvalidError(f"{what} must not be empty.")
    if len(cleaned) > longest:
        raise InvalidError(f"{what} has at most {longest} characters; this has {len(cleaned)}.")
    for character in cleaned:
        category = unicodedata.category(character)
        if category == "Cs" or (category == "Cc" and character not in "\n\t"):
            raise InvalidError(f"{what} holds a character that is not text (U+{ord(character):04X}).")
    return cleaned


def post_text(value: str) -> str:
    """What a post says."""
    return text(value, longest=MAX_POST, what="A post")


def note(value: str | None) -> str | None:
    """The note on a transfer, if there is one."""
    return None if value is None or not value.strip() else text(value, longest=MAX_NOTE, what="A note")


def name(value: str) -> str:
    """A person's or a token's name: one line."""
    return text(value, longest=MAX_NAME, what="A name").replace("\n", " ")


def handle(value: str) -> str:
    """A handle, in lower case."""
    lowered = value.strip().removeprefix("@").lower()
    if not HANDLE.fullmatch(lowered):
        raise InvalidError("A handle has 1 to 30 characters: letters from a to z, digits and underscores.")
    return lowered


def known_handle(value: str) -> str | None:
    """The handle to look up, or None for what nobody can be called."""
    try:
        return handle(value)
    except InvalidError:
        return None


def password(value: str) -> str:
    """A new password."""
    if not MIN_PASSWORD <= len(value) <= MAX_PASSWORD:
        raise InvalidError(f"A password has {MIN_PASSWORD} to {MAX_PASSWORD} characters.")
    if any(unicodedata.category(character) == "Cs" for character in value):
        raise InvalidError("A password is made of characters; this holds half of one.")
    return value


def idempotency_key(value: str) -> str:
    """The key under which a request for money is remembered."""
    if not 1 <= len(value) <= MAX_KEY:
        raise InvalidError(f"An idempotency key has 1 to {MAX_KEY} characters.")
    if not value.isprintable():
        raise InvalidError("An idempotency key has only printable characters.")
    return value


def money(asked: MoneyAsked) -> Money:
    """An amount to be moved: exact, and more than nothing."""
    try:
        parsed = Money.parse(asked.amount, asked.currency)
    except InvalidAmountError as error:
        raise InvalidError(str(error)) from error
    if parsed.minor_units <= 0:
        raise InvalidError("The amount must be more than zero.")
    return parsed
