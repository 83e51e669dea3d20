"""A token that may tip at most 5 dollars a day, and nothing else: safe to hand to an app or an agent."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.harness.client import Answer, Client
from tests.stories.people import Person

TOKEN = """
mutation {
  createAccessToken(input: { name: "Tip jar", scopes: [PAY], spendLimitPerDay: { amount: "5.00" } }) {
    secret userErrors { __typename }
  }
}
"""
TIP = """
mutation ($post: ID!, $amount: Decimal!, $key: String!) {
  tipPost(input: { postId: $post, amount: { amount: $amount }, idempotencyKey: $key }) {
    tip { id } userErrors { ...Code }
  }
}
fragment Code on UserError { code }
"""
BALANCE = "{ viewer { wallet { balance { available { amount } } } } }"


class TipJar:
    """Ada with 20 dollars, a post of Ben's, and an app that has a token of Ada's."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.ada, self.ben = Person(client, "ada"), Person(client, "ben")
        self.ada.tops_up("20.00")
        self.post = self.ben.posts("I have a hat")
        self.secret: str = self.ada.ask(TOKEN).data["createAccessToken"]["secret"]

    def ask(self, query: str, **variables: Any) -> Answer:
        """What the app asks for with its token."""
        return self.client.run(query, variables, token=self.secret)

    def tip(self, amount: str, key: str) -> list[str]:
        """The codes of what went wrong."""
        payload = self.ask(TIP, post=self.post, amount=amount, key=key).data["tipPost"]
        assert (payload["tip"] is None) == bool(payload["userErrors"])
        return [error["code"] for error in payload["userErrors"]]

    def balance(self) -> str:
        available: str = self.ada.ask(BALANCE).data["viewer"]["wallet"]["balance"]["available"]["amount"]
        return available


@pytest.fixture
def jar(visitor: Client) -> TipJar:
    return TipJar(visitor)


def test_the_app_tips_up_to_five_dollars_and_no_cent_more(jar: TipJar) -> None:
    assert jar.tip("3.00", "a") == []
    assert jar.tip("2.01", "b") == ["LIMIT_EXCEEDED"]
    assert jar.tip("2.00", "c") == []
    assert jar.tip("0.01", "d") == ["LIMIT_EXCEEDED"]
    assert jar.tip("3.00", "a") == [], "a retry is answered as before, and moves nothing"
    assert jar.balance() == "15.00"


def test_many_at_once_do_not_pass_the_limit_together(jar: TipJar) -> None:
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda n: jar.tip("1.00", f"tip {n}"), range(12)))
    assert (outcomes.count([]), outcomes.count(["LIMIT_EXCEEDED"])) == (5, 7)
    assert jar.balance() == "15.00"


REFUSED = {
    "createPost": 'createPost(input: { text: "Buy now" })',
    "followUser": "followUser(input: { id: $ben })",
    "topUpWallet": 'topUpWallet(input: { amount: { amount: "1.00" }, idempotencyKey: "more" })',
    "createAccessToken": 'createAccessToken(input: { name: "More", scopes: [PAY] })',
    "revokeOtherSessions": "revokeOtherSessions",
    "signOut": "signOut",
}


def test_the_app_does_nothing_else(jar: TipJar) -> None:
    for name, field in REFUSED.items():
        parameters = "($ben: ID!)" if "$ben" in field else ""
        code = "userErrors { ... on UserError { code } }"
        payload = jar.ask(f"mutation {parameters} {{ {field} {{ {code} }} }}", ben=jar.ben.id).data[name]
        assert payload["userErrors"] == [{"code": "NOT_PERMITTED"}], name
    assert jar.ask(BALANCE).codes == ["FORBIDDEN"]
    assert jar.balance() == "20.00"
