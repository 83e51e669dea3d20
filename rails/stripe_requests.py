"""How Stripe is asked: its SDK over our HTTP client, and what the SDK's errors say about the money.

The SDK writes what it sends into its debug log, and quotes bodies in its errors. So it never sees the number of a card
or an account: it sends `NUMBER`, and the client puts the number in its place, in requests alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import httpx2
import stripe

from rails.interface import Declined, NotSent, Rejected, Unknown

NUMBER = "the-number-from-the-vault"
WRONG_KEY = "Stripe does not take the API key for this."

# What another try may do away with: https://docs.stripe.com/declines/codes
_PASSING = frozenset(
    {
        "approve_with_id",
        "balance_insufficient",
        "insufficient_funds",
        "issuer_not_available",
        "processing_error",
        "reenter_transaction",
        "try_again_later",
    }
)
# Refusals about money that come in the form of a wrong request.
_REFUSALS = frozenset(
    {
        "amount_too_large",
        "amount_too_small",
        "balance_insufficient",
        "charge_exceeds_source_limit",
        "charge_exceeds_transaction_limit",
        "instant_payouts_limit_exceeded",
        "instant_payouts_unsupported",
        "payouts_limit_exceeded",
        "payouts_not_allowed",
    }
)

T = TypeVar("T")
F = TypeVar("F")
Failure = Declined | Unknown | NotSent | Rejected


class NotSentError(stripe.APIConnectionError):
    """Not a byte was written."""


class HttpClient(stripe.HTTPClient):
    """The SDK's way to the network. `number` is what it sends wherever the SDK says NUMBER."""

    name = "httpx2"

    def __init__(self, http: httpx2.AsyncClient, seconds: float, number: str = NUMBER) -> None:
        super().__init__()
        self._http = http
        self._seconds = seconds
        self._number = number

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Sends one request. Raises NotSentError, or APIConnectionError if it may have been received."""
        body = None if post_data is None else post_data.replace(NUMBER, self._number)
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._http.request(method, url, headers=headers, content=body)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSentError(type(error).__name__) from None  # type: ignore[no-untyped-call]  # as the SDK has it
        except (httpx2.HTTPError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        answer = response.content.replace(self._number.encode(), NUMBER.encode())
        return answer, response.status_code, response.headers


async def asked(request: Awaitable[T], meaning: Callable[[stripe.StripeError], F]) -> T | F | Unknown:
    """What a request comes to; `meaning` says it of an error. What cannot be read is Unknown. Never raises."""
    try:
        return await request
    except stripe.StripeError as error:
        return meaning(error)
    except Exception as error:  # noqa: BLE001  # an answer of another shape breaks the SDK wherever it likes
        return Unknown(f"Stripe's answer could not be read: {type(error).__name__}")


def failure(error: stripe.StripeError) -> Failure:
    """What an error says about money that was to be moved."""
    match error:
        case NotSentError():
            return NotSent(str(error))
        case stripe.RateLimitError():
            return NotSent("Stripe takes no more requests for now.", _seconds(error.headers))
        case stripe.CardError():
            return _declined(error)
        case stripe.AuthenticationError() | stripe.PermissionError():
            return Rejected(WRONG_KEY)
        case stripe.InvalidRequestError(code=code) if code in _REFUSALS:
            return _declined(error)
        case stripe.InvalidRequestError():
            return Rejected(f"Stripe refuses the request: {error.user_message}")
    return unclear(error)


def unclear(error: stripe.StripeError) -> Unknown:
    """What an error says when Stripe was only asked about money: nothing."""
    return Unknown(f"Stripe did not say: {type(error).__name__} {error.http_status or ''}".rstrip())


def is_passing(code: str) -> bool:
    """Whether another try may go through."""
    return code in _PASSING


def _declined(error: stripe.StripeError) -> Declined:
    details: Mapping[str, Any] = error.json_body["error"] if isinstance(error.json_body, dict) else {}
    code = details.get("decline_code") or error.code or "declined"
    network_ref = (details.get("payment_intent") or {}).get("id")
    return Declined(code, error.user_message or "Stripe declined.", is_passing(code), network_ref)


def _seconds(headers: Mapping[str, str] | None) -> float | None:
    text = (headers or {}).get("retry-after") or ""
    return float(text) if text.isdecimal() else None
