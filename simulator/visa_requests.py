"""The field table of Visa Direct's requests, strictly: what is not in it is refused, and so is what is missing."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ACQUIRING_BIN = 408999
EXPONENTS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "CNY": 2}
MAX_FRACTION = 3

T = TypeVar("T", bound="Transfer")


def _real_moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


def _known_currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError("no such currency")
    return code


def _own_bin(number: int) -> int:
    if number != ACQUIRING_BIN:
        raise ValueError("not the BIN of this program")
    return number


def _number(value: object) -> object:
    """JSON numbers only. Whole ones are decimals, too."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("no number")
    return Decimal(value)


def _few_places(amount: Decimal) -> Decimal:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -MAX_FRACTION:
        raise ValueError("too many fractional digits")
    return amount


Stan = Annotated[int, Field(ge=1, le=999_999)]
Rrn = Annotated[str, Field(pattern=r"^\d(00[1-9]|0[1-9]\d|[12]\d\d|3[0-5]\d|36[0-6])([01]\d|2[0-3])\d{6}$")]
LocalDateTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$"), AfterValidator(_real_moment)]
Bin = Annotated[int, AfterValidator(_own_bin)]
CountryNumber = Annotated[int, Field(ge=1, le=999)]
Country = Annotated[str, Field(pattern=r"^([A-Z]{3}|\d{3})$")]
CurrencyCode = Annotated[str, AfterValidator(_known_currency)]
CardNumber = Annotated[str, Field(pattern=r"^\d{13,19}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Address(_Strict):
    """Where the card acceptor is."""

    country: Country


class CardAcceptor(_Strict):
    """Who takes the card."""

    name: str = Field(min_length=1, max_length=25)
    idCode: str = Field(min_length=1, max_length=15)  # noqa: N815  # as Visa has it, here and below
    terminalId: str = Field(min_length=1, max_length=8)  # noqa: N815
    address: Address


class Transfer(_Strict):
    """What all three requests have."""

    systemsTraceAuditNumber: Stan  # noqa: N815
    retrievalReferenceNumber: Rrn  # noqa: N815
    localTransactionDateTime: LocalDateTime  # noqa: N815
    acquiringBin: Bin  # noqa: N815
    acquirerCountryCode: CountryNumber  # noqa: N815
    amount: Annotated[Decimal, BeforeValidator(_number), AfterValidator(_few_places), Field(gt=0, le=999_999_999)]
    businessApplicationId: str = Field(pattern="^[A-Z]{2}$")  # noqa: N815
    cardAcceptor: CardAcceptor  # noqa: N815

    @property
    def currency(self) -> str:
        raise NotImplementedError

    @property
    def card(self) -> str | None:
        """The card that is debited or credited."""
        return None

    @property
    def reference(self) -> str:
        """By what Visa knows the request again."""
        return reference(self.systemsTraceAuditNumber, self.retrievalReferenceNumber)

    @property
    def minor_units(self) -> int:
        """Raises InvalidRequestError: the currency has no such amount."""
        units = self.amount.scaleb(EXPONENTS[self.currency])
        if units != units.to_integral_value():
            raise InvalidRequestError("amount")
        return int(units)


class Pull(Transfer):
    """pullfundstransactions: an account funding transaction."""

    senderPrimaryAccountNumber: CardNumber  # noqa: N815
    senderCardExpiryDate: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")  # noqa: N815
    senderCurrencyCode: CurrencyCode  # noqa: N815

    @property
    def currency(self) -> str:
        return self.senderCurrencyCode

    @property
    def card(self) -> str:
        return self.senderPrimaryAccountNumber


class Push(Transfer):
    """pushfundstransactions: an original credit transaction."""

    recipientPrimaryAccountNumber: CardNumber  # noqa: N815
    transactionCurrencyCode: CurrencyCode  # noqa: N815
    senderName: str = Field(min_length=1, max_length=30)  # noqa: N815
    senderAddress: str = Field(min_length=1, max_length=35)  # noqa: N815
    senderCity: str = Field(min_length=1, max_length=25)  # noqa: N815
    senderCountryCode: Country  # noqa: N815
    sourceOfFundsCode: str = Field(pattern=r"^0[1-6]$")  # noqa: N815

    @property
    def currency(self) -> str:
        return self.transactionCurrencyCode

    @property
    def card(self) -> str:
        return self.recipientPrimaryAccountNumber


class OriginalDataElements(_Strict):
    """The pull that a reversal is about, as its answer named it."""

    systemsTraceAuditNumber: Stan  # noqa: N815
    approvalCode: str = Field(pattern=r"^[0-9A-Z]{6}$")  # noqa: N815
    acquiringBin: Bin  # noqa: N815
    transmissionDateTime: LocalDateTime  # noqa: N815


class Reverse(Transfer):
    """reversefundstransactions: the reversal of an account funding transaction."""

    senderCurrencyCode: CurrencyCode  # noqa: N815
    transactionIdentifier: int = Field(ge=10**14, lt=10**15)  # noqa: N815
    merchantCategoryCode: int = Field(ge=1, le=9999)  # noqa: N815
    originalDataElements: OriginalDataElements  # noqa: N815

    @property
    def currency(self) -> str:
        return self.senderCurrencyCode


class InvalidRequestError(Exception):
    """A request that is not in the field table. The message names the field, and no value."""


def parse(form: type[T], body: bytes) -> T:
    """A request as its table says. Raises InvalidRequestError."""
    try:
        request = form.model_validate(json.loads(body, parse_float=Decimal))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the body"
        raise InvalidRequestError(f"{where}: {first['msg']}") from None
    except ValueError:
        raise InvalidRequestError("the body is not JSON") from None
    _ = request.minor_units
    return request


def check_headers(headers: Mapping[str, str], longest_timeout_ms: int) -> None:
    """Raises InvalidRequestError: a header that every request has is missing or wrong."""
    if "application/json" not in headers.get("accept", ""):
        raise InvalidRequestError("Accept")
    if not headers.get("x-client-transaction-id"):
        raise InvalidRequestError("X-Client-Transaction-ID")
    timeout = headers.get("x-transaction-timeout-ms", str(longest_timeout_ms))
    if not timeout.isdecimal() or int(timeout) > longest_timeout_ms:
        raise InvalidRequestError("X-Transaction-Timeout-MS")


def reference(stan: int, rrn: str) -> str:
    """Both numbers of a request, as one."""
    return f"{stan:06d}:{rrn}"


def error_body(status: int, code: str, message: str) -> dict[str, Any]:
    """An error, as the platform writes it."""
    return {
        "responseStatus": {"status": status, "code": code, "severity": "ERROR", "message": message, "info": ""},
    }
