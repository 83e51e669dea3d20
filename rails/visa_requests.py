"""Visa Direct's requests, field by field, out of a call. The same call makes the same bytes however often.

Whole numbers and amounts are numbers of JSON, and amounts have all the places of their currency, never a float's.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel, ConfigDict, Field

from models.money import Currency
from models.transfers import RailEnvironment
from rails.interface import Call, CardNumber

STANS = 999_999
LONGEST_NAME = 30
APPROVAL, TRANSMITTED = "approval_code", "transmitted_at"
"""Of the facts: what the network says when it approves a pull, and wants to hear when it is taken back."""


def _text(longest: int) -> Any:
    return Field(min_length=1, max_length=longest)


class _Agreed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class CardAcceptor(_Agreed):
    """Who takes the card, as its holder reads it on a statement. Raises ValueError: a text is too long."""

    name: Annotated[str, _text(25)]
    id_code: Annotated[str, _text(15)]
    terminal_id: Annotated[str, _text(8)]
    country: Annotated[str, _text(3)]


class Sender(_Agreed):
    """From where withdrawals are sent: the address of whoever runs this."""

    address: Annotated[str, _text(35)]
    city: Annotated[str, _text(25)]
    country: Annotated[str, _text(3)]


class VisaSettings(_Agreed):
    """What Visa has agreed with whoever runs this, and where it is to be found. Raises ValueError."""

    environment: RailEnvironment
    """SANDBOX takes only numbers that are published for tests."""
    base_url: str
    user: str
    password: str = Field(repr=False)
    certificate: Path
    """Of mutual TLS: the client's certificate and its key, in PEM."""
    key: Path
    acquiring_bin: int
    country_code: int
    """The acquirer's country, in numbers: 840."""
    acceptor: CardAcceptor
    sender: Sender
    authority: Path | None = None
    """The authority that has signed the network's certificate; None for those that the system trusts."""
    merchant_category_code: int = 6012
    business_application_id: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "AA"
    source_of_funds: Annotated[str, Field(pattern="^0[1-6]$")] = "05"
    currencies: frozenset[Currency] = frozenset({Currency.USD})
    """In which the acquirer settles."""
    reports_url: str | None = None
    """Where the acquiring bank reports what it has settled; None for `base_url`."""
    network_timeout_ms: Annotated[int, Field(ge=1, le=30_000)] = 30_000
    """For how long Visa may work on a request before it answers 202."""
    connect_seconds: float = 5.0
    answer_seconds: float = 35.0
    """For how long an answer is waited for; longer than `network_timeout_ms`."""


def stan(call: Call) -> int:
    """The systems trace audit number: the trace in six digits, never 0."""
    return (call.trace - 1) % STANS + 1


def rrn(call: Call) -> str:
    """The retrieval reference number, ydddhhnnnnnn: when the call was made, and its STAN."""
    made = call.created_at.astimezone(UTC)
    return f"{made.year % 10}{made:%j%H}{stan(call):06d}"


def client_transaction_id(call: Call) -> UUID:
    """By what Visa knows a request again; taking a pull back is another request than the pull."""
    return uuid5(call.id, "reversal") if call.reversing else call.id


def pull(settings: VisaSettings, call: Call, card: CardNumber) -> bytes:
    """The body of pullfundstransactions."""
    return orjson.dumps(
        {
            **_common(settings, call),
            "senderPrimaryAccountNumber": card.number,
            "senderCardExpiryDate": _year_first(card.expires),
            "senderCurrencyCode": call.amount.currency,
        }
    )


def push(settings: VisaSettings, call: Call, card: CardNumber) -> bytes:
    """The body of pushfundstransactions."""
    return orjson.dumps(
        {
            **_common(settings, call),
            "recipientPrimaryAccountNumber": card.number,
            "transactionCurrencyCode": call.amount.currency,
            "senderName": call.source.holder.strip()[:LONGEST_NAME] or settings.acceptor.name,
            "senderAddress": settings.sender.address,
            "senderCity": settings.sender.city,
            "senderCountryCode": settings.sender.country,
            "sourceOfFundsCode": settings.source_of_funds,
        }
    )


def reverse(settings: VisaSettings, call: Call) -> bytes:
    """The body of reversefundstransactions. What the network said of the pull is among the call's facts."""
    assert call.network_ref is not None, "a pull that was approved has the network's name"
    return orjson.dumps(
        {
            **_common(settings, call),
            "senderCurrencyCode": call.amount.currency,
            "transactionIdentifier": int(call.network_ref),
            "merchantCategoryCode": settings.merchant_category_code,
            "originalDataElements": {
                "systemsTraceAuditNumber": stan(call),
                "approvalCode": call.facts[APPROVAL],
                "acquiringBin": settings.acquiring_bin,
                "transmissionDateTime": call.facts[TRANSMITTED],
            },
        }
    )


def _common(settings: VisaSettings, call: Call) -> dict[str, Any]:
    acceptor = settings.acceptor
    return {
        "systemsTraceAuditNumber": stan(call),
        "retrievalReferenceNumber": rrn(call),
        "localTransactionDateTime": _seconds(call.created_at),
        "acquiringBin": settings.acquiring_bin,
        "acquirerCountryCode": settings.country_code,
        "amount": orjson.Fragment(str(call.amount.amount)),
        "businessApplicationId": settings.business_application_id,
        "cardAcceptor": {
            "name": acceptor.name,
            "idCode": acceptor.id_code,
            "terminalId": acceptor.terminal_id,
            "address": {"country": acceptor.country},
        },
    }


def _seconds(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"


def _year_first(expires: str) -> str:
    month, year = expires.split("/")
    return f"{year}-{month}"
