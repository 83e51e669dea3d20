"""Many clients at once: whatever they do, no money is lost or made, and each acknowledged transfer is there once."""

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import httpx2
import pytest

from tests.harness.backdoor import Backdoor
from tests.harness.client import PATIENCE_SECONDS, Client
from tests.harness.server import Server, command, serve, surroundings
from tests.stories.people import Person

CLIENTS, ACCOUNTS = 32, 16
START_CENTS = 50_00
REFUSALS = {"InsufficientFundsError", "LimitExceededError"}
SHORT_SECONDS, LONG_SECONDS = 3.0, 20.0

TIP = """
mutation ($to: ID!, $amount: Decimal!, $key: String!) {
  moved: tipPost(input: { postId: $to, amount: { amount: $amount }, idempotencyKey: $key }) {
    transfer: tip { id } wallet { balance { available { minorUnits } } } replayed userErrors { __typename }
  }
}
"""
SEND = """
mutation ($to: ID!, $amount: Decimal!, $key: String!) {
  moved: sendMoney(input: { to: { userId: $to }, amount: { amount: $amount }, idempotencyKey: $key }) {
    transfer: payment { id } wallet { balance { available { minorUnits } } } replayed userErrors { __typename }
  }
}
"""
LOOK = """
query ($post: ID!) {
  viewer { wallet { balance { available { minorUnits } held { minorUnits } pending { minorUnits } version } } }
  post(id: $post) { tipCount tipTotal { minorUnits } }
}
"""
LEAST = """
SELECT min(credits_posted - debits_posted - debits_pending), sum(credits_posted - debits_posted)
FROM accounts WHERE code = 'WALLET'
"""


class Order(NamedTuple):
    """A transfer that a client asks for."""

    payer: int
    payee: int
    is_tip: bool
    cents: int
    key: str


class Answered(NamedTuple):
    """What the clients were told."""

    moved: dict[str, Order]
    """By the transfer's id, what was asked for."""
    refused: int
    replayed: int


@contextmanager
def _free_server(database_url: str, folder: Path, **environment: str) -> Iterator[Server]:
    """The real server on the test's database, which counts no requests: all of these come from one address."""
    folder.mkdir()
    with serve(folder, "--database", database_url, environment={"HATFUL_RATE_LIMITS": "off", **environment}) as server:
        yield server


@pytest.fixture
def server_of_crowds(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """The server with the limits on money that everybody has."""
    with _free_server(database_url, tmp_path / "home") as server:
        yield server


@pytest.fixture
def server_of_spenders(database_url: str, tmp_path: Path) -> Iterator[Server]:
    """The server without limits on money, which a long test would only run into."""
    with _free_server(database_url, tmp_path / "home", HATFUL_MONEY_LIMITS="off") as server:
        yield server


class Crowd:
    """Sixteen accounts with a post each, and thirty-two clients that move money among them."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        client = Client(url)
        self.people = [Person(client, "crowd") for _ in range(ACCOUNTS)]
        for person in self.people:
            person.tops_up(f"{START_CENTS // 100}.00")
        self.posts = [person.posts("Tip me") for person in self.people]
        client.close()
        self._moved: dict[str, Order] = {}
        self._outcomes: Counter[str] = Counter()

    async def move_money(self) -> Answered:
        """Lets the clients run until the time is over and all of them have their answers."""
        limits = httpx2.Limits(max_connections=CLIENTS, max_keepalive_connections=CLIENTS)
        async with httpx2.AsyncClient(
            base_url=self._url, timeout=PATIENCE_SECONDS, trust_env=False, limits=limits
        ) as http:
            end = time.monotonic() + self._seconds
            async with asyncio.TaskGroup() as clients:
                for seed in range(CLIENTS):
                    clients.create_task(self._client(http, random.Random(seed), end))
        return Answered(self._moved, self._outcomes["refused"], self._outcomes["replayed"])

    async def balances(self) -> list[int]:
        """Each account's balance, after a look at its post."""
        client = Client(self._url)
        looks = [
            client.run(LOOK, {"post": post}, token=person.token).data
            for person, post in zip(self.people, self.posts, strict=True)
        ]
        client.close()
        for place, look in enumerate(looks):
            tips = [order for order in self._moved.values() if order.is_tip and order.payee == place]
            assert look["post"]["tipCount"] == len(tips)
            assert int(look["post"]["tipTotal"]["minorUnits"]) == sum(order.cents for order in tips)
            touched = [order for order in self._moved.values() if place in (order.payer, order.payee)]
            assert int(look["viewer"]["wallet"]["balance"]["version"]) == 1 + len(touched)
        return [int(look["viewer"]["wallet"]["balance"]["available"]["minorUnits"]) for look in looks]

    async def _client(self, http: httpx2.AsyncClient, chance: random.Random, end: float) -> None:
        while time.monotonic() < end:
            payer, payee = chance.sample(range(ACCOUNTS), 2)
            # The first account is the one that everybody tips; amounts are such that wallets run dry.
            payee = 0 if payer and chance.random() < 0.3 else payee
            order = Order(payer, payee, chance.random() < 0.7, chance.choice([1, 99, 7_00, 21_00]), uuid4().hex)
            tries = 2 if chance.random() < 0.2 else 1  # the same request twice, as after a lost answer
            async with asyncio.TaskGroup() as requests:
                for _ in range(tries):
                    requests.create_task(self._order(http, order))

    async def _order(self, http: httpx2.AsyncClient, order: Order) -> None:
        to = self.posts[order.payee] if order.is_tip else self.people[order.payee].id
        amount = f"{order.cents // 100}.{order.cents % 100:02}"
        body = {
            "query": TIP if order.is_tip else SEND,
            "variables": {"to": to, "amount": amount, "key": order.key},
        }
        headers = {"authorization": f"Bearer {self.people[order.payer].token}"}
        response = await http.post("/graphql", json=body, headers=headers)
        answer: dict[str, Any] = response.json()
        assert "errors" not in answer, answer
        self._note(order, answer["data"]["moved"])

    def _note(self, order: Order, moved: dict[str, Any]) -> None:
        if moved["userErrors"]:
            [error] = moved["userErrors"]
            assert error["__typename"] in REFUSALS
            assert moved["transfer"] is None
            self._outcomes["refused"] += 1
            return
        assert int(moved["wallet"]["balance"]["available"]["minorUnits"]) >= 0
        known = self._moved.setdefault(moved["transfer"]["id"], order)
        assert known == order, "one transfer for each request"
        self._outcomes["replayed"] += moved["replayed"]


async def _story(server: Server, database_url: str, backdoor: Backdoor, tmp_path: Path, seconds: float) -> None:
    crowd = await asyncio.to_thread(Crowd, server.url, seconds)
    answered = await crowd.move_money()
    assert len(answered.moved) > 50
    assert answered.refused
    assert answered.replayed

    # The total has not changed, no balance is negative, and each is what the acknowledged transfers make it.
    balances = await crowd.balances()
    expected = [START_CENTS] * ACCOUNTS
    for order in answered.moved.values():
        expected[order.payer] -= order.cents
        expected[order.payee] += order.cents
    assert balances == expected
    assert min(balances) >= 0
    assert sum(balances) == START_CENTS * ACCOUNTS
    [(least, total)] = await backdoor.fetch(LEAST)
    assert least >= 0
    assert total == START_CENTS * ACCOUNTS
    [(lowest,)] = await backdoor.fetch("SELECT min(balance_after) FROM entries WHERE amount < 0 AND balance_after < 0")
    assert lowest is None

    # Each acknowledged transfer is there once, and no other is.
    rows = await backdoor.fetch("SELECT id, kind FROM transfers WHERE kind <> 'TOP_UP'")
    stored = Counter(f"{kind.lower()}_{key.hex() if isinstance(key, bytes) else key.hex}" for key, kind in rows)
    assert stored == Counter(answered.moved.keys())
    [(journals,)] = await backdoor.fetch("SELECT count(*) FROM journals WHERE kind NOT LIKE 'TOP_UP%'")
    assert journals == len(answered.moved)

    folder = tmp_path / "audit"
    folder.mkdir()
    words = command("ledger", "verify", "--database", database_url)
    verified = await asyncio.to_thread(
        subprocess.run, words, cwd=folder, env=surroundings(folder), capture_output=True, text=True, check=False
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert f"{journals + 2 * ACCOUNTS:,} journals" in verified.stdout


async def test_many_clients_at_once_lose_and_make_no_money(
    server_of_crowds: Server, database_url: str, backdoor: Backdoor, tmp_path: Path
) -> None:
    await _story(server_of_crowds, database_url, backdoor, tmp_path, SHORT_SECONDS)


@pytest.mark.proof
async def test_many_clients_for_long_lose_and_make_no_money(
    server_of_spenders: Server, database_url: str, backdoor: Backdoor, tmp_path: Path
) -> None:
    await _story(server_of_spenders, database_url, backdoor, tmp_path, LONG_SECONDS)
