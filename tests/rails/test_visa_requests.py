"""What Visa Direct is sent, compared with its table of fields, and the two numbers by which it knows a request."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Currency, Money
from models.rails import Direction
from models.transfers import RailEnvironment
from rails import Call, CardNumber
from rails.visa_requests import (
    CardAcceptor,
    Sender,
    VisaSettings,
    client_transaction_id,
    pull,
    push,
    reverse,
    rrn,
    stan,
)
from tests.rails.stages import a_call, a_source

CARD = CardNumber("4957030420210454", "07/2031")
SETTINGS = VisaSettings(
    environment=RailEnvironment.SANDBOX,
    base_url="https://network.example",
    user="user",
    password="secret-password",
    certificate=Path("client.pem"),
    key=Path("client.key"),
    acquiring_bin=408999,
    country_code=840,
    acceptor=CardAcceptor(name="Hatful", id_code="HATFUL", terminal_id="HF01", country="USA"),
    sender=Sender(address="1 Main Street", city="Springfield", country="USA"),
)
COMMON = {
    "systemsTraceAuditNumber": 451_018,
    "retrievalReferenceNumber": "612118451018",
    "localTransactionDateTime": "2026-05-01T18:30:05",
    "acquiringBin": 408999,
    "acquirerCountryCode": 840,
    "amount": Decimal("124.05"),
    "businessApplicationId": "AA",
    "cardAcceptor": {"name": "Hatful", "idCode": "HATFUL", "terminalId": "HF01", "address": {"country": "USA"}},
}


def the_call(direction: Direction = Direction.PULL, **changes: Any) -> Call:
    call = a_call(direction, a_source("token"), Money(124_05, Currency.USD))
    made = datetime(2026, 5, 1, 18, 30, 5, 999_999, tzinfo=UTC)
    return call._replace(trace=451_018, created_at=made)._replace(**changes)


def fields(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


def test_a_pull_has_the_fields_of_its_table_and_no_others() -> None:
    assert fields(pull(SETTINGS, the_call(), CARD)) == {
        **COMMON,
        "senderPrimaryAccountNumber": "4957030420210454",
        "senderCardExpiryDate": "2031-07",
        "senderCurrencyCode": "USD",
    }


def test_a_push_has_the_fields_of_its_table_and_no_others() -> None:
    assert fields(push(SETTINGS, the_call(Direction.PUSH), CARD)) == {
        **COMMON,
        "recipientPrimaryAccountNumber": "4957030420210454",
        "transactionCurrencyCode": "USD",
        "senderName": "Ada Lovelace",
        "senderAddress": "1 Main Street",
        "senderCity": "Springfield",
        "senderCountryCode": "USA",
        "sourceOfFundsCode": "05",
    }


def test_a_reversal_has_the_fields_of_its_table_and_no_others() -> None:
    facts = {"approval_code": "21324K", "transmitted_at": "2026-05-01T18:30:06"}
    call = the_call(network_ref="381228649430015", facts=facts, reversing=True)
    assert fields(reverse(SETTINGS, call)) == {
        **COMMON,
        "senderCurrencyCode": "USD",
        "transactionIdentifier": 381228649430015,
        "merchantCategoryCode": 6012,
        "originalDataElements": {
            "systemsTraceAuditNumber": 451_018,
            "approvalCode": "21324K",
            "acquiringBin": 408999,
            "transmissionDateTime": "2026-05-01T18:30:06",
        },
    }


@given(st.integers(1, (1 << 63) - 1), st.sampled_from(Currency))
def test_amounts_are_exact_numbers_with_the_places_of_their_currency(units: int, currency: Currency) -> None:
    body = pull(SETTINGS, the_call(amount=Money(units, currency)), CARD)
    assert f'"amount":{Money(units, currency).amount},'.encode() in body
    assert b"E" not in str(Money(units, currency).amount).encode()


def test_the_same_call_makes_the_same_bytes() -> None:
    call = the_call()
    assert pull(SETTINGS, call, CARD) == pull(SETTINGS, call, CARD)


@pytest.mark.parametrize(
    ("trace", "number"), [(1, 1), (42, 42), (999_999, 999_999), (1_000_000, 1), (1_000_041, 42), (1 << 62, 18_022)]
)
def test_a_stan_has_six_digits_at_most_and_is_never_nought(trace: int, number: int) -> None:
    assert stan(the_call(trace=trace)) == number


@given(st.integers(1, 1 << 62))
def test_the_next_trace_has_another_stan(trace: int) -> None:
    first, second = stan(the_call(trace=trace)), stan(the_call(trace=trace + 1))
    assert first != second
    assert 1 <= first <= 999_999


@pytest.mark.parametrize(
    ("made", "number"),
    [
        (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), "600100000042"),
        (datetime(2030, 12, 31, 23, 59, 59, tzinfo=UTC), "036523000042"),
        (datetime(2028, 12, 31, 9, 0, tzinfo=UTC), "836609000042"),
        (datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), "536523000042"),
    ],
)
def test_an_rrn_is_the_last_digit_of_the_year_the_day_the_hour_and_the_stan(made: datetime, number: str) -> None:
    assert rrn(the_call(trace=42, created_at=made)) == number


def test_a_reversal_has_the_numbers_of_its_pull_and_is_another_request() -> None:
    call = the_call()
    back = call._replace(reversing=True)
    assert (stan(back), rrn(back)) == (stan(call), rrn(call))
    assert client_transaction_id(call) == call.id
    assert client_transaction_id(back) not in {call.id, UUID(int=0)}
    assert client_transaction_id(back) == client_transaction_id(back)


def test_a_long_name_is_cut_and_no_name_is_ours() -> None:
    long = the_call(source=a_source("token")._replace(holder=" " + "Ada " * 20))
    nobody = the_call(source=a_source("token")._replace(holder=" "))
    assert len(fields(push(SETTINGS, long, CARD))["senderName"]) == 30
    assert fields(push(SETTINGS, nobody, CARD))["senderName"] == "Hatful"


@pytest.mark.parametrize("text", [{"name": ""}, {"name": "N" * 26}, {"id_code": "I" * 16}, {"terminal_id": "T" * 9}])
def test_a_card_acceptor_that_does_not_fit_is_no_setting(text: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="character"):
        CardAcceptor.model_validate({**SETTINGS.acceptor.model_dump(), **text})


def test_settings_do_not_show_their_password() -> None:
    assert "secret-password" not in repr(SETTINGS)
