"""Money: whole minor units of a currency, never a float.

Exponents are those of ISO 4217: how many decimal places one unit of the currency has.
"""

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

MAX_MINOR_UNITS = (1 << 63) - 1


class Currency(StrEnum):
    """The currencies that a wallet can hold."""

    USD = "USD"
    EUR = "EUR"
    GBP = "GBP"
    JPY = "JPY"
    CNY = "CNY"


EXPONENTS = {Currency.USD: 2, Currency.EUR: 2, Currency.GBP: 2, Currency.JPY: 0, Currency.CNY: 2}
_POWERS = {currency: -exponent for currency, exponent in EXPONENTS.items()}


class InvalidAmountError(ValueError):
    """An amount that cannot be money of its currency; the message says why, for people."""


class Money(NamedTuple):
    """An exact amount: `minor_units` of `currency` (cents of a dollar, whole yen)."""

    minor_units: int
    currency: Currency

    @classmethod
    def parse(cls, amount: Decimal, currency: Currency) -> "Money":
        """Money of a decimal amount, or InvalidAmountError if it is not exact or not 64 bits."""
        exponent = EXPONENTS[currency]
        if not amount.is_finite():
            raise InvalidAmountError("An amount must be a number.")
        if amount.adjusted() > 20:  # before scaling: 1E+999999999 must not become an integer
            raise InvalidAmountError("The amount is too large.")
        digits, power = _significant(amount)
        if power + exponent < 0:  # before making an integer, which Python refuses for thousands of digits
            places = "no decimal places" if exponent == 0 else f"at most {exponent} decimal places"
            raise InvalidAmountError(f"An amount in {currency} has {places}.")
        minor_units = int(digits) * 10 ** (power + exponent)
        if abs(minor_units) > MAX_MINOR_UNITS:
            raise InvalidAmountError("The amount is too large.")
        return cls(minor_units, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units of the currency, with all its decimal places."""
        return Decimal(self.minor_units).scaleb(_POWERS[self.currency])


def _significant(amount: Decimal) -> tuple[str, int]:
    """The amount's signed digits without zeros at their end, and the power of ten that the last one stands at."""
    sign, digits, power = amount.as_tuple()
    assert isinstance(power, int), "finite decimals have an integer exponent"
    text = "".join(map(str, digits)).rstrip("0")
    if not text:
        return "0", 0
    return f"-{text}" if sign else text, power + len(digits) - len(text)
