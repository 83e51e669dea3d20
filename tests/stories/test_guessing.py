"""Somebody guesses passwords: over HTTP nothing tells whether there is such an account, and guessing gets slow."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from resolvers.tries import Tries
from tests.harness.client import Client
from tests.harness.redis import Redis
from tests.harness.server import serve

PASSWORD, WRONG = "correct horse battery", "wrong horse battery"
SIGN_UP = """mutation ($password: String!) {
  signUp(input: { handle: "robin", password: $password }) { userErrors { ... on UserError { message } } }
}"""
SIGN_IN = """mutation ($handle: String!, $password: String!) {
  signIn(input: { handle: $handle, password: $password }) {
    token
    userErrors { __typename ... on UserError { code message path } }
  }
}"""


def test_guessing_is_slowed_down_and_tells_nothing(client: Client) -> None:
    assert client.run(SIGN_UP, {"password": PASSWORD}).data == {"signUp": {"userErrors": []}}
    client.http.cookies.clear()

    def tries(handle: str, password: str = WRONG) -> Any:
        answer = client.run(SIGN_IN, {"handle": handle, "password": password})
        assert "set-cookie" not in answer.headers
        return answer.data["signIn"]

    known, unknown = [], []
    for _ in range(Tries.FREE_FOR_ACCOUNT):
        known.append(tries("robin"))
        unknown.append(tries("nobody"))
    assert known == unknown
    assert {error["code"] for found in known for error in found["userErrors"]} == {"INVALID"}


def test_a_document_full_of_guesses_is_as_many_tries(client: Client) -> None:
    assert client.run(SIGN_UP, {"password": PASSWORD}).data == {"signUp": {"userErrors": []}}
    client.http.cookies.clear()
    fields = [f't{n}: signIn(input: {{ handle: "robin", password: $wrong }}) {{ ...F }}' for n in range(50)]
    fields.append('last: signIn(input: { handle: "robin", password: $right }) { ...F }')
    document = f"""mutation ($wrong: String!, $right: String!) {{ {" ".join(fields)} }}
        fragment F on SessionPayload {{ token userErrors {{ __typename ... on UserError {{ message }} }} }}"""
    payloads: dict[str, Any] = {}
    for _ in range(10):
        payloads = client.run(document, {"wrong": WRONG, "right": PASSWORD}).data
        if payloads["last"]["token"] is None:  # it has one if the machine took a second for a few refusals
            break
    assert all(payload["token"] is None for payload in payloads.values())
    [error] = payloads["last"]["userErrors"]
    assert error["__typename"] == "NotPermittedError"
    assert error["message"].startswith("There were too many wrong passwords. Try again in ")


def test_processes_that_share_a_redis_count_guesses_together(database_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        redis = stack.enter_context(Redis())
        clients = []
        for name in ("one", "other"):
            folder = tmp_path / name
            folder.mkdir()
            shared = {"HATFUL_RATE_LIMIT_STORAGE": redis.url}
            server = stack.enter_context(serve(folder, "--database", database_url, environment=shared))
            clients.append(Client(server.url))
            stack.callback(clients[-1].close)
        # Each process by itself would let twice as many pass. So it may be if Redis is slow, but not each time.
        assert any(is_slowed_down(clients, f"robin_{n}") for n in range(5))


def is_slowed_down(clients: list[Client], handle: str) -> bool:
    """Whether of as many guesses by each client as are free for a handle some are refused."""
    kinds = []
    for client in clients * Tries.FREE_FOR_ACCOUNT:
        answer = client.run(SIGN_IN, {"handle": handle, "password": WRONG})
        kinds += [error["__typename"] for error in answer.data["signIn"]["userErrors"]]
    assert kinds[: Tries.FREE_FOR_ACCOUNT] == ["InputError"] * Tries.FREE_FOR_ACCOUNT
    return "NotPermittedError" in kinds
