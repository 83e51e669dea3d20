"""A newcomer's whole life, from signing up to signing out."""

from functools import partial

from tests.harness.client import Client
from tests.stories.people import PASSWORD, Person, new_handle

SIGN_UP = """
mutation ($handle: String!, $password: String!) {
  signUp(input: { handle: $handle, displayName: "Robin Hatter", password: $password }) {
    token
    viewer { user { handle displayName followerCount } wallet { balances { version } } fundingSources { label } }
    userErrors { ... on UserError { message path } }
  }
}
"""
TOP_UP = """
mutation {
  topUpWallet(input: { amount: { amount: "50.00" }, idempotencyKey: "first money" }) {
    transfer { rail environment status amount { formatted } }
    wallet { balance { available { amount } version } }
    userErrors { ... on UserError { message } }
  }
}
"""
SOCIAL = """
mutation ($author: ID!, $post: ID!) {
  followUser(input: { id: $author }) { user { followerCount viewerIsFollowing viewerCanTip } }
  createPost(input: { text: "Hello, everybody" }) { post { id text author { handle postCount } } }
  reply: createPost(input: { text: "What a hat!", replyToId: $post }) { post { id replyTo { id replyCount } } }
  likePost(input: { id: $post }) { post { likeCount viewerHasLiked } }
}
"""
MONEY = """
mutation ($author: String!, $post: ID!) {
  tipPost(input: { postId: $post, amount: { amount: "5.00" }, idempotencyKey: "tip" }) {
    post { tipTotal { amount } } userErrors { ... on UserError { message } }
  }
  sendMoney(input: { to: { handle: $author }, amount: { amount: "7.00" }, idempotencyKey: "send" }) {
    payment { amount { amount } recipient { handle } visibility }
    wallet { balance { available { amount } version } }
    userErrors { ... on UserError { message } }
  }
}
"""
ACCOUNT = """
{
  viewer {
    wallet { entries { nodes { version amount { amount } balanceAfter { amount } transfer { __typename } } } }
    limits { name used { amount } }
  }
  feed(kind: FOLLOWING) { nodes { text author { handle } } }
}
"""
TOKEN = """
mutation {
  createAccessToken(input: { name: "Tip jar", scopes: [PAY], spendLimitPerDay: { amount: "5.00" } }) {
    secret accessToken { id scopes spendLimitPerDay { formatted } } userErrors { ... on UserError { message } }
  }
}
"""
TIP = """
mutation ($post: ID!, $amount: Decimal!, $key: String!) {
  tipPost(input: { postId: $post, amount: { amount: $amount }, idempotencyKey: $key }) {
    tip { id }
    userErrors { __typename ... on LimitExceededError { limit { name max { amount } used { amount } } } }
  }
}
"""
SIGN_OUT = "mutation { signOut { query { viewer { user { id } } } userErrors { ... on UserError { message } } } }"
SIGN_IN = """
mutation ($handle: String!, $password: String!) {
  signIn(input: { handle: $handle, password: $password }) {
    token viewer { wallet { balance { available { amount } } } } userErrors { ... on UserError { code message } }
  }
}
"""
WHO = "{ viewer { user { handle } } }"


def test_a_newcomers_whole_life(visitor: Client) -> None:
    author = Person(visitor, "author")
    post = author.posts("I have a hat")
    handle = new_handle("robin")

    signed = visitor.run(SIGN_UP, {"handle": f"@{handle.upper()}", "password": PASSWORD}).data["signUp"]
    visitor.http.cookies.clear()
    assert signed["userErrors"] == []
    assert signed["viewer"] == {
        "user": {"handle": handle, "displayName": "Robin Hatter", "followerCount": 0},
        "wallet": {"balances": []},
        "fundingSources": [{"label": "Sandbox card"}],
    }
    robin = partial(visitor.run, token=signed["token"])

    assert robin(TOP_UP).data["topUpWallet"] == {
        "transfer": {
            "rail": "SANDBOX",
            "environment": "SANDBOX",
            "status": "COMPLETED",
            "amount": {"formatted": "$50.00"},
        },
        "wallet": {"balance": {"available": {"amount": "50.00"}, "version": "1"}},
        "userErrors": [],
    }

    social = robin(SOCIAL, {"author": author.id, "post": post}).data
    assert social["followUser"] == {"user": {"followerCount": 1, "viewerIsFollowing": True, "viewerCanTip": True}}
    assert social["createPost"]["post"]["author"] == {"handle": handle, "postCount": 1}
    assert social["reply"]["post"]["replyTo"] == {"id": post, "replyCount": 1}
    assert social["likePost"] == {"post": {"likeCount": 1, "viewerHasLiked": True}}

    money = robin(MONEY, {"author": author.handle, "post": post}).data
    assert money["tipPost"] == {"post": {"tipTotal": {"amount": "5.00"}}, "userErrors": []}
    assert money["sendMoney"] == {
        "payment": {
            "amount": {"amount": "7.00"},
            "recipient": {"handle": author.handle},
            "visibility": "PARTIES_ONLY",
        },
        "wallet": {"balance": {"available": {"amount": "38.00"}, "version": "3"}},
        "userErrors": [],
    }

    account = robin(ACCOUNT).data
    lines = account["viewer"]["wallet"]["entries"]["nodes"]
    assert [
        (line["version"], line["amount"]["amount"], line["balanceAfter"]["amount"], line["transfer"]["__typename"])
        for line in lines
    ] == [
        ("3", "-7.00", "38.00", "Payment"),
        ("2", "-5.00", "45.00", "Tip"),
        ("1", "50.00", "50.00", "RailTransfer"),
    ]
    used = {limit["name"]: limit["used"]["amount"] for limit in account["viewer"]["limits"]}
    expected = {"SPEND": "12.00", "TOP_UP": "50.00", "WITHDRAWAL": "0.00"}
    assert used == {f"{name}_PER_{span}": each for name, each in expected.items() for span in ("DAY", "MONTH")}
    assert [(node["author"]["handle"], node["text"]) for node in account["feed"]["nodes"]] == [
        (handle, "Hello, everybody"),
        (author.handle, "I have a hat"),
    ]

    made = robin(TOKEN).data["createAccessToken"]
    assert made["accessToken"]["spendLimitPerDay"] == {"formatted": "$5.00"}
    jar = partial(visitor.run, token=made["secret"])
    assert jar(TIP, {"post": post, "amount": "4.00", "key": "jar 1"}).data["tipPost"]["userErrors"] == []
    refused = jar(TIP, {"post": post, "amount": "1.01", "key": "jar 2"}).data["tipPost"]
    limit = {"name": "TOKEN_SPEND_PER_DAY", "max": {"amount": "5.00"}, "used": {"amount": "4.00"}}
    assert refused == {"tip": None, "userErrors": [{"__typename": "LimitExceededError", "limit": limit}]}
    assert jar(WHO).codes == ["FORBIDDEN"]

    assert robin(SIGN_OUT).data["signOut"] == {"query": {"viewer": None}, "userErrors": []}
    gone = robin(WHO)
    assert (gone.status, gone.codes) == (401, ["UNAUTHENTICATED"])
    assert jar(TIP, {"post": post, "amount": "1.00", "key": "jar 3"}).data["tipPost"]["userErrors"] == []

    back = visitor.run(SIGN_IN, {"handle": handle, "password": PASSWORD}).data["signIn"]
    visitor.http.cookies.clear()
    assert back["viewer"] == {"wallet": {"balance": {"available": {"amount": "33.00"}}}}
    wrong = visitor.run(SIGN_IN, {"handle": handle, "password": "wrong horse battery"})
    assert "set-cookie" not in wrong.headers
    unknown = visitor.run(SIGN_IN, {"handle": new_handle("nobody"), "password": PASSWORD})
    assert wrong.data == unknown.data
