"""Stripe's webhooks: whether they are its own, and what they are about."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

import orjson

from rails.interface import BadSignatureError

SIGNED_FOR = timedelta(seconds=300)


def check_signature(secret: str, body: bytes, header: str, now: datetime) -> None:
    """Raises BadSignatureError. The SDK's own check takes the time of the process, so this is ours."""
    if not secret:
        raise BadSignatureError("There is no secret to check it with.")
    pairs = [pair.strip().partition("=")[::2] for pair in header.split(",")]
    times = [value for name, value in pairs if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal()):
        raise BadSignatureError("It is not signed.")
    expected = hmac.new(secret.encode(), times[0].encode() + b"." + body, sha256).hexdigest().encode()
    if not any(name == "v1" and hmac.compare_digest(expected, value.encode()) for name, value in pairs):
        raise BadSignatureError("It is signed with another secret.")
    if abs(now.timestamp() - int(times[0])) > SIGNED_FOR.total_seconds():
        raise BadSignatureError("It was signed too long ago, or is from the future.")


def about(body: bytes) -> str | None:
    """The payment or the payout that an event is about."""
    try:
        about = orjson.loads(body)["data"]["object"]
        match about["object"]:
            case "payment_intent" | "payout":
                network_ref = about["id"]
            case "charge" | "refund" | "dispute":
                network_ref = about["payment_intent"]
            case _:
                return None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return network_ref if isinstance(network_ref, str) else None
