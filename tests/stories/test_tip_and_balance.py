"""The one round trip: tip a post, and read the tip, the post's total, the balance and the feed."""

from typing import Any

import pytest

from tests.harness.client import Client
from tests.stories.people import Person

TIP = """
mutation ($post: ID!, $amount: Decimal!, $key: String!) {
  tipPost(input: { postId: $post, amount: { amount: $amount }, note: "For the hat!", idempotencyKey: $key }) {
    tip { id amount { amount formatted } fee { amount } status note visibility sender { handle } recipient { handle } }
    post { id tipCount tipTotal { amount } viewerTipTotal { amount } }
    wallet { balance { available { amount } held { amount } pending { amount } version } }
    replayed
    query { feed(first: 1) { nodes { id tipTotal { amount } author { handle } } } }
    userErrors {
      __typename
      ... on UserError { code message path }
      ... on InsufficientFundsError { available { amount } shortfall { amount } }
      ... on IdempotencyConflictError { firstUsedAt }
    }
  }
}
"""
BALANCE = "{ viewer { wallet { balance { available { amount } version } } } }"


class Story:
    """Ada, who has 20 dollars, and a post of Ben's that is the latest."""

    def __init__(self, client: Client) -> None:
        self.ada, self.ben = Person(client, "ada"), Person(client, "ben")
        self.ada.tops_up("20.00")
        self.post = self.ben.posts("I have a hat")

    def tip(self, amount: str, key: str) -> Any:
        return self.ada.ask(TIP, post=self.post, amount=amount, key=key).data["tipPost"]

    def balance(self, person: Person) -> Any:
        balance = person.ask(BALANCE).data["viewer"]["wallet"]["balance"]
        return balance["available"]["amount"], balance["version"]


@pytest.fixture
def story(visitor: Client) -> Story:
    return Story(visitor)


def test_one_request_tips_and_reads_all_that_it_changed(story: Story) -> None:
    payload = story.tip("2.50", "k")
    tip = payload["tip"]
    assert tip.pop("id").startswith("tip_")
    assert tip == {
        "amount": {"amount": "2.50", "formatted": "$2.50"},
        "fee": {"amount": "0.00"},
        "status": "COMPLETED",
        "note": "For the hat!",
        "visibility": "PUBLIC",
        "sender": {"handle": story.ada.handle},
        "recipient": {"handle": story.ben.handle},
    }
    total = {"amount": "2.50"}
    assert payload["post"] == {"id": story.post, "tipCount": 1, "tipTotal": total, "viewerTipTotal": total}
    nothing = {"amount": "0.00"}
    assert payload["wallet"]["balance"] == {
        "available": {"amount": "17.50"},
        "held": nothing,
        "pending": nothing,
        "version": "2",
    }
    assert payload["query"]["feed"]["nodes"] == [
        {"id": story.post, "tipTotal": total, "author": {"handle": story.ben.handle}}
    ]
    assert (payload["replayed"], payload["userErrors"]) == (False, [])
    assert (story.balance(story.ada), story.balance(story.ben)) == (("17.50", "2"), ("2.50", "1"))


def test_the_same_request_again_is_the_same_tip(story: Story) -> None:
    first = story.tip("2.50", "k")
    for _ in range(3):
        again = story.tip("2.50", "k")
        assert again.pop("replayed") is True
        assert again == {name: value for name, value in first.items() if name != "replayed"}
    assert story.balance(story.ada) == ("17.50", "2")


def test_the_key_with_another_amount_is_a_conflict(story: Story) -> None:
    story.tip("2.50", "k")
    payload = story.tip("2.51", "k")
    assert [payload[name] for name in ("tip", "post", "wallet", "replayed")] == [None, None, None, False]
    [error] = payload["userErrors"]
    assert (error["__typename"], error["code"]) == ("IdempotencyConflictError", "IDEMPOTENCY_CONFLICT")
    assert error["firstUsedAt"]
    assert story.balance(story.ada) == ("17.50", "2")


def test_over_the_balance_the_shortfall_is_told(story: Story) -> None:
    story.tip("2.50", "k")
    payload = story.tip("100.00", "another")
    assert [payload[name] for name in ("tip", "post", "wallet", "replayed")] == [None, None, None, False]
    [error] = payload["userErrors"]
    assert (error["__typename"], error["code"]) == ("InsufficientFundsError", "INSUFFICIENT_FUNDS")
    assert (error["available"], error["shortfall"]) == ({"amount": "17.50"}, {"amount": "82.50"})
    assert payload["query"]["feed"]["nodes"][0]["tipTotal"] == {"amount": "2.50"}
    assert story.balance(story.ada) == ("17.50", "2")
