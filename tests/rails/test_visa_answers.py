"""What Visa Direct's answers come to, one by one; and that no answer at all makes it raise."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import Currency, Money
from models.rails import Direction
from rails import Approved, Call, Declined, NotSent, Pending, Rejected, Unknown
from rails.visa_answers import of_records, of_request, of_status, parsed
from tests.rails.stages import a_call, a_source

CALL = a_call(Direction.PULL, a_source("token"))
BACK = CALL._replace(reversing=True)
GOOD = {
    "transactionIdentifier": 381228649430015,
    "actionCode": "00",
    "approvalCode": "21324K",
    "responseCode": "5",
    "transmissionDateTime": "2026-05-01T18:30:06.000Z",
}
RECORD = {
    "statusCode": "COMPLETED",
    "transactionType": "SALES DRAFT",
    "transactionIdentifier": "381228649430015",
    "actionCode": "00",
    "approvalCode": "21324K",
    "transactionDate": "01-05-2026",
    "transactionTime": "18:30:06",
}
FACTS = {"approval_code": "21324K", "transmitted_at": "2026-05-01T18:30:06"}


def asked(call: Call, status: int, body: object, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return of_request(call, status, named, json.dumps(body).encode())


def test_an_approval_keeps_what_its_reversal_will_need() -> None:
    answer = asked(CALL, 200, GOOD, x_correlation_id="77_SC")
    assert answer == Approved("00", "381228649430015", {**FACTS, "pull_correlation": "77_SC"})


def test_a_record_says_the_same_as_the_answer_that_got_lost() -> None:
    assert of_records(CALL, [RECORD]) == Approved("00", "381228649430015", FACTS)


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("05", False),
        ("14", False),
        ("51", True),
        ("54", False),
        ("57", False),
        ("61", True),
        ("65", True),
        ("91", True),
        ("96", True),
        ("Q1", False),
    ],
)
def test_a_refusal_says_whether_another_try_may_go_through(code: str, retryable: bool) -> None:
    answer = asked(CALL, 200, {**GOOD, "actionCode": code})
    assert isinstance(answer, Declined)
    assert (answer.code, answer.retryable, bool(answer.message)) == (code, retryable, True)


@pytest.mark.parametrize(
    "reply",
    [
        {**GOOD, "actionCode": "94"},
        {**GOOD, "actionCode": "10"},
        {**GOOD, "actionCode": "10", "amount": "much"},
        {**GOOD, "actionCode": "10", "amount": "0.001"},
        {**GOOD, "actionCode": ""},
        {**GOOD, "actionCode": 0},
        {},
        [],
        None,
    ],
)
def test_what_is_not_clearly_answered_is_unknown(reply: object) -> None:
    assert isinstance(asked(CALL, 200, reply), Unknown)


def test_a_part_has_its_amount() -> None:
    answer = asked(CALL, 200, {**GOOD, "actionCode": "10", "amount": 60.0})
    assert isinstance(answer, Approved)
    assert answer.moved == Money(60_00, Currency.USD)


def test_no_part_of_a_reversal_is_a_reversal() -> None:
    assert isinstance(asked(BACK, 200, {**GOOD, "actionCode": "10", "amount": 60.0}), Unknown)


def test_a_reversal_leaves_the_pulls_name_and_facts_alone() -> None:
    assert asked(BACK, 200, GOOD) == Approved("00")


def test_what_was_accepted_is_asked_about_by_its_status_identifier() -> None:
    assert asked(CALL, 202, {"statusIdentifier": "1234_5"}) == Pending(facts={"pull_status": "1234_5"})
    assert asked(BACK, 202, {"statusIdentifier": "1234_5"}) == Pending(facts={"reverse_status": "1234_5"})


def test_a_duplicate_is_asked_about_where_the_network_says() -> None:
    answer = asked(CALL, 303, None, location="/visadirect/fundstransfer/v1/pullfundstransactions/1234_5")
    assert answer == Pending(facts={"pull_status": "1234_5"})


@pytest.mark.parametrize("identifier", ["", "../../admin", "a b", "x" * 65, 7, None])
def test_a_status_identifier_that_is_none_is_left_out(identifier: object) -> None:
    assert asked(CALL, 202, {"statusIdentifier": identifier}) == Pending()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 406, 415])
def test_what_the_network_does_not_take_is_rejected(status: int) -> None:
    assert isinstance(asked(CALL, status, {}), Rejected)
    assert isinstance(of_status(CALL, status, {}, b"{}"), Unknown), "of a question it says nothing about money"


def test_too_many_requests_are_sent_later() -> None:
    assert asked(CALL, 429, {}, retry_after="7") == NotSent("the network takes no more requests for now", 7.0)
    assert asked(CALL, 429, {}, retry_after="soon").retry_after_seconds is None


def test_a_reason_has_no_cards_number() -> None:
    told = {"responseStatus": {"code": "3001", "message": "4957030420210454 is not a card", "status": 400}}
    answer = asked(CALL, 400, told, x_correlation_id="77_SC")
    assert answer.reason == "status 400, code 3001: … is not a card (X-Correlation-ID 77_SC)"


@pytest.mark.parametrize(
    ("records", "kind"),
    [
        ([], Unknown),
        ({"errorMessage": "No transactions found for the specified input parameters"}, Unknown),
        ("records", Unknown),
        ([None], Unknown),
        ([{**RECORD, "statusCode": "IN_PROGRESS"}], Pending),
        ([{**RECORD, "statusCode": "FAILED", "actionCode": "51"}], Declined),
        ([{"statusCode": "FAILED", "transactionType": "SALES DRAFT"}], Declined),
        ([{**RECORD, "statusCode": "FAILED"}], Unknown),
        ([{**RECORD, "statusCode": "COMPLETED", "actionCode": "51"}], Declined),
        ([{**RECORD, "statusCode": "RESTING"}], Unknown),
        ([{**RECORD, "actionCode": "94"}], Unknown),
        ([{**RECORD, "actionCode": "94"}, RECORD], Approved),
        ([{**RECORD, "actionCode": "05"}, RECORD], Approved),
        ([{**RECORD, "transactionType": "SALES DRAFT REVERSAL"}], Unknown),
    ],
)
def test_what_the_networks_records_come_to(records: object, kind: type) -> None:
    assert isinstance(of_records(CALL, records), kind)


def test_a_reversals_record_is_not_its_pulls() -> None:
    reversal = {**RECORD, "transactionType": "SALES DRAFT REVERSAL"}
    assert isinstance(of_records(BACK, [RECORD]), Unknown)
    assert of_records(BACK, [RECORD, reversal]) == Approved("00")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.sampled_from(["00", "10", "94"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*RECORD, *GOOD, "amount"]), inner, max_size=9)
    ),
)


@given(st.sampled_from([CALL, BACK]), st.integers(100, 599), JSON | st.binary(max_size=9))
def test_no_answer_makes_it_raise(call: Call, status: int, reply: Any) -> None:
    body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
    kinds = Approved | Declined | Pending | Unknown | NotSent | Rejected
    assert isinstance(of_request(call, status, {}, body), kinds)
    asked_again = of_status(call, status, {}, body)
    assert isinstance(asked_again, Approved | Declined | Pending | Unknown)
    looked_up = of_records(call, parsed(body))
    assert isinstance(looked_up, Approved | Declined | Pending | Unknown)
    if call.reversing:
        assert getattr(asked_again, "network_ref", None) is None
