"""A top-up over Stripe, of which Stripe tells by webhooks: doubled, late, lost or not Stripe's at all."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.harness.client import Client
from tests.harness.server import Server, serve
from tests.harness.simulator import Simulator
from tests.stories.people import Person

SETTINGS = {
    "HATFUL_CARD_RAIL": "STRIPE",
    "HATFUL_BANK_RAIL": "STRIPE",
    "HATFUL_STRIPE_API_KEY": "sk_test_simulator",
    "HATFUL_STRIPE_WEBHOOK_SECRET": "whsec_simulator",
    "HATFUL_STRIPE_ACCOUNT": "acct_simulator",
    "HATFUL_VAULT_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}
LINK = """mutation ($token: String!) { linkCard(input: { vaultToken: $token }) {
    fundingSource { id } userErrors { ... on UserError { message } } } }"""
TOP_UP = """mutation ($source: ID!, $key: String!) {
    topUpWallet(input: { fundingSourceId: $source, amount: { amount: 100 }, idempotencyKey: $key }) {
        transfer { id status rail environment } wallet { balance { available { amount } pending { amount } } }
        userErrors { ... on UserError { message } } } }"""
STANDS = """query ($id: ID!) { node(id: $id) { ... on RailTransfer { status } }
    viewer { wallet { balance { available { amount } pending { amount } version } } } }"""
WAIT_SECONDS = 60


@pytest.fixture
def stripe(simulator: Simulator, database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server that draws money over the simulator's Stripe, and is told of it."""
    where = {"HATFUL_STRIPE_URL": simulator.addresses["stripe"]}
    with serve(tmp_path, "--database", database_url, environment={**SETTINGS, **where}) as server:
        answer = httpx2.post(
            f"{simulator.addresses['stripe']}/v1/webhook_endpoints",
            data={"url": f"{server.url}/webhooks/stripe"},
            headers={"authorization": "Bearer sk_test_simulator", "stripe-version": "2026-10-28.endive"},
            trust_env=False,
        )
        assert answer.is_success, answer.text
        yield server


@pytest.fixture
def ada(stripe: Server) -> Iterator[Person]:
    client = Client(stripe.url)
    yield Person(client, "ada")
    client.close()


def linked(ada: Person, server: Server) -> str:
    """A debit card of Ada's."""
    kept = httpx2.post(
        f"{server.url}/vault/cards",
        json={"number": "4000056655665556", "expires": "12/30", "cvv": "123"},
        headers={"authorization": f"Bearer {ada.token}"},
        trust_env=False,
    )
    assert kept.is_success, kept.text
    payload = ada.ask(LINK, token=kept.json()["token"]).data["linkCard"]
    assert payload["userErrors"] == []
    source: str = payload["fundingSource"]["id"]
    return source


def once_completed(ada: Person, transfer: str) -> Any:
    """The balance, once the transfer is through."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (stands := ada.ask(STANDS, id=transfer).data)["node"]["status"] != "COMPLETED":
        assert time.monotonic() < deadline, stands
        time.sleep(0.2)
    return stands["viewer"]["wallet"]["balance"]


@pytest.mark.parametrize("webhook", ["DOUBLED", "BADLY_SIGNED"])
def test_money_that_comes_late_comes_once_whatever_its_webhooks_do(
    ada: Person, stripe: Server, simulator: Simulator, webhook: str
) -> None:
    source = linked(ada, stripe)
    simulator.fault("stripe.pull", "PENDING", seconds=1)
    simulator.fault("stripe.webhook", webhook, times=2)
    payload = ada.ask(TOP_UP, source=source, key=uuid4().hex).data["topUpWallet"]
    assert payload["userErrors"] == []
    assert payload["transfer"]["status"] == "PENDING_RAIL"
    assert (payload["transfer"]["rail"], payload["transfer"]["environment"]) == ("STRIPE", "SANDBOX")
    assert payload["wallet"]["balance"] == {"available": {"amount": "0.00"}, "pending": {"amount": "100.00"}}
    balance = once_completed(ada, payload["transfer"]["id"])
    assert balance == {"available": {"amount": "100.00"}, "pending": {"amount": "0.00"}, "version": "1"}
    assert len(simulator.books("stripe")["movements"]) == 1


def test_what_stripe_has_not_signed_changes_nothing(ada: Person, stripe: Server) -> None:
    for headers in ({}, {"stripe-signature": "t=1,v1=00"}, {"stripe-signature": "nonsense"}):
        answer = httpx2.post(f"{stripe.url}/webhooks/stripe", content=b"{}", headers=headers, trust_env=False)
        assert answer.status_code == 400, answer.text
    assert httpx2.post(f"{stripe.url}/webhooks/visa", content=b"{}", trust_env=False).status_code == 404
