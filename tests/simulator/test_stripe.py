"""The simulator's Stripe: what its API promises whoever speaks to it by hand."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.harness.simulator import Simulator

HEADERS = {"authorization": "Bearer sk_test_simulator", "stripe-version": "2026-10-28.endive"}
PAYMENT = {"amount": "1000", "currency": "usd", "confirm": "true", "off_session": "true"}


@pytest.fixture
def http(simulator: Simulator) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=simulator.addresses["stripe"], headers=HEADERS, trust_env=False) as client:
        yield client


@pytest.fixture
def payment(http: httpx2.Client) -> dict[str, str]:
    """The form of a payment with a card that works."""
    return {**PAYMENT, **a_card(http, "4242424242424242")}


def a_card(http: httpx2.Client, number: str) -> dict[str, str]:
    customer = http.post("/v1/customers", data={"name": "Ada"}).json()["id"]
    method = http.post("/v1/payment_methods", data={"type": "card", "card[number]": number}).json()["id"]
    ids = {"customer": customer, "payment_method": method}
    assert http.post("/v1/setup_intents", data=ids).json()["status"] == "succeeded"
    return ids


def pay(http: httpx2.Client, form: dict[str, str], key: str = "key") -> httpx2.Response:
    return http.post("/v1/payment_intents", data=form, headers={"idempotency-key": key})


def error(answer: httpx2.Response) -> tuple[int, Any, Any]:
    told = answer.json()["error"]
    return answer.status_code, told["type"], told.get("code")


def payments(simulator: Simulator) -> int:
    return len(simulator.books("stripe")["movements"])


def test_the_same_request_has_the_same_answer(
    http: httpx2.Client, payment: dict[str, str], simulator: Simulator
) -> None:
    first, second = pay(http, payment), pay(http, payment)
    assert first.json() == second.json()
    assert "idempotent-replayed" not in first.headers
    assert second.headers["idempotent-replayed"] == "true"
    assert payments(simulator) == 1


def test_another_key_is_another_payment(http: httpx2.Client, payment: dict[str, str], simulator: Simulator) -> None:
    assert pay(http, payment, "a").json()["id"] != pay(http, payment, "b").json()["id"]
    assert payments(simulator) == 2


def test_a_key_is_for_one_request(http: httpx2.Client, payment: dict[str, str], simulator: Simulator) -> None:
    pay(http, payment)
    assert error(pay(http, {**payment, "amount": "1001"})) == (400, "idempotency_error", None)
    refund = http.post("/v1/refunds", data=payment, headers={"idempotency-key": "key"})
    assert error(refund) == (400, "idempotency_error", None)
    assert payments(simulator) == 1


def test_a_declined_card_stays_declined(http: httpx2.Client, simulator: Simulator) -> None:
    form = {**PAYMENT, **a_card(http, "4000000000000341")}
    for _ in range(2):
        assert error(pay(http, form)) == (402, "card_error", "card_declined")
    assert payments(simulator) == 1


def test_a_refused_request_leaves_its_key_free(http: httpx2.Client, payment: dict[str, str]) -> None:
    assert error(pay(http, {**payment, "payment_method": "pm_x"})) == (404, "invalid_request_error", "resource_missing")
    assert pay(http, payment).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"authorization": "Bearer sk_live_1"}, 401), ({"stripe-account": "acct_1"}, 403), ({"stripe-version": ""}, 400)],
)
def test_strangers_are_refused(http: httpx2.Client, headers: dict[str, str], status: int) -> None:
    assert http.get("/v1/payouts", headers=headers).status_code == status


def test_what_the_version_of_the_api_no_longer_has_is_refused(http: httpx2.Client, payment: dict[str, str]) -> None:
    answer = pay(http, {**payment, "payment_method_types[0]": "card"})
    assert error(answer) == (400, "invalid_request_error", "payment_method_types_no_longer_supported")


@pytest.mark.parametrize("missing", ["confirm", "off_session", "amount"])
def test_a_payment_is_whole(http: httpx2.Client, payment: dict[str, str], missing: str) -> None:
    assert pay(http, {**payment, missing: ""}).status_code == 400


def test_numbers_that_are_not_for_tests_are_refused(http: httpx2.Client) -> None:
    card = http.post("/v1/payment_methods", data={"type": "card", "card[number]": "4111111111111111"})
    assert error(card) == (402, "card_error", "card_declined")
    account = {"us_bank_account[routing_number]": "110000000", "us_bank_account[account_number]": "1"}
    answer = http.post("/v1/payment_methods", data={"type": "us_bank_account", **account})
    assert error(answer) == (400, "invalid_request_error", "account_number_invalid")


def test_a_payment_is_refunded_once(http: httpx2.Client, payment: dict[str, str]) -> None:
    paid = {"payment_intent": pay(http, payment).json()["id"]}
    assert http.post("/v1/refunds", data=paid).json()["status"] == "succeeded"
    assert error(http.post("/v1/refunds", data=paid)) == (400, "invalid_request_error", "charge_already_refunded")


def test_a_list_comes_in_pages_newest_first(http: httpx2.Client, payment: dict[str, str]) -> None:
    made = [pay(http, payment, str(number)).json()["id"] for number in range(3)]
    first = http.get("/v1/payment_intents", params={"limit": 2}).json()
    assert ([one["id"] for one in first["data"]], first["has_more"]) == ([made[2], made[1]], True)
    rest = http.get("/v1/payment_intents", params={"limit": 2, "starting_after": made[1]}).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([made[0]], False)


def test_what_has_been_paid_is_available_later(
    http: httpx2.Client, payment: dict[str, str], simulator: Simulator
) -> None:
    pay(http, payment)
    [pending] = http.get("/v1/balance_transactions").json()["data"]
    simulator.forward(days=3)
    [available] = http.get("/v1/balance_transactions", params={"expand[0]": "data.source"}).json()["data"]
    assert (pending["status"], available["status"]) == ("pending", "available")
    assert available["source"]["id"] == pending["source"]
    assert available["source"]["payment_intent"].startswith("pi_")


def test_a_new_beginning_forgets_keys_and_cards(
    http: httpx2.Client, payment: dict[str, str], simulator: Simulator
) -> None:
    pay(http, payment)
    simulator.reset()
    assert error(pay(http, payment)) == (404, "invalid_request_error", "resource_missing")
