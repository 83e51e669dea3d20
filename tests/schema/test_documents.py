"""Whole documents: what a mutation answers, and what else can be read in the same round trip."""

from typing import Any, NamedTuple

import pytest

from resolvers.context import TokenScope
from tests.conftest import Counted
from tests.harness.town import Person, Town, id_of

TIP = """
fragment Tipped on TipPostPayload {
  tip { id amount { amount } sender { handle } recipient { handle } post { id } }
  post { id tipCount tipTotal { amount } viewerTipTotal { amount } }
  wallet { id balance { available { amount } version } }
  replayed
  query { viewer { wallet { balance { available { amount } version } } } feed { nodes { id tipCount } } }
  userErrors {
    __typename
    ... on UserError { code path }
    ... on InsufficientFundsError { available { amount } shortfall { amount minorUnits formatted } }
    ... on IdempotencyConflictError { firstUsedAt }
    ... on LimitExceededError { limit { name max { amount } used { amount } resetsAt } }
  }
}
"""


class Scene(NamedTuple):
    """Ada, who has money, and a post of Ben's."""

    town: Town
    ada: Person
    ben: Person
    post: str

    async def tip(self, amount: str, key: str) -> Any:
        document = TIP + "mutation ($input: TipPostInput!) { tipPost(input: $input) { ...Tipped } }"
        given = {"postId": self.post, "amount": {"amount": amount}, "idempotencyKey": key}
        return (await self.town.ask(document, self.ada, input=given)).data["tipPost"]


@pytest.fixture
async def scene(town: Town) -> Scene:
    ada, ben = await town.person("ada", "100"), await town.person("ben")
    return Scene(town, ada, ben, id_of(await ben.post()))


async def test_a_tip_answers_with_all_that_it_changed(scene: Scene) -> None:
    payload = await scene.tip("5.00", "k")
    assert payload["tip"].pop("id").startswith("tip_")
    assert payload.pop("tip") == {
        "amount": {"amount": "5.00"},
        "sender": {"handle": "ada"},
        "recipient": {"handle": "ben"},
        "post": {"id": scene.post},
    }
    balance = {"available": {"amount": "95.00"}, "version": "2"}
    assert payload == {
        "post": {"id": scene.post, "tipCount": 1, "tipTotal": {"amount": "5.00"}, "viewerTipTotal": {"amount": "5.00"}},
        "wallet": {"id": scene.ada.public_id.replace("user", "wallet"), "balance": balance},
        "replayed": False,
        "query": {"viewer": {"wallet": {"balance": balance}}, "feed": {"nodes": [{"id": scene.post, "tipCount": 1}]}},
        "userErrors": [],
    }


async def test_the_balance_after_a_tip_costs_no_read(scene: Scene, counted: Counted) -> None:
    async def statements_for(selection: str, key: str) -> int:
        document = f"mutation ($input: TipPostInput!) {{ tipPost(input: $input) {{ replayed {selection} }} }}"
        given = {"postId": scene.post, "amount": {"amount": 1}, "idempotencyKey": key}
        with counted() as count:
            await scene.town.ask(document, scene.ada, input=given)
        return count.statements

    await statements_for("", "the ledger comes to know the accounts")
    balance = "wallet { balance { available { amount } held { amount } version } }"
    assert await statements_for(balance, "with") == await statements_for("", "without")
    assert await scene.ada.has() == "97.00"


async def test_a_retry_answers_the_same_but_for_replayed(scene: Scene) -> None:
    first, again = await scene.tip("5.00", "k"), await scene.tip("5.00", "k")
    assert (first.pop("replayed"), again.pop("replayed")) == (False, True)
    assert first == again


async def test_a_retry_may_select_something_else_and_sees_todays_balance(scene: Scene) -> None:
    first = await scene.tip("5.00", "k")
    await scene.ada.tops_up("1")
    document = """mutation ($p: ID!) { tipPost(input: { postId: $p, amount: { amount: 5 }, idempotencyKey: "k" }) {
        replayed tip { id note } wallet { balance { available { amount } version } } } }"""
    payload = (await scene.town.ask(document, scene.ada, p=scene.post)).data["tipPost"]
    assert payload == {
        "replayed": True,
        "tip": {"id": first["tip"]["id"], "note": None},
        "wallet": {"balance": {"available": {"amount": "96.00"}, "version": "3"}},
    }


async def test_two_aliases_with_one_key_move_money_once(scene: Scene) -> None:
    given = '(input: { postId: $p, amount: { amount: "5.00" }, idempotencyKey: "k" })'
    document = f"{TIP} mutation ($p: ID!) {{ a: tipPost{given} {{ ...Tipped }} b: tipPost{given} {{ ...Tipped }} }}"
    data = (await scene.town.ask(document, scene.ada, p=scene.post)).data
    assert (data["a"].pop("replayed"), data["b"].pop("replayed")) == (False, True)
    assert data["a"] == data["b"]
    assert await scene.ada.has() == "95.00"


async def test_two_aliases_with_one_key_and_two_amounts_conflict(scene: Scene) -> None:
    document = (
        TIP
        + """mutation ($p: ID!) {
        a: tipPost(input: { postId: $p, amount: { amount: "5.00" }, idempotencyKey: "k" }) { ...Tipped }
        b: tipPost(input: { postId: $p, amount: { amount: "6.00" }, idempotencyKey: "k" }) { ...Tipped }
    }"""
    )
    data = (await scene.town.ask(document, scene.ada, p=scene.post)).data
    assert data["a"]["userErrors"] == []
    [error] = data["b"]["userErrors"]
    assert error.pop("firstUsedAt").endswith("Z")
    assert error == {
        "__typename": "IdempotencyConflictError",
        "code": "IDEMPOTENCY_CONFLICT",
        "path": ["idempotencyKey"],
    }
    assert await scene.ada.has() == "95.00"


async def test_after_a_refusal_all_is_null_but_what_else_was_asked(scene: Scene) -> None:
    payload = await scene.tip("123.45", "k")
    assert [payload[name] for name in ("tip", "post", "wallet", "replayed")] == [None, None, None, False]
    assert payload["query"]["viewer"]["wallet"]["balance"] == {"available": {"amount": "100.00"}, "version": "1"}
    assert payload["userErrors"] == [
        {
            "__typename": "InsufficientFundsError",
            "code": "INSUFFICIENT_FUNDS",
            "path": ["amount", "amount"],
            "available": {"amount": "100.00"},
            "shortfall": {"amount": "23.45", "minorUnits": "2345", "formatted": "$23.45"},
        }
    ]


async def test_a_limit_that_is_passed_is_told_in_full(scene: Scene) -> None:
    await scene.ada.tops_up("4000")
    [error] = (await scene.tip("2000.01", "k"))["userErrors"]
    assert error["limit"].pop("resetsAt") is None, "nothing is used that could leave it"
    assert error == {
        "__typename": "LimitExceededError",
        "code": "LIMIT_EXCEEDED",
        "path": ["amount", "amount"],
        "limit": {"name": "SPEND_PER_DAY", "max": {"amount": "2000.00"}, "used": {"amount": "0.00"}},
    }


async def test_what_one_mutation_has_read_the_next_reads_anew(scene: Scene) -> None:
    asked = "post { likeCount viewerHasLiked tipCount author { viewerIsFollowing viewerHasBlocked } }"
    document = f"""mutation ($p: ID!, $u: ID!) {{
        a: likePost(input: {{ id: $p }}) {{ {asked} }}
        f: followUser(input: {{ id: $u }}) {{ user {{ followerCount viewerIsFollowing }} }}
        b: likePost(input: {{ id: $p, on: false }}) {{ {asked} }}
        t: tipPost(input: {{ postId: $p, amount: {{ amount: 1 }}, idempotencyKey: "k" }}) {{ {asked} }}
    }}"""
    data = (await scene.town.ask(document, scene.ada, p=scene.post, u=scene.ben.public_id)).data

    def post(likes: int, tips: int, *, follows: bool) -> Any:
        author = {"viewerIsFollowing": follows, "viewerHasBlocked": False}
        return {"post": {"likeCount": likes, "viewerHasLiked": bool(likes), "tipCount": tips, "author": author}}

    assert data == {
        "a": post(1, 0, follows=False),
        "f": {"user": {"followerCount": 1, "viewerIsFollowing": True}},
        "b": post(0, 0, follows=True),
        "t": post(0, 1, follows=True),
    }


async def test_a_refused_mutation_does_not_stop_the_next(scene: Scene) -> None:
    document = """mutation ($p: ID!) {
        a: editPost(input: { id: $p, text: "Mine!" }) { post { id } userErrors { __typename } }
        b: createPost(input: { text: "Then this", quoteOfId: $p }) { post { quoteOf { id } } userErrors { __typename } }
    }"""
    assert (await scene.town.ask(document, scene.ada, p=scene.post)).data == {
        "a": {"post": None, "userErrors": [{"__typename": "NotPermittedError"}]},
        "b": {"post": {"quoteOf": {"id": scene.post}}, "userErrors": []},
    }


@pytest.mark.usefixtures("quick_passwords")
async def test_signing_up_topping_up_and_posting_is_one_round_trip(town: Town) -> None:
    document = """mutation {
        signUp(input: { handle: "ada", password: "long enough" }) { token viewer { user { handle } } }
        topUpWallet(input: { amount: { amount: "5" }, idempotencyKey: "k" }) { transfer { amount { formatted } } }
        createPost(input: { text: "Hello" }) { post { author { handle postCount } } }
        signOut { query { viewer { user { handle } } } userErrors { __typename } }
    }"""
    data = (await town.ask(document)).data
    assert data["signUp"]["token"].startswith("hat_")
    assert data["signUp"]["viewer"] == {"user": {"handle": "ada"}}
    assert data["topUpWallet"] == {"transfer": {"amount": {"formatted": "$5.00"}}}
    assert data["createPost"] == {"post": {"author": {"handle": "ada", "postCount": 1}}}
    assert data["signOut"] == {"query": {"viewer": None}, "userErrors": []}


async def test_a_deleted_post_answers_with_the_id_that_it_had(scene: Scene) -> None:
    document = """mutation ($p: ID!) { deletePost(input: { id: $p }) {
        deletedId query { post(id: $p) { id } node(id: $p) { id } feed { nodes { id } } } userErrors { __typename }
    } }"""
    payload = (await scene.town.ask(document, scene.ben, p=scene.post)).data["deletePost"]
    gone: dict[str, Any] = {"post": None, "node": None, "feed": {"nodes": []}}
    assert payload == {"deletedId": scene.post, "query": gone, "userErrors": []}


async def test_the_viewer_is_private(scene: Scene) -> None:
    document = "{ viewer { user { handle } wallet { id } fundingSources { label } limits { name } } }"
    assert (await scene.town.ask(document)).data == {"viewer": None}
    assert (await scene.town.ask(document, scene.ada)).data["viewer"]["user"] == {"handle": "ada"}
    answer = await scene.town.ask(document, scene.ada.limited(TokenScope.WRITE, TokenScope.PAY))
    assert (answer.body["data"], answer.codes) == ({"viewer": None}, ["FORBIDDEN"])


async def test_all_that_a_person_has_of_their_own_is_under_the_viewer(scene: Scene) -> None:
    await scene.tip("5.00", "k")
    document = """{ viewer {
        user { handle }
        wallet { balances { available { amount currency } version } entries { nodes { version amount { amount }
          balanceAfter { amount } transfer { __typename amount { amount } sender { handle } recipient { handle } } } } }
        limits { name max { amount } used { amount } }
        fundingSources { __typename label verified ... on DebitCard { brand last4 expires } }
        accessTokens { name }
    } }"""
    ada, ben = {"handle": "ada"}, {"handle": "ben"}
    assert (await scene.town.ask(document, scene.ada)).data == {
        "viewer": {
            "user": ada,
            "wallet": {
                "balances": [{"available": {"amount": "95.00", "currency": "USD"}, "version": "2"}],
                "entries": {
                    "nodes": [
                        {
                            "version": "2",
                            "amount": {"amount": "-5.00"},
                            "balanceAfter": {"amount": "95.00"},
                            "transfer": {
                                "__typename": "Tip",
                                "amount": {"amount": "5.00"},
                                "sender": ada,
                                "recipient": ben,
                            },
                        },
                        {
                            "version": "1",
                            "amount": {"amount": "100.00"},
                            "balanceAfter": {"amount": "100.00"},
                            "transfer": {
                                "__typename": "RailTransfer",
                                "amount": {"amount": "100.00"},
                                "sender": None,
                                "recipient": ada,
                            },
                        },
                    ]
                },
            },
            "limits": [
                {"name": "SPEND_PER_DAY", "max": {"amount": "2000.00"}, "used": {"amount": "5.00"}},
                {"name": "TOP_UP_PER_DAY", "max": {"amount": "5000.00"}, "used": {"amount": "100.00"}},
                {"name": "WITHDRAWAL_PER_DAY", "max": {"amount": "5000.00"}, "used": {"amount": "0.00"}},
                {"name": "SPEND_PER_MONTH", "max": {"amount": "20000.00"}, "used": {"amount": "5.00"}},
                {"name": "TOP_UP_PER_MONTH", "max": {"amount": "50000.00"}, "used": {"amount": "100.00"}},
                {"name": "WITHDRAWAL_PER_MONTH", "max": {"amount": "50000.00"}, "used": {"amount": "0.00"}},
            ],
            "fundingSources": [
                {
                    "__typename": "DebitCard",
                    "label": "Sandbox card",
                    "verified": True,
                    "brand": "SANDBOX",
                    "last4": "4242",
                    "expires": "12/2099",
                }
            ],
            "accessTokens": [],
        }
    }


async def test_a_tokens_secret_is_shown_once_and_nowhere_else(scene: Scene) -> None:
    document = """mutation { createAccessToken(input: { name: "An app", scopes: [PAY, READ],
        spendLimitPerDay: { amount: "5" }, expiresAt: "2099-01-01T00:00:00Z" }) {
        secret accessToken { id name scopes expiresAt lastUsedAt spendLimitPerDay { formatted } }
        query { viewer { accessTokens { id } } } } }"""
    payload = (await scene.town.ask(document, scene.ada)).data["createAccessToken"]
    token = payload["accessToken"]
    assert payload["secret"].startswith("hat_")
    assert payload["query"] == {"viewer": {"accessTokens": [{"id": token["id"]}]}}
    assert token == {
        "id": token["id"],
        "name": "An app",
        "scopes": ["READ", "PAY"],
        "expiresAt": "2099-01-01T00:00:00Z",
        "lastUsedAt": None,
        "spendLimitPerDay": {"formatted": "$5.00"},
    }
    document = "mutation ($id: ID!) { revokeAccessToken(input: { id: $id }) { secret accessToken { id } } }"
    payload = (await scene.town.ask(document, scene.ada, id=token["id"])).data["revokeAccessToken"]
    assert payload == {"secret": None, "accessToken": {"id": token["id"]}}


async def test_every_node_is_of_its_type(scene: Scene) -> None:
    await scene.tip("5.00", "k")
    await scene.ada.sends(scene.ben)
    await scene.town.ask('mutation { createAccessToken(input: { name: "a", scopes: [READ] }) { secret } }', scene.ada)
    document = """query ($p: ID!) { viewer { user { id } wallet { id entries { nodes { id transfer { id } } } }
        fundingSources { id } accessTokens { id } } post(id: $p) { id } }"""
    found = ids_in((await scene.town.ask(document, scene.ada, p=scene.post)).data)
    asked = "query ($found: [ID!]!) { nodes(ids: $found) { __typename id } }"
    nodes = (await scene.town.ask(asked, scene.ada, found=found)).data["nodes"]
    assert [node["id"] for node in nodes] == found
    assert {node["id"].partition("_")[0]: node["__typename"] for node in nodes} == {
        "user": "User",
        "post": "Post",
        "tip": "Tip",
        "payment": "Payment",
        "topup": "RailTransfer",
        "wallet": "Wallet",
        "entry": "LedgerEntry",
        "card": "DebitCard",
        "token": "AccessToken",
    }


def ids_in(value: Any) -> list[str]:
    """All ids in an answer."""
    if isinstance(value, list):
        return [found for child in value for found in ids_in(child)]
    if not isinstance(value, dict):
        return []
    return [*([value["id"]] if "id" in value else []), *ids_in(list(value.values()))]
