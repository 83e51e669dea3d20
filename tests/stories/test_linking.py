"""A card and a bank account are linked over HTTP, as an app does it; and their numbers are found nowhere."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness.audits import everything_stored
from tests.harness.backdoor import backdoor
from tests.harness.client import Client
from tests.harness.server import Server, serve
from tests.stories.people import PASSWORD, Person, new_handle

VISA, MISTYPED, ROUTING, ACCOUNT = "4000056655665556", "4000056655665557", "110000000", "000123456789"
KEY = "b25seSBmb3IgdGVzdHM6IDMyIGJ5dGVzIG9mIHRleHQ="
SOURCES = """
{ viewer { fundingSources {
  id label verified __typename ... on DebitCard { brand last4 expires } ... on BankAccount { last4 }
} } }
"""
ERRORS = "userErrors { __typename ... on UserError { code message path } }"
LINK_CARD = f"""mutation ($token: String!) {{
  linkCard(input: {{ vaultToken: $token }}) {{ fundingSource {{ id label verified }} {ERRORS} }} }}"""
LINK_ACCOUNT = f"""mutation ($routing: String!, $number: String!) {{
  linkBankAccount(input: {{ routingNumber: $routing, accountNumber: $number }}) {{
    fundingSource {{ id verified }} {ERRORS} }} }}"""
VERIFY = f"""mutation ($id: ID!, $amounts: [Int!]!) {{
  verifyBankAccount(input: {{ id: $id, depositMinorUnits: $amounts }}) {{
    fundingSource {{ id verified }} query {{ viewer {{ fundingSources {{ id verified }} }} }} {ERRORS} }} }}"""
REMOVE = f"""mutation ($id: ID!) {{
  removeFundingSource(input: {{ id: $id }}) {{ fundingSource {{ id removedAt }} {ERRORS} }} }}"""
EVENTS = "{ viewer { securityEvents { nodes { kind subject { __typename id } } } } }"
SIGN_UP = """mutation ($handle: String!, $password: String!) {
  signUp(input: { handle: $handle, password: $password }) { token } }"""


@pytest.fixture
def talkative(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server that logs all that it can, in one form or the other."""
    log_format = "json" if database_url.startswith("sqlite") else "console"
    environment = {"HATFUL_LOG_FORMAT": log_format, "HATFUL_LOG_LEVEL": "debug", "HATFUL_VAULT_KEYS": KEY}
    with serve(tmp_path, "--database", database_url, environment=environment) as server:
        yield server


@pytest.fixture
def visitor(talkative: Server) -> Iterator[Client]:
    with closing(Client(talkative.url)) as client:
        yield client


def stored_in(url: str) -> str:
    async def read() -> str:
        async with backdoor(url) as database:
            return await everything_stored(database)

    return asyncio.run(read())


def keep(person: Person, number: str) -> Any:
    """What the vault answers to an app that posts a card's number."""
    headers = {"authorization": f"Bearer {person.token}"}
    return person.client.http.post("/vault/cards", json={"number": number, "expires": "08/30"}, headers=headers).json()


def test_a_person_links_a_card_on_the_page(visitor: Client) -> None:
    signed = visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD}).data["signUp"]
    page = visitor.http.get("/vault/cards")  # by the cookie, as a browser
    assert '<form method="post" action="/vault/cards">' in page.text
    kept = visitor.http.post(
        "/vault/cards", data={"number": VISA, "expires": "08/30"}, headers={"sec-fetch-site": "same-origin"}
    )
    [token] = re.findall(r"vault_[\w-]{43}", kept.text)
    payload = visitor.run(LINK_CARD, {"token": token}, signed["token"]).data["linkCard"]
    assert (payload["userErrors"], payload["fundingSource"]["label"]) == ([], "Visa …5556")


def test_an_app_links_a_card_and_a_bank_account(talkative: Server, visitor: Client, database_url: str) -> None:
    ada = Person(visitor, "ada")
    assert keep(ada, MISTYPED)["errors"][0]["extensions"] == {"code": "INVALID", "field": "number"}
    kept = keep(ada, VISA)
    assert (kept["brand"], kept["last4"], kept["expires"]) == ("Visa", "5556", "08/2030")
    unlinked = stored_in(database_url)
    assert kept["token"] in unlinked

    card = ada.ask(LINK_CARD, token=kept["token"]).data["linkCard"]["fundingSource"]
    linked = ada.ask(LINK_ACCOUNT, routing=ROUTING, number=ACCOUNT).data["linkBankAccount"]["fundingSource"]
    assert (card["verified"], linked["verified"]) == (True, False)
    [wrong] = ada.ask(VERIFY, id=linked["id"], amounts=[1, 2]).data["verifyBankAccount"]["userErrors"]
    assert (wrong["code"], wrong["path"]) == ("INVALID", ["depositMinorUnits"])
    verified = ada.ask(VERIFY, id=linked["id"], amounts=[45, 32]).data["verifyBankAccount"]
    assert verified["fundingSource"]["verified"] is True
    assert verified["query"]["viewer"]["fundingSources"][-1] == {"id": linked["id"], "verified": True}

    sources = ada.ask(SOURCES).data["viewer"]["fundingSources"]
    assert [source["label"] for source in sources] == ["Sandbox card", "Visa …5556", "Bank account …6789"]
    assert sources[1]["expires"] == "08/2030"
    assert sources[2]["__typename"] == "BankAccount"
    assert ada.ask(REMOVE, id=card["id"]).data["removeFundingSource"]["fundingSource"]["removedAt"]
    assert len(ada.ask(SOURCES).data["viewer"]["fundingSources"]) == 2
    events = ada.ask(EVENTS).data["viewer"]["securityEvents"]["nodes"]
    assert [event["kind"] for event in events[:5]] == [
        "SOURCE_REMOVED",
        "BANK_ACCOUNT_VERIFIED",
        "BANK_ACCOUNT_REFUSED",
        "BANK_ACCOUNT_LINKED",
        "CARD_LINKED",
    ]
    assert events[0]["subject"] == {"__typename": "DebitCard", "id": card["id"]}

    log, stored = talkative.log.read_text(), stored_in(database_url)
    assert "/vault/cards" in log
    assert "Bank account …6789" in stored
    for number in (VISA, MISTYPED, ACCOUNT):
        assert number not in log
        assert number not in unlinked
        assert number not in stored
