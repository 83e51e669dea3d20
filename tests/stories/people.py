"""People of the stories: they sign up over HTTP, and do everything as any client would."""

from itertools import count
from typing import Any
from uuid import uuid4

from tests.harness.client import Answer, Client

PASSWORD = "correct horse battery"
_numbers = count(1)

SIGN_UP = """
mutation ($input: SignUpInput!) {
  signUp(input: $input) { token viewer { user { id handle } } userErrors { ... on UserError { message } } }
}
"""
TOP_UP = """
mutation ($amount: Decimal!, $key: String!) {
  topUpWallet(input: { amount: { amount: $amount }, idempotencyKey: $key }) {
    transfer { id } userErrors { ... on UserError { message } }
  }
}
"""
POST = "mutation ($input: CreatePostInput!) { createPost(input: $input) { post { id } userErrors { __typename } } }"


def new_handle(name: str) -> str:
    """A handle that nobody on a shared server has."""
    return f"{name}_{next(_numbers)}_{uuid4().hex[:6]}"


class Person:
    """Somebody who has signed up."""

    def __init__(self, client: Client, name: str) -> None:
        self.client = client
        given = {"handle": new_handle(name), "displayName": name.title(), "password": PASSWORD}
        signed = client.run(SIGN_UP, {"input": given}).data["signUp"]
        client.http.cookies.clear()  # a story's people share a client; each goes by their own token
        self.token: str = signed["token"]
        self.id: str = signed["viewer"]["user"]["id"]
        self.handle: str = signed["viewer"]["user"]["handle"]

    def ask(self, query: str, **variables: Any) -> Answer:
        """Runs an operation in their name."""
        return self.client.run(query, variables, token=self.token)

    def tops_up(self, amount: str) -> None:
        """Draws money from the sandbox card."""
        payload = self.ask(TOP_UP, amount=amount, key=uuid4().hex).data["topUpWallet"]
        assert payload["userErrors"] == []

    def posts(self, text: str) -> str:
        """Posts a text, and returns its id."""
        post_id: str = self.ask(POST, input={"text": text}).data["createPost"]["post"]["id"]
        return post_id
