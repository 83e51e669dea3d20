"""Money from a card into the wallet and out to a bank account, as a new user tries it in the sandbox; over HTTP."""

import asyncio
import csv
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import update

from models.rails import RailIntent
from tests.harness.backdoor import backdoor
from tests.harness.client import Client
from tests.harness.server import Server, command, serve, surroundings
from tests.stories.people import Person

KEY = "b25seSBmb3IgdGVzdHM6IDMyIGJ5dGVzIG9mIHRleHQ="
FINE, DECLINED = "4242424242424242", "4000000000000002"
ROUTING, CLOSED = "110000000", "000111111113"
COMMAND_SECONDS = 120
ERRORS = """userErrors { __typename ... on UserError { message }
  ... on RailDeclinedError { rail networkCode retryable } }"""
WALLET = "wallet { balance { available { amount } held { amount } pending { amount } } }"
TRANSFER = "transfer { id status rail environment networkCode }"
LINK_CARD = f"""mutation ($token: String!) {{
  linkCard(input: {{ vaultToken: $token }}) {{ fundingSource {{ id label }} {ERRORS} }} }}"""
LINK_ACCOUNT = f"""mutation ($routing: String!, $number: String!) {{
  linkBankAccount(input: {{ routingNumber: $routing, accountNumber: $number }}) {{
    fundingSource {{ id verified }} {ERRORS} }} }}"""
VERIFY = f"""mutation ($id: ID!) {{
  verifyBankAccount(input: {{ id: $id, depositMinorUnits: [32, 45] }}) {{ fundingSource {{ verified }} {ERRORS} }} }}"""
TOP_UP = f"""mutation ($source: ID!, $amount: Decimal!, $key: String!) {{
  topUpWallet(input: {{ fundingSourceId: $source, amount: {{ amount: $amount }}, idempotencyKey: $key }}) {{
    {TRANSFER} {WALLET} {ERRORS} }} }}"""
TIP = f"""mutation ($post: ID!, $amount: Decimal!, $key: String!) {{
  tipPost(input: {{ postId: $post, amount: {{ amount: $amount }}, idempotencyKey: $key }}) {{
    {WALLET} {ERRORS} }} }}"""
WITHDRAW = f"""mutation ($source: ID!, $amount: Decimal!, $speed: PayoutSpeed!, $key: String!) {{
  withdraw(input: {{
    fundingSourceId: $source, amount: {{ amount: $amount }}, speed: $speed, idempotencyKey: $key
  }}) {{ {TRANSFER} {WALLET} {ERRORS} }} }}"""
CANCEL = f"""mutation ($id: ID!) {{
  cancelWithdrawal(input: {{ transferId: $id }}) {{ {TRANSFER} {WALLET} {ERRORS} }} }}"""
NODE = "query ($id: ID!) { node(id: $id) { ... on RailTransfer { status amount { amount } } } }"
STATEMENT = """{ viewer { wallet {
  balance { available { amount } }
  entries(first: 9) { nodes { amount { amount } transfer {
    __typename ... on Refund { refundOf { id status } }
  } } }
  statement(from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { csvUrl entryCount closing { amount } }
} } }"""


@pytest.fixture
def server(database_url: str, tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path, "--database", database_url, environment={"HATFUL_VAULT_KEYS": KEY}) as server:
        yield server


@pytest.fixture
def visitor(server: Server) -> Iterator[Client]:
    with closing(Client(server.url)) as client:
        yield client


class Newcomer(Person):
    """Somebody who tries it out."""

    def asks(self, query: str, **variables: Any) -> Any:
        """The payload of a mutation, with a key of its own if it needs one."""
        if "$key" in query:
            variables["key"] = uuid4().hex
        [payload] = self.ask(query, **variables).data.values()
        return payload

    def links(self, number: str) -> str:
        """Types a card's number where it is asked for, and links it."""
        headers = {"authorization": f"Bearer {self.token}"}
        card = {"number": number, "expires": "08/30", "cvv": "737"}
        kept = self.client.http.post("/vault/cards", json=card, headers=headers).json()
        card_id: str = self.asks(LINK_CARD, token=kept["token"])["fundingSource"]["id"]
        return card_id

    def links_account(self, number: str) -> str:
        """Links a bank account, and names what it got."""
        account = self.asks(LINK_ACCOUNT, routing=ROUTING, number=number)["fundingSource"]
        assert not account["verified"]
        assert self.asks(VERIFY, id=account["id"])["fundingSource"] == {"verified": True}
        account_id: str = account["id"]
        return account_id

    def reads(self, csv_url: str) -> list[dict[str, str]]:
        """The lines of a statement's file."""
        answer = self.client.http.get(csv_url, headers={"authorization": f"Bearer {self.token}"})
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(StringIO(answer.text, newline="")))


class Operator:
    """Who runs the server, and types commands beside it."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    def types(self, *words: str) -> str:
        """What a command says that must go well."""
        done = subprocess.run(
            command(*words, "--database", self._url),
            cwd=self._folder,
            env=surroundings(self._folder, {"HATFUL_VAULT_KEYS": KEY}),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def waits(self) -> None:
        """An hour goes by: what was asked of networks was asked an hour earlier."""

        async def run() -> None:
            async with backdoor(self._url) as database:
                await database.run(update(RailIntent).values(submitted_at=datetime.now(UTC) - timedelta(hours=1)))

        asyncio.run(run())


def balance(available: str, held: str = "0.00", pending: str = "0.00") -> Any:
    amounts = {"available": available, "held": held, "pending": pending}
    return {"balance": {name: {"amount": amount} for name, amount in amounts.items()}}


def test_money_comes_in_from_a_card_goes_out_to_an_account_and_comes_back(
    visitor: Client, database_url: str, tmp_path: Path
) -> None:
    ada, ben = Newcomer(visitor, "ada"), Newcomer(visitor, "ben")
    operator = Operator(database_url, tmp_path)

    topped_up = ada.asks(TOP_UP, source=ada.links(FINE), amount="100")
    assert topped_up["transfer"] | {"id": ""} == {
        "id": "",
        "status": "COMPLETED",
        "rail": "SANDBOX",
        "environment": "SANDBOX",
        "networkCode": "00",
    }
    assert topped_up["wallet"] == balance("100.00")
    assert ada.asks(TIP, post=ben.posts("I have a hat"), amount="10")["wallet"] == balance("90.00")

    declined = ada.asks(TOP_UP, source=ada.links(DECLINED), amount="100")
    assert (declined["transfer"], declined["wallet"]) == (None, None)
    assert declined["userErrors"] == [
        {
            "__typename": "RailDeclinedError",
            "message": "The card was declined.",
            "rail": "SANDBOX",
            "networkCode": "05",
            "retryable": False,
        }
    ]

    account = ada.links_account(CLOSED)
    withdrawn = ada.asks(WITHDRAW, source=account, amount="30", speed="INSTANT")
    assert (withdrawn["transfer"]["status"], withdrawn["wallet"]) == ("COMPLETED", balance("60.00"))
    waiting = ada.asks(WITHDRAW, source=account, amount="60", speed="STANDARD")
    assert (waiting["transfer"]["status"], waiting["wallet"]) == ("HELD", balance("0.00", held="60.00"))
    cancelled = ada.asks(CANCEL, id=waiting["transfer"]["id"])
    assert (cancelled["transfer"]["status"], cancelled["wallet"]) == ("REVERSED", balance("60.00"))

    operator.waits()
    for _ in range(2):  # it has to be gone before it can come back
        operator.types("rails", "reconcile")
    found = ada.ask(NODE, id=withdrawn["transfer"]["id"]).data["node"]
    assert found == {"status": "RETURNED", "amount": {"amount": "30.00"}}
    assert operator.types("rails", "list") == "Nothing waits for you.\n"

    wallet = ada.ask(STATEMENT).data["viewer"]["wallet"]
    assert wallet["balance"] == {"available": {"amount": "90.00"}}
    lines = wallet["entries"]["nodes"]
    assert [line["amount"]["amount"] for line in lines] == ["30.00", "-30.00", "-10.00", "100.00"]
    refund_of = {"id": withdrawn["transfer"]["id"], "status": "RETURNED"}
    assert lines[0]["transfer"] == {"__typename": "Refund", "refundOf": refund_of}
    assert (wallet["statement"]["entryCount"], wallet["statement"]["closing"]) == (4, {"amount": "90.00"})
    file = ada.reads(wallet["statement"]["csvUrl"])
    assert [(line["kind"], line["amount"]) for line in file] == [
        ("TOP_UP", "100.00"),
        ("TIP", "-10.00"),
        ("WITHDRAWAL", "-30.00"),
        ("REFUND", "30.00"),
    ]
    assert "All of it adds up" in operator.types("ledger", "verify")
