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
        digits, power = _whole(amount, exponent)
        if power < 0:
            places = "no decimal places" if exponent == 0 else f"at most {exponent} decimal places"
            raise InvalidAmountError(f"An amount in {currency} has {places}.")
        minor_units = digits * 10**power
        if abs(minor_units) > MAX_MINOR_UNITS:
            raise InvalidAmountError("The amount is too large.")
        return cls(minor_units, currency)

    @property
    def amount(self) -> Decimal:
        """The amount in whole units of the currency, with all its decimal places."""
        return Decimal(self.minor_units).scaleb(-EXPONENTS[self.currency])


def _whole(amount: Decimal, exponent: int) -> tuple[int, int]:
    """The significant digits of the amount in minor units, and the power of ten they stand at."""
    sign, digits, power = amount.as_tuple()
    assert isinstance(power, int), "finite decimals have an integer exponent"
    text = "".join(map(str, digits)).rstrip("0")
    number = int(text or "0")
    return (-number if sign else number), (power + exponent + len(digits) - len(text) if number else 0)
