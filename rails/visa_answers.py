"""Visa Direct's answers, as answers of a rail. A code that is not known here is the network's refusal all the same.

What was sent and is not clearly answered is Unknown: status 500, 503, 504, half an answer, a duplicate.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from models.money import InvalidAmountError, Money
from rails.interface import Answer, Approved, Call, Declined, NotSent, Pending, Rejected, Unknown
from rails.visa_requests import APPROVAL, TRANSMITTED

APPROVED, PARTLY_APPROVED, REPEATED = "00", "10", "94"
REFUSED_STATUSES = frozenset({400, 401, 403, 404, 405, 406, 415})
TOO_MANY = 429
DECLINES = {
    "05": "The card was declined.",
    "14": "There is no such card.",
    "41": "The card was reported lost.",
    "43": "The card was reported stolen.",
    "51": "The card's account has too little money.",
    "54": "The card has expired.",
    "57": "The card does not allow this.",
    "61": "This is more than the card allows.",
    "65": "The card was used too often.",
    "91": "The card's bank does not answer.",
    "96": "The card network could not do this.",
}
RETRYABLE = frozenset({"51", "61", "65", "91", "96"})
DECLINED = "The card was declined."
NOT_KNOWN = "the network does not know of it"
LONGEST_ID, LONGEST_REASON = 64, 200
_LONG_NUMBER = re.compile(r"\d{7,}")
_STATUS_IDENTIFIER = re.compile(r"[\w.-]{1,64}", re.ASCII)

Reply = Mapping[str, Any]


def operation(call: Call) -> str:
    """What a call is about, as its facts are named."""
    return "reverse" if call.reversing else call.direction.lower()


def status_fact(call: Call) -> str:
    """The name of the fact by which the network is asked what has become of a call."""
    return f"{operation(call)}_status"


def parsed(body: bytes) -> Any:
    """What an answer says; None if it says nothing that can be read."""
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def of_request(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """What the answer to a pull, a push or a reversal comes to."""
    if status in REFUSED_STATUSES:
        return Rejected(_reason(status, headers, parsed(body)))
    if status == TOO_MANY:
        return NotSent("the network takes no more requests for now", _seconds(headers.get("retry-after")))
    return of_status(call, status, headers, body)


def of_status(call: Call, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """What the answer to a question about a request comes to: nothing that it says means that nothing has moved."""
    reply = parsed(body)
    match status:
        case 200 if isinstance(reply, dict):
            return decided(call, reply, _heard(call, headers))
        case 202:
            identifier = reply.get("statusIdentifier") if isinstance(reply, dict) else None
            return Pending(facts=_heard(call, headers) | _status(call, identifier))
        case 303:
            identifier = headers.get("location", "").rpartition("/")[2]
            return Pending(facts=_heard(call, headers) | _status(call, identifier))
        case _:
            return Unknown(_reason(status, headers, reply))


def of_records(call: Call, records: Any) -> Answer:
    """What the transaction query says of a call. A reversal has the numbers of its pull, and a record of its own."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        return Unknown(NOT_KNOWN)
    answers = [_of_record(call, record) for record in records if _is_about(call, record)]
    approved = [answer for answer in answers if isinstance(answer, Approved)]
    return next(iter([*approved, *answers]), Unknown(NOT_KNOWN))


def decided(call: Call, reply: Reply, heard: Mapping[str, str]) -> Answer:
    """What an action code comes to."""
    code = reply.get("actionCode")
    ref = None if call.reversing else _text(reply.get("transactionIdentifier"))
    match code:
        case "00":
            return Approved(code, ref, _facts(call, reply, heard))
        case "10" if not call.reversing:
            moved = _amount(call, reply.get("amount"))
            if moved is None:
                return Unknown("only a part was approved, and it is not said how much", ref)
            return Approved(code, ref, _facts(call, reply, heard), moved)
        case "10" | "94":
            return Unknown(f"action code {code}")
        case str() if code:
            return Declined(code, DECLINES.get(code, DECLINED), code in RETRYABLE, ref)
        case _:
            return Unknown("an answer without an action code")


def _of_record(call: Call, record: Reply) -> Answer:
    match record.get("statusCode"):
        case "COMPLETED":
            return decided(call, record, {})
        case "IN_PROGRESS":
            return Pending()
        case "FAILED":
            answer = decided(call, {"actionCode": "FAILED", **record}, {})
            return Unknown("it has failed, and was approved") if isinstance(answer, Approved) else answer
        case _:
            return Unknown("a status that is not known")


def _is_about(call: Call, record: Reply) -> bool:
    is_reversal = "REVERSAL" in str(record.get("transactionType", "")).upper()
    return is_reversal == call.reversing and record.get("actionCode") != REPEATED


def _facts(call: Call, reply: Reply, heard: Mapping[str, str]) -> Mapping[str, str]:
    """What a reversal will have to say of this pull."""
    if call.reversing:
        return heard
    told = {APPROVAL: _text(reply.get("approvalCode")), TRANSMITTED: _transmitted(reply)}
    return {**heard, **{name: value for name, value in told.items() if value}}


def _heard(call: Call, headers: Mapping[str, str]) -> dict[str, str]:
    """By what Visa's people find a request in their logs."""
    correlation = headers.get("x-correlation-id")
    return {f"{operation(call)}_correlation": correlation[:LONGEST_ID]} if correlation else {}


def _status(call: Call, identifier: object) -> dict[str, str]:
    if isinstance(identifier, str) and _STATUS_IDENTIFIER.fullmatch(identifier):
        return {status_fact(call): identifier}
    return {}


def _transmitted(reply: Reply) -> str | None:
    """When the network passed it on: said in one field of an answer, and in two of a record."""
    if said := _text(reply.get("transmissionDateTime")):
        return said[:19]
    try:
        moment = f"{reply.get('transactionDate')} {reply.get('transactionTime')}"
        return datetime.strptime(moment, "%d-%m-%Y %H:%M:%S").isoformat()  # noqa: DTZ007  # as the network has it
    except ValueError:
        return None


def _amount(call: Call, value: object) -> Money | None:
    try:
        return Money.parse(Decimal(str(value)), call.amount.currency)
    except (InvalidOperation, InvalidAmountError):
        return None


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value else None


def _reason(status: int, headers: Mapping[str, str], reply: object) -> str:
    """What an operator needs to hear, in the network's own words, without any number that could be a card's."""
    told = reply.get("responseStatus") if isinstance(reply, dict) else None
    words = f", code {told.get('code')}: {told.get('message')}" if isinstance(told, dict) else ""
    correlation = headers.get("x-correlation-id")
    found_by = f" (X-Correlation-ID {correlation[:LONGEST_ID]})" if correlation else ""
    return f"status {status}{_LONG_NUMBER.sub('…', words)[:LONGEST_REASON]}{found_by}"


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
