"""Money as clients see it: exact, in decimal and in minor units, and formatted for people."""

from decimal import Decimal
from functools import lru_cache
from typing import Annotated

import strawberry
from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

from execution.fields import computed
from models import money as models
from models.money import Currency
from resolvers.errors import BadInputError
from resolvers.inputs import MoneyAsked
from schema.scalars import BigInt


@lru_cache(maxsize=256)
def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name, sep="-")
    except (ValueError, TypeError, UnknownLocaleError):
        raise BadInputError(f"{name[:40]!r} is not a locale such as en-US.") from None


def _formatted(
    money: models.Money,
    *,
    locale: Annotated[str, "Whose customs to follow, as a BCP 47 tag: en-US, de-DE, ja-JP."] = "en-US",
) -> str:
    return format_currency(money.amount, money.currency, locale=_locale(locale))


@strawberry.type(description="An exact amount of money.")
class Money:
    """An exact amount of money."""

    amount: Decimal = strawberry.field(description="The amount in whole units, with all its decimal places.")
    currency: Currency = strawberry.field(description="The currency.")
    minor_units: BigInt = strawberry.field(description="The amount in the currency's smallest unit, such as cents.")
    formatted: str = computed(_formatted, "The amount for people to read, such as $12.34.")


@strawberry.input(description="An amount of money to be moved: more than zero, and exact in its currency.")
class MoneyInput:
    """An amount of money to be moved."""

    amount: Decimal = strawberry.field(description='The amount in whole units: "12.34".')
    currency: Currency = strawberry.field(default=Currency.USD, description="The currency.")

    def asked(self) -> MoneyAsked:
        """The amount as the client wrote it."""
        return MoneyAsked(self.amount, self.currency)
