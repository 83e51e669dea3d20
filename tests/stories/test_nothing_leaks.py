"""What clients send in confidence is in no log, and what goes wrong inside is in no answer. On a server of its own.

Numbers of cards and accounts are searched for whatever the tests do: see `tests/harness/leaks.py`.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.audits import everything_stored
from tests.harness.backdoor import backdoor
from tests.harness.client import Answer, Client
from tests.harness.leaks import numbers_in
from tests.harness.server import Server, serve
from tests.stories.people import new_handle

PASSWORD, NOTE = "correct horse battery", "between you and me"
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|asyncpg|sqlite|orjson|graphql-core|strawberry|SELECT |INSERT |constraint|credentials",
    re.IGNORECASE,
)
SIGN_UP = """mutation ($handle: String!, $password: String!) {
  signUp(input: { handle: $handle, password: $password }) { token userErrors { __typename } } }"""
SIGN_IN = """mutation ($handle: String!, $password: String!) {
  signIn(input: { handle: $handle, password: $password }) { token userErrors { __typename } } }"""
NEW_TOKEN = """mutation { createAccessToken(input: { name: "An app", scopes: [READ, PAY] }) {
  secret accessToken { id } userErrors { __typename } } }"""
REVOKE = "mutation ($id: ID!) { revokeAccessToken(input: { id: $id }) { userErrors { __typename } } }"
TOP_UP = """mutation ($key: String!) { topUpWallet(input: { amount: { amount: 5 }, idempotencyKey: $key }) {
  transfer { id } userErrors { __typename } } }"""
SEND = """mutation ($to: String!, $amount: Decimal!, $note: String, $key: String!) {
  sendMoney(input: { to: { handle: $to }, amount: { amount: $amount }, note: $note, idempotencyKey: $key }) {
    payment { note } userErrors { __typename } } }"""

KEY = "b25seSBmb3IgdGVzdHM6IDMyIGJ5dGVzIG9mIHRleHQ="
CARD, DECLINED, MISTYPED, CVV = "4000056655665556", "4000000000000002", "4000056655665557", "9173"
ROUTING, ACCOUNT, UNKNOWN_ACCOUNT = "110000000", "000111111113", "000999999991"
ALONE = re.compile(rf"(?<![0-9A-Za-z.]){CVV}(?![0-9A-Za-z])")
LINK_CARD = """mutation ($kept: String!) { linkCard(input: { vaultToken: $kept }) {
  fundingSource { id label } userErrors { __typename ... on UserError { message } } } }"""
LINK_ACCOUNT = """mutation ($number: String!) {
  linkBankAccount(input: { routingNumber: "110000000", accountNumber: $number }) {
  fundingSource { id label } userErrors { __typename ... on UserError { message } } } }"""
LINK_WHOLE = """mutation ($input: LinkBankAccountInput!) {
  linkBankAccount(input: $input) { fundingSource { id } } }"""
DRAW = """mutation ($source: ID!, $key: String!) {
  topUpWallet(input: { fundingSourceId: $source, amount: { amount: 5 }, idempotencyKey: $key }) {
    transfer { id } userErrors { __typename ... on UserError { message } } } }"""
EVERYTHING = """{ viewer {
  fundingSources { id label __typename ... on DebitCard { brand last4 expires } ... on BankAccount { last4 } }
  securityEvents(first: 50) { nodes { kind address subject { id } } }
  wallet { entries(first: 50) { nodes { amount { amount } transfer { id note status } } } }
} }"""

BREAK = {
    "sqlite": "CREATE TRIGGER broken_{0} BEFORE INSERT ON {0} BEGIN SELECT RAISE(ABORT, 'broken constraint'); END",
    "postgresql": "ALTER TABLE {0} ADD CONSTRAINT broken_{0} CHECK ({1} IS NULL) NOT VALID",
}
"""Makes that no row of a table can be written. PostgreSQL then tells the row that it was."""


@pytest.fixture
def talkative(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server that logs all that it can, in one form or the other."""
    log_format = "json" if database_url.startswith("sqlite") else "console"
    environment = {"HATFUL_LOG_FORMAT": log_format, "HATFUL_LOG_LEVEL": "debug", "HATFUL_VAULT_KEYS": KEY}
    with serve(tmp_path, "--database", database_url, environment=environment) as server:
        yield server


class Confidence:
    """A visitor who remembers all that was confidential in what they sent and got."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.secrets = {PASSWORD, NOTE}

    def run(self, query: str, token: str | None = None, **variables: Any) -> Answer:
        answer = self.client.run(query, variables, token)
        self._remember(answer.body)
        self.secrets |= set(self.client.http.cookies.values())
        assert not INSIDES.search(str(answer.body)), answer.body
        return answer

    def _remember(self, value: Any) -> None:
        for key, each in value.items():
            if key in {"token", "secret"} and each:
                self.secrets.add(each)
            if isinstance(each, dict):
                self._remember(each)


def live(visitor: Confidence) -> str:
    """Signs up, in and out, makes tokens and moves money, rightly and wrongly; returns the token of a session."""
    run, handle, other = visitor.run, new_handle("ada"), new_handle("ben")
    run(SIGN_UP, handle=other, password=PASSWORD)
    run(SIGN_UP, handle=handle, password=PASSWORD)
    run(SIGN_UP, handle=handle, password=PASSWORD)
    run(SIGN_IN, handle=handle, password=PASSWORD + "!")
    session: str = run(SIGN_IN, handle=handle, password=PASSWORD).data["signIn"]["token"]
    run("{ viewer { accessTokens { id } } }")  # by the cookie
    made = run(NEW_TOKEN, session).data["createAccessToken"]
    run(TOP_UP, made["secret"], key=uuid4().hex)
    for amount in ("1.00", "900.00"):
        run(SEND, made["secret"], to=other, amount=amount, note=NOTE, key=uuid4().hex)
    run(SEND, made["secret"], to=other, amount=PASSWORD, note=NOTE, key=uuid4().hex)
    run(REVOKE, session, id=made["accessToken"]["id"])
    assert run(TOP_UP, made["secret"], key=uuid4().hex).status == 401
    run("mutation { signOut { userErrors { __typename } } }", made["secret"])
    http = visitor.client.http
    http.get("/graphql", params={"query": f'{{ user(handle: "{PASSWORD}") {{ id }} }}'})
    http.get("/nothing", params={"password": PASSWORD}, headers={"authorization": f"Basic {made['secret']}"})
    http.post("/graphql", content=f'{{"query": "{PASSWORD}', headers={"content-type": "application/json"})
    http.post("/graphql", content=PASSWORD, headers={"content-type": "text/plain"})
    return session


def break_down(url: str, **columns: str) -> None:
    """Makes that no row can be written to these tables; a column that no row may leave empty is named of each."""

    async def run() -> None:
        async with backdoor(url) as database:
            for table, column in columns.items():
                await database.fetch(BREAK[database.dialect].format(table, column))

    asyncio.run(run())


def test_no_secret_is_in_the_log_and_an_error_s_id_finds_its_line(talkative: Server, database_url: str) -> None:
    with closing(Client(talkative.url)) as client:
        visitor = Confidence(client)
        session = live(visitor)
        break_down(database_url, credentials="password_hash", tokens="secret_hash")
        broken = [
            visitor.run(SIGN_UP, handle=new_handle("cem"), password=PASSWORD),
            visitor.run(NEW_TOKEN, session),
        ]
    log = talkative.log.read_text()
    assert "/graphql" in log
    for answer in broken:
        assert answer.codes == ["INTERNAL"]
        [error] = answer.body["errors"]
        assert error["extensions"]["id"] in error["message"]
        [_] = [line for line in log.splitlines() if error["extensions"]["id"] in line]
    assert len(visitor.secrets) == 6
    assert [secret for secret in visitor.secrets if secret in log] == []
    assert "argon2id$" not in log  # not even what is stored of them


class Cardholder(Confidence):
    """A visitor with a card and an account, who types their numbers wherever they can be typed."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.token: str = self.run(SIGN_UP, handle=new_handle("ada"), password=PASSWORD).data["signUp"]["token"]

    def keeps(self, number: str, **more: Any) -> dict[str, Any]:
        """What the vault answers."""
        card = {"number": number, "expires": "08/30", "cvv": CVV, **more}
        headers = {"authorization": f"Bearer {self.token}"}
        answer: dict[str, Any] = self.client.http.post("/vault/cards", json=card, headers=headers).json()
        return answer

    def draws(self, source_id: str) -> None:
        self.run(DRAW, self.token, source=source_id, key=uuid4().hex)

    def links_all(self) -> None:
        """Links a good card, one that is declined and an account, and draws from the cards."""
        for number in (CARD, DECLINED):
            kept = self.keeps(number)
            linked = self.run(LINK_CARD, self.token, kept=kept["token"]).data["linkCard"]
            self.draws(linked["fundingSource"]["id"])
        assert self.run(LINK_ACCOUNT, self.token, number=ACCOUNT).data["linkBankAccount"]["userErrors"] == []

    def mistypes_all(self) -> None:
        """Types numbers that cannot be, and numbers where none belong."""
        http, number = self.client.http, CARD
        for wrong in ({"number": MISTYPED}, {"number": [number]}, {"cvv": [number]}, {"expires": number}, {number: 1}):
            self.keeps(**({"number": number} | wrong))
        self.keeps(number, cvv=number)
        for text in (f"number={number}", f'{{"number": "{number}', number):
            http.post("/vault/cards", content=text, headers={"content-type": "application/json"})
        http.post("/vault/cards", data={"number": MISTYPED, "expires": "08/30", "cvv": CVV})
        http.get("/vault/cards", params={"number": number})
        for typed in (number, f"{number[:4]} {number[4:8]}-{number[8:]}"):
            assert http.get(f"/vault/cards/{typed}").status_code == 404
        for typed in (UNKNOWN_ACCOUNT, number, f"{ROUTING}{ACCOUNT}"):
            self.run(LINK_ACCOUNT, self.token, number=typed)
        self.run(LINK_ACCOUNT, self.token, number=[number])
        for literal in (f'routingNumber: 1, accountNumber: "{ACCOUNT}"', f"accountNumber: {number}"):
            self.run(f"mutation {{ linkBankAccount(input: {{ {literal} }}) {{ fundingSource {{ id }} }} }}", self.token)
        whole = {"routingNumber": 1, "accountNumber": ACCOUNT}
        self.run(LINK_WHOLE, self.token, input=whole)
        self.run(LINK_CARD, self.token, kept=number)


def test_no_number_of_a_card_or_an_account_is_in_the_log_the_database_or_an_answer(
    talkative: Server, database_url: str
) -> None:
    """The client searches each answer itself."""
    with closing(Client(talkative.url)) as client:
        ada = Cardholder(client)
        ada.links_all()
        ada.mistypes_all()
        shown = str(ada.run(EVERYTHING, ada.token).body)
        assert "Visa …5556" in shown
        assert "Bank account …1113" in shown
        break_down(database_url, vault="ciphertext", funding_sources="label")
        answers = [ada.keeps(CARD), ada.run(LINK_ACCOUNT, ada.token, number=ACCOUNT).body]
        assert [answer["errors"][0]["extensions"]["code"] for answer in answers] == ["INTERNAL", "INTERNAL"]
        log, stored = talkative.log.read_text(), stored_in(database_url)
    assert "broken" in log
    for text in (log, stored, shown):
        assert numbers_in(text) == []
        assert UNKNOWN_ACCOUNT not in text
        assert not ALONE.search(text)
    assert ALONE.search(f"cvv={CVV} ")


def stored_in(url: str) -> str:
    async def read() -> str:
        async with backdoor(url) as database:
            return await everything_stored(database)

    return asyncio.run(read())


def test_the_schema_is_not_told_where_that_is_switched_off(sqlite_url: str, tmp_path: Path) -> None:
    silent = {"HATFUL_INTROSPECTION": "off", "HATFUL_SUGGESTIONS": "off"}
    with (
        serve(tmp_path, "--database", sqlite_url, environment=silent) as server,
        closing(Client(server.url)) as client,
    ):
        assert set(client.run("{ __schema { types { name } } }").codes) == {"GRAPHQL_VALIDATION_FAILED"}
        assert "Did you mean" not in str(client.run("{ fed { nodes { id } } }").body)
        assert client.run("{ __typename }").data == {"__typename": "Query"}
