"""Whatever is sent to the real server: an answer in time, no fault of the server's own, and books that are in order."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from tests.harness.client import Client
from tests.harness.server import Server, command, serve, surroundings
from tests.proofs.conftest import Say
from tests.proofs.hostility import Attack, Seen, attacks
from tests.stories.people import Person

ANSWER_SECONDS = 20.0
"""Within this a request must be answered, even on a machine that is busy with other things."""
MAX_FAULTS = 10
SESSIONS = 4
OWN_FAULTS = {"INTERNAL", "UNAVAILABLE"}
URL_BYTES = 8_000
MEDIA_TYPES = ["application/json", "application/graphql-response+json", "*/*"]

CREATE_TOKEN = """
mutation ($scope: TokenScope!) {
  createAccessToken(input: { name: "app", scopes: [$scope] }) { secret }
}
"""
SCENE = """
mutation ($post: ID!, $user: ID!, $reply: CreatePostInput!, $key: String!) {
  createPost(input: $reply) { userErrors { __typename } }
  likePost(input: { id: $post }) { userErrors { __typename } }
  repostPost(input: { id: $post }) { userErrors { __typename } }
  followUser(input: { id: $user }) { userErrors { __typename } }
  tipPost(input: { postId: $post, amount: { amount: "2" }, idempotencyKey: $key }) { userErrors { __typename } }
}
"""
LOOK = """
query {
  feed(first: 10) {
    edges {
      cursor
      node {
        id replies(first: 2) { edges { cursor } } tips(first: 2) { edges { cursor node { id } } }
        author { id handle posts(first: 2) { edges { cursor } } followers(first: 2) { edges { cursor } } }
      }
    }
  }
  following: feed(kind: FOLLOWING, first: 5) { edges { cursor } }
  viewer {
    accessTokens { id } fundingSources { id }
    wallet { id entries(first: 10) { edges { cursor node { id transfer { id } } } } }
  }
}
"""


class Attacker:
    """Somebody with several accounts and tokens, who sends whatever comes to mind and looks for faults."""

    def __init__(self, server: Server, seed: int) -> None:
        self.faults: list[str] = []
        self.counts: Counter[str] = Counter()
        self.slowest = 0.0
        self._server = server
        self._client = Client(server.url)
        self._random = Random(seed)
        self._seen = Seen()
        self._post: str | None = None
        self._user: str | None = None
        self._tokens = [self._token(place) for place in range(SESSIONS + 2)]

    def run(self, attack: Attack) -> None:
        """Sends one operation, by one of the accounts or by none, and judges the answer."""
        attack = self._seen.filled(attack)
        place = self._random.randrange(len(self._tokens) + 1)
        token = self._tokens[place] if place < len(self._tokens) else None
        began = time.monotonic()
        try:
            response = self._send(attack, token)
        except httpx2.TransportError as error:
            self._blame(attack, repr(error))
            return
        self.slowest = max(self.slowest, time.monotonic() - began)
        if response.status_code == 401 and token is not None:  # signed out, or revoked, by an operation before
            self._tokens[place] = self._token(place)
        self._judge(attack, response)
        self._seen.look(response.text)

    def close(self) -> None:
        """Closes its connections."""
        self._client.close()

    def _token(self, place: int) -> str:
        """The token of a new account, which has something to do with the one before."""
        person = Person(self._client, "fuzz")
        person.tops_up("50")
        if self._post is not None:
            reply = {"text": "Here", "replyToId": self._post, "quoteOfId": self._post}
            person.ask(SCENE, post=self._post, user=self._user, reply=reply, key="key 1")
        self._post, self._user = person.posts("Here"), person.id
        self._seen.look(json.dumps(person.ask(LOOK).data))
        if place < SESSIONS:
            return person.token
        scope = "READ" if place == SESSIONS else "WRITE"
        secret: str = person.ask(CREATE_TOKEN, scope=scope).data["createAccessToken"]["secret"]
        return secret

    def _send(self, attack: Attack, token: str | None) -> httpx2.Response:
        http = self._client.http
        http.cookies.clear()
        headers = {"accept": self._random.choice(MEDIA_TYPES)}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        variables = json.dumps(attack.variables)
        by_url = self._random.random() < 0.1 and len(attack.query) + len(variables) < URL_BYTES
        if by_url and attack.query.isascii():
            parameters = {"query": attack.query, "variables": variables}
            return http.get("/graphql", params=parameters, headers=headers, timeout=ANSWER_SECONDS)
        body = json.dumps({"query": attack.query, "variables": attack.variables}).encode()
        headers["content-type"] = "application/json"
        return http.post("/graphql", content=body, headers=headers, timeout=ANSWER_SECONDS)

    def _judge(self, attack: Attack, response: httpx2.Response) -> None:
        self.counts["sent"] += 1
        if response.status_code >= 500:
            self._blame(attack, f"{response.status_code}: {response.text[:500]}")
            return
        answer: dict[str, Any] = response.json()
        errors = answer.get("errors", [])
        self.counts["run"] += "data" in answer
        self.counts["without errors"] += not errors
        found = [error for error in errors if error["extensions"]["code"] in OWN_FAULTS]
        if found:
            self._blame(attack, json.dumps(found)[:500])

    def _blame(self, attack: Attack, why: str) -> None:
        self.faults.append(f"{why}\n{attack.query[:2_000]}\n{json.dumps(attack.variables)[:2_000]}")


@pytest.fixture
def target(database_url: str, tmp_path: Path, seed: int) -> Iterator[Server]:
    """The real server, which counts no requests; half the time it does not limit money either."""
    folder = tmp_path / "home"
    folder.mkdir()
    environment = {"HATFUL_RATE_LIMITS": "off", "HATFUL_MONEY_LIMITS": "on" if seed % 2 else "off"}
    with serve(folder, "--database", database_url, environment=environment) as server:
        yield server


@pytest.mark.parametrize("seconds", [30.0, pytest.param(300.0, id="full", marks=pytest.mark.proof)])
def test_no_operation_finds_a_fault_of_the_server(
    target: Server, database_url: str, seconds: float, seed: int, say: Say
) -> None:
    print(f"PROOF_SEED={seed}")  # noqa: T201 - pytest shows it when the test fails
    attacker = Attacker(target, seed)
    end = time.monotonic() + seconds
    for attack in attacks(seed):
        attacker.run(attack)
        if time.monotonic() > end or len(attacker.faults) >= MAX_FAULTS:
            break
    attacker.close()
    assert not attacker.faults, "\n\n".join(attacker.faults)
    assert attacker.counts["run"] > attacker.counts["sent"] / 4
    assert target.stop() == 0
    assert "Traceback" not in target.log.read_text()
    _verify(database_url, target.log.parent)
    say(
        f"fuzz: {attacker.counts['sent']:,} operations, {attacker.counts['run']:,} were run,"
        f" {attacker.counts['without errors']:,} without errors, the slowest answer took {attacker.slowest:.1f} s"
    )


def _verify(database_url: str, folder: Path) -> None:
    words = command("ledger", "verify", "--database", database_url)
    verified = subprocess.run(words, cwd=folder, env=surroundings(folder), capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
