"""Scalars: exact money, 64-bit integers and moments, all as JSON strings; and what is passed on as it is."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NewType

import orjson
import strawberry
from strawberry.types.scalar import ScalarDefinition

MAX_DIGITS = 64

BigInt = NewType("BigInt", int)
URL = NewType("URL", str)
JSONObject = NewType("JSONObject", dict[str, Any])


def _parse_decimal(value: Any) -> Decimal:
    # A float has lost what was meant before it comes here, so only its text is taken.
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise ValueError('A Decimal is a string such as "12.34".')
    if len(value) > MAX_DIGITS:
        raise ValueError(f"A Decimal has at most {MAX_DIGITS} characters.")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise ValueError('A Decimal is a string such as "12.34".') from None
    if not number.is_finite() or not value.isascii() or "_" in value:
        raise ValueError('A Decimal is a string such as "12.34".')
    return number


def _parse_big_int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 20:
        number = int(value)
    else:
        raise ValueError('A BigInt is a string such as "1234".')
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError("A BigInt has 64 bits.")
    return number


def _parse_moment(value: Any) -> datetime:
    fault = 'A DateTime is a string such as "2026-11-23T08:30:00Z".'
    if not isinstance(value, str) or not value.isprintable():  # Python overlooks a NUL at the end
        raise ValueError(fault)
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(fault) from None


def _decimal(value: Decimal) -> str:
    text = str(value)
    return f"{value:f}" if "E" in text else text


def _moment(value: datetime) -> str:
    moment = value if value.tzinfo is UTC else value.astimezone(UTC)
    return orjson.dumps(moment, option=orjson.OPT_UTC_Z)[1:-1].decode()


def _parse_json_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError('A JSONObject is an object such as {"id": "1"}.')
    return value


def _json_object(value: dict[str, Any]) -> dict[str, Any]:
    return value


def _never(value: Any) -> Any:
    raise ValueError("A URL is not taken as input.")


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description='An exact decimal number, as a string: "12.34".',
        serialize=_decimal,
        parse_value=_parse_decimal,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A 64-bit integer, as a string: GraphQL's Int has only 32 bits.",
        serialize=str,
        parse_value=_parse_big_int,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description='A moment in UTC, as in ISO 8601: "2026-11-23T08:30:00Z".',
        serialize=_moment,
        parse_value=_parse_moment,
        specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    ),
    URL: strawberry.scalar(
        name="URL",
        description="An absolute web address.",
        serialize=str,
        parse_value=_never,
        specified_by_url="https://url.spec.whatwg.org/",
    ),
    JSONObject: strawberry.scalar(
        name="JSONObject",
        description="A JSON object that a browser's own functions make and take, as it is.",
        serialize=_json_object,
        parse_value=_parse_json_object,
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
    ),
}
