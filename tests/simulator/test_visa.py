"""The simulator's Visa Direct refuses what is not in the field table, and answers as the real one would."""

import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.harness.simulator import Simulator, simulate

ANSWER_SECONDS = 60
PAUSE_SECONDS = 0.02
FUNDS = "/visadirect/fundstransfer/v1"
ACCEPTOR = {"name": "Hatful", "idCode": "HATFUL", "terminalId": "HF01", "address": {"country": "USA"}}
COMMON = {
    "systemsTraceAuditNumber": 451018,
    "retrievalReferenceNumber": "612118451018",
    "localTransactionDateTime": "2026-05-01T18:30:05",
    "acquiringBin": 408999,
    "acquirerCountryCode": 840,
    "amount": 124.05,
    "businessApplicationId": "AA",
    "cardAcceptor": ACCEPTOR,
}
PULL = {
    **COMMON,
    "senderPrimaryAccountNumber": "4957030420210454",
    "senderCardExpiryDate": "2031-07",
    "senderCurrencyCode": "USD",
}
PUSH = {
    **COMMON,
    "recipientPrimaryAccountNumber": "4957030420210454",
    "transactionCurrencyCode": "USD",
    "senderName": "Ada Lovelace",
    "senderAddress": "1 Main Street",
    "senderCity": "Springfield",
    "senderCountryCode": "USA",
    "sourceOfFundsCode": "05",
}
HEADERS = {"Accept": "application/json", "X-Client-Transaction-ID": "one", "X-Transaction-Timeout-MS": "30000"}


def customer(simulator: Simulator) -> httpx2.Client:
    """Whoever has the certificate and the password."""
    tls = ssl.create_default_context(cafile=simulator.folder / "authority.pem")
    tls.load_cert_chain(simulator.folder / "client.pem", simulator.folder / "client.key")
    return httpx2.Client(
        base_url=simulator.addresses["visa"],
        verify=tls,
        auth=("hatful", "simulated"),
        headers=HEADERS,
        timeout=ANSWER_SECONDS,
        trust_env=False,
        follow_redirects=False,
    )


@pytest.fixture
def client(simulator: Simulator) -> Iterator[httpx2.Client]:
    """A customer of Visa's."""
    with customer(simulator) as client:
        yield client


def pull(client: httpx2.Client, **changes: Any) -> httpx2.Response:
    return client.post(f"{FUNDS}/pullfundstransactions", json={**PULL, **changes})


def reversal(answer: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The reversal of a pull, out of its answer."""
    return {
        **COMMON,
        "senderCurrencyCode": "USD",
        "transactionIdentifier": answer["transactionIdentifier"],
        "merchantCategoryCode": 6012,
        "originalDataElements": {
            "systemsTraceAuditNumber": 451018,
            "approvalCode": answer["approvalCode"],
            "acquiringBin": 408999,
            "transmissionDateTime": answer["transmissionDateTime"].removesuffix(".000Z"),
        },
        **changes,
    }


def test_an_approval_has_the_fields_of_the_table(client: httpx2.Client) -> None:
    answer = pull(client)
    told = answer.json()
    assert (answer.status_code, told["actionCode"]) == (200, "00")
    assert len(str(told["transactionIdentifier"])) == 15
    assert told.keys() == {
        *("transactionIdentifier", "actionCode", "approvalCode", "responseCode"),
        *("transmissionDateTime", "statusIdentifier"),
    }
    assert answer.headers["X-Correlation-ID"]


@pytest.mark.parametrize(("path", "body"), [("pullfundstransactions", PULL), ("pushfundstransactions", PUSH)])
def test_every_field_is_needed_and_no_other_is_taken(
    client: httpx2.Client, simulator: Simulator, path: str, body: dict[str, Any]
) -> None:
    wrong = [{name: value for name, value in body.items() if name != left} for left in body]
    wrong.append({**body, "cardCvv2Value": "123"})
    for request in wrong:
        answer = client.post(f"{FUNDS}/{path}", json=request)
        assert (answer.status_code, answer.json()["responseStatus"]["code"]) == (400, "3001"), request.keys()
    assert simulator.books("visa")["movements"] == []
    assert client.post(f"{FUNDS}/{path}", json=body).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"systemsTraceAuditNumber": "451018"},
        {"systemsTraceAuditNumber": 1_000_000},
        {"systemsTraceAuditNumber": 0},
        {"retrievalReferenceNumber": 612118451018},
        {"retrievalReferenceNumber": "61211845101"},
        {"retrievalReferenceNumber": "636718451018"},
        {"retrievalReferenceNumber": "612124451018"},
        {"localTransactionDateTime": "2026-05-01 18:30:05"},
        {"localTransactionDateTime": "2026-02-30T18:30:05"},
        {"localTransactionDateTime": "2026-05-01T18:30:05Z"},
        {"acquiringBin": 408998},
        {"acquirerCountryCode": "840"},
        {"amount": "124.05"},
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.2345},
        {"amount": 1.005},
        {"amount": True},
        {"amount": 10.5, "senderCurrencyCode": "JPY"},
        {"businessApplicationId": "AAA"},
        {"senderPrimaryAccountNumber": "4957 0304 2021 0454"},
        {"senderCardExpiryDate": "07/2031"},
        {"senderCardExpiryDate": "2031-13"},
        {"senderCurrencyCode": "ABC"},
        {"cardAcceptor": {**ACCEPTOR, "name": "N" * 26}},
        {"cardAcceptor": {**ACCEPTOR, "idCode": "I" * 16}},
        {"cardAcceptor": {**ACCEPTOR, "terminalId": "T" * 9}},
        {"cardAcceptor": {**ACCEPTOR, "address": {}}},
    ],
    ids=str,
)
def test_a_field_of_another_form_is_refused(client: httpx2.Client, changes: dict[str, Any]) -> None:
    assert pull(client, **changes).json()["responseStatus"]["code"] == "3001"


def test_a_refusal_repeats_no_number(client: httpx2.Client) -> None:
    assert "4957030420210454" not in pull(client, cardCvv2Value="4957030420210454", amount="4957030420210454").text
    assert "49570304202104541111" not in pull(client, senderPrimaryAccountNumber="49570304202104541111").text


@pytest.mark.parametrize(
    "headers",
    [{"Accept": "text/html"}, {"X-Client-Transaction-ID": ""}, {"X-Transaction-Timeout-MS": "30001"}],
    ids=str,
)
def test_the_headers_are_needed(client: httpx2.Client, headers: dict[str, str]) -> None:
    assert client.post(f"{FUNDS}/pullfundstransactions", json=PULL, headers=headers).status_code == 400


@pytest.mark.parametrize("path", [f"{FUNDS}/pullfundstransactions/s-1", "/reports/settlements", FUNDS + "/nothing"])
def test_without_the_password_nothing_is_told(client: httpx2.Client, path: str) -> None:
    assert client.get(path, auth=("hatful", "wrong")).status_code in {401, 404}


def test_without_a_certificate_nobody_is_heard(simulator: Simulator) -> None:
    tls = ssl.create_default_context(cafile=simulator.folder / "authority.pem")
    with httpx2.Client(verify=tls, trust_env=False) as client, pytest.raises(httpx2.TransportError):
        client.get(f"{simulator.addresses['visa']}/reports/settlements")


def test_a_silent_network_ends_when_it_is_told_to(tmp_path: Path) -> None:
    with ExitStack() as waits:
        asker = waits.enter_context(ThreadPoolExecutor())
        with simulate(tmp_path) as simulator:
            client = waits.enter_context(customer(simulator))
            simulator.fault("visa.pull", "SILENT")
            waiting = asker.submit(pull, client)
            while not simulator.books("visa")["movements"]:
                time.sleep(PAUSE_SECONDS)
        with pytest.raises(httpx2.TransportError):
            waiting.result()
    assert (tmp_path / "simulator.log").read_text() == ""


def test_a_repeated_request_gets_the_first_ones_answer(client: httpx2.Client, simulator: Simulator) -> None:
    assert pull(client).json() == pull(client).json()
    assert len(simulator.books("visa")["movements"]) == 1


def test_a_repeated_request_of_another_amount_is_a_duplicate(client: httpx2.Client, simulator: Simulator) -> None:
    pull(client)
    assert pull(client, amount=1).json()["actionCode"] == "94"
    assert len(simulator.books("visa")["movements"]) == 1


def test_while_a_request_runs_its_repetition_is_sent_to_its_status(client: httpx2.Client, simulator: Simulator) -> None:
    simulator.fault("visa.pull", "PENDING", seconds=3600)
    first, second = pull(client), pull(client)
    assert (first.status_code, second.status_code) == (202, 303)
    assert second.headers["Location"].endswith(first.json()["statusIdentifier"])
    assert client.get(second.headers["Location"]).status_code == 202
    simulator.forward(hours=2)
    assert client.get(second.headers["Location"]).json()["actionCode"] == "00"
    simulator.forward(hours=23)
    assert client.get(second.headers["Location"]).status_code == 404


def test_the_query_tells_of_a_pull_and_its_reversal(client: httpx2.Client) -> None:
    numbers = {"acquiringBIN": "408999", "stan": "451018", "rrn": "612118451018", "fields": "amount"}
    assert client.get("/visadirect/v1/transactionquery", params=numbers).status_code == 404
    told = pull(client).json()
    back = client.post(f"{FUNDS}/reversefundstransactions", json=reversal(told))
    assert back.json()["actionCode"] == "00"
    first, second = client.get("/visadirect/v1/transactionquery", params=numbers).json()
    assert (first["statusCode"], first["transactionIdentifier"]) == ("COMPLETED", str(told["transactionIdentifier"]))
    assert (first["amount"], second["transactionType"]) == ("124.05", "SALES DRAFT REVERSAL")


def test_a_reversal_has_to_know_its_pull(client: httpx2.Client, simulator: Simulator) -> None:
    told = pull(client).json()
    original = reversal(told)["originalDataElements"]
    wrong: list[dict[str, Any]] = [
        {"transactionIdentifier": 381_999_999_999_999},
        {"systemsTraceAuditNumber": 451019},
        {"retrievalReferenceNumber": "612118451019"},
        {"amount": 124.04},
        {"originalDataElements": {**original, "approvalCode": "999999"}},
        {"originalDataElements": {**original, "transmissionDateTime": "2026-05-01T18:30:05"}},
    ]
    for changes in wrong:
        answer = client.post(f"{FUNDS}/reversefundstransactions", json=reversal(told, **changes))
        assert answer.status_code == 400, changes
    simulator.forward(hours=25)
    assert client.post(f"{FUNDS}/reversefundstransactions", json=reversal(told)).status_code == 400
    assert len(simulator.books("visa")["movements"]) == 1


def test_a_card_that_no_network_publishes_for_tests_is_declined(client: httpx2.Client) -> None:
    answer = pull(client, senderPrimaryAccountNumber="4111111111111111").json()
    assert (answer["actionCode"], "approvalCode" in answer) == ("14", False)


def test_the_report_is_of_what_was_booked_by_now(client: httpx2.Client, simulator: Simulator) -> None:
    told = pull(client).json()
    ask = {"since": "2026-01-01T00:00:00+00:00"}
    assert client.get("/reports/settlements", params=ask).json() == []
    simulator.forward(days=1)
    [line] = client.get("/reports/settlements", params=ask).json()
    assert (line["transactionIdentifier"], line["amount"], line["type"]) == (
        str(told["transactionIdentifier"]),
        "124.05",
        "SETTLED",
    )
    assert client.get("/reports/settlements", params={"since": "yesterday"}).status_code == 400
