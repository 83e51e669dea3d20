"""Bad input: whatever is sent gets a clear, typed error; nothing is written, and nothing leaks."""

import json
from typing import Any, NamedTuple

import pytest

from models.ids import new_id
from resolvers import linking
from resolvers.ids import Kind, public_id
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of

pytestmark = pytest.mark.usefixtures("quick_passwords")

REFUSED_CODES = {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "UNAUTHENTICATED"}
LEAKS = ["traceback", "select ", "insert ", "sqlite", "asyncpg", "postgres", "sqlalchemy", ".py", "keyerror"]

Values = list[Any]

NUL, HALF, ESCAPE, LONG = "a\x00b", "a\ud800", "a\x1b[31m", "x" * 20_000
NEVER_TEXT: Values = ["\x00", NUL, HALF, "\udfff", ESCAPE, "a\x85b", LONG]
BAD_TEXTS: Values = ["", " \n ", *NEVER_TEXT]
BAD_KEYS: Values = ["", "\x00", NUL, HALF, "a\nb", "x" * 256]
BAD_CURSORS: Values = ["", "x", "====", NUL, HALF, LONG, "🎩", "post_1"]
BAD_AMOUNTS: Values = ["0", "-0", "-1", "0.001", "1.005", "1e19", "1e30", "1e-9", "92233720368547758.08"]
UNKNOWN = new_id()
UNKNOWN_POST, UNKNOWN_USER, UNKNOWN_CARD = (public_id(kind, UNKNOWN) for kind in (Kind.POST, Kind.USER, Kind.CARD))
NEVER_IDS: Values = [
    "",
    "1",
    "post_",
    UNKNOWN_POST.upper(),
    f"post_{UNKNOWN}",
    NUL,
    HALF,
    LONG,
    "' OR 1=1",
    0,
    -1,
    2**40,
]
BAD_IDS: Values = [*NEVER_IDS, UNKNOWN_POST, UNKNOWN_USER]

# What is of another type, which GraphQL itself refuses.
NO_STRINGS: Values = [1, 1.5, True, [], {}, ["a"]]
NO_IDS: Values = [1.5, True, [], {}]
NO_BOOLEANS: Values = ["true", 1, [], {}, None]
NO_AMOUNTS: Values = ["", "abc", "NaN", "-Infinity", "1_000", "1,00", "0x1F", "\u0661", "9" * 65, NUL, HALF]
NO_AMOUNTS += [1.5, 1e300, True, None, [], ["1"], {}, {"amount": "1"}]
NO_MOMENTS: Values = ["", "now", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", NUL, 0, 1.5, True, {}]

_RESPONSE = dict.fromkeys(("clientDataJSON", "attestationObject", "authenticatorData", "signature"), "AAAA")
BAD_CREDENTIALS: Values = [
    *(None, "", "{}", 1, True, [], {}, {"id": "x"}, {LONG: LONG}, {"id": 10**400}),
    *({"id": bad, "rawId": bad, "type": "public-key", "response": _RESPONSE} for bad in [*NEVER_TEXT, "AAAA"]),
    {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}},
]

ERRORS = "userErrors { __typename ... on UserError { code message path } }"


class Mutation(NamedTuple):
    """A mutation, an input that is good, and what is bad for each of the input's fields."""

    name: str
    result: str
    good: dict[str, Any]
    bad: dict[str, Values]

    def document(self) -> str:
        result = self.result if self.result == "deletedId" else f"{self.result} {{ __typename }}"
        kind = f"{self.name[0].upper()}{self.name[1:]}Input!"
        return f"mutation ($input: {kind}) {{ {self.name}(input: $input) {{ {result} {ERRORS} }} }}"


def _account_mutations() -> list[Mutation]:
    limits = [{}, {"currency": "USD"}, "5", 5, [], *({"amount": bad} for bad in [*BAD_AMOUNTS, *NO_AMOUNTS])]
    return [
        Mutation(
            "signUp",
            "viewer",
            {"handle": "new", "password": "long enough"},
            {
                "handle": [*BAD_TEXTS, "a b", "ä", "x" * 31, "ada", "@ADA", *NO_STRINGS, None],
                "password": ["", "short", "x" * 257, "\ud800" * 8, LONG, *NO_STRINGS, None],
                "displayName": [*BAD_TEXTS, *NO_STRINGS],
            },
        ),
        Mutation(
            "signIn",
            "viewer",
            {"handle": "ada", "password": "whatever"},
            {
                "handle": [*BAD_TEXTS, "nobody", *NO_STRINGS, None],
                "password": ["", "wrong", "\x00", HALF, LONG, *NO_STRINGS, None],
            },
        ),
        Mutation(
            "createAccessToken",
            "accessToken",
            {"name": "An app", "scopes": ["PAY"]},
            {
                "name": [*BAD_TEXTS, *NO_STRINGS, None],
                "scopes": [[], ["ADMIN"], ["pay"], [None], {}, 1, [["PAY"]], None],
                "spendLimitPerDay": limits,
                "expiresAt": ["2020-01-01T00:00:00Z", "0001-01-01", *NO_MOMENTS],
            },
        ),
        Mutation("revokeAccessToken", "accessToken", {"id": f"token_{UNKNOWN.hex}"}, {"id": [*BAD_IDS, *NO_IDS, None]}),
        Mutation(
            "registerPasskey",
            "passkey",
            {"name": "Phone", "credential": {}},
            {"name": [*BAD_TEXTS, *NO_STRINGS, None], "credential": BAD_CREDENTIALS},
        ),
        Mutation("signInWithPasskey", "viewer", {"credential": {}}, {"credential": BAD_CREDENTIALS}),
        Mutation("revokePasskey", "passkey", {"id": f"passkey_{UNKNOWN.hex}"}, {"id": [*BAD_IDS, *NO_IDS, None]}),
    ]


def _content_mutations(post: str, own: str, other: str) -> list[Mutation]:
    ids = [*BAD_IDS, *NO_IDS, None]
    mark = {"id": ids, "on": NO_BOOLEANS}
    return [
        Mutation(
            "createPost",
            "post",
            {"text": "Hello"},
            {
                "text": [*BAD_TEXTS, *NO_STRINGS, None],
                "replyToId": [*BAD_IDS, *NO_IDS],
                "quoteOfId": [*BAD_IDS, *NO_IDS],
            },
        ),
        Mutation(
            "editPost",
            "post",
            {"id": own, "text": "Hello"},
            {"id": [*ids, post], "text": [*BAD_TEXTS, *NO_STRINGS, None]},
        ),
        Mutation("deletePost", "deletedId", {"id": own}, {"id": [*ids, post]}),
        Mutation("likePost", "post", {"id": post}, mark),
        Mutation("repostPost", "post", {"id": post}, mark),
        Mutation("followUser", "user", {"id": other}, mark),
        Mutation("blockUser", "user", {"id": other}, mark),
    ]


def _money_mutations(post: str, own: str, other: str) -> list[Mutation]:
    money = {
        "amount": [None, "1.00", 1, [], {}],
        "amount.amount": [*BAD_AMOUNTS, *NO_AMOUNTS],
        "amount.currency": ["usd", "ABC", "", *NO_STRINGS, None],
        "idempotencyKey": [*BAD_KEYS, *NO_STRINGS, None],
    }
    note = {"note": [*NEVER_TEXT, *NO_STRINGS], "visibility": ["EVERYBODY", "public", *NO_STRINGS, None]}
    recipients: Values = [
        *(None, {}, [], "ben", {"nobody": "ben"}),
        *({"handle": "ben", "userId": other}, {"handle": None}, {"handle": "ada"}, {"handle": "nobody"}),
        *({"handle": bad} for bad in [*BAD_TEXTS, *NO_STRINGS]),
        *({"userId": bad} for bad in [*BAD_IDS, *NO_IDS, post]),
    ]
    dollar = {"amount": {"amount": "1.00"}, "idempotencyKey": "k"}
    return [
        Mutation(
            "tipPost",
            "tip",
            {"postId": post, **dollar},
            {**money, **note, "postId": [*BAD_IDS, *NO_IDS, other, own, None]},
        ),
        Mutation("sendMoney", "payment", {"to": {"handle": "ben"}, **dollar}, {**money, **note, "to": recipients}),
        Mutation(
            "topUpWallet", "transfer", dollar, {**money, "fundingSourceId": [*BAD_IDS, *NO_IDS, other, UNKNOWN_CARD]}
        ),
    ]


def _funding_mutations(bank: str, card: str) -> list[Mutation]:
    account = {"routingNumber": "110000000", "accountNumber": "000111111116"}
    numbers: Values = [*BAD_TEXTS, "1", "110000001", "4242424242424242", "DE88370400440532013000", *NO_STRINGS, None]
    amounts: Values = [
        [],
        [1],
        [1, 2, 3],
        [0, 1],
        [1, 100],
        [-1, 2],
        [1.5, 2],
        ["1", "2"],
        [None, 1],
        32,
        {},
        "x",
        None,
    ]
    return [
        Mutation("linkCard", "fundingSource", {"vaultToken": card}, {"vaultToken": [*BAD_IDS, *NO_STRINGS, None]}),
        Mutation(
            "linkBankAccount",
            "fundingSource",
            account,
            {"routingNumber": numbers, "accountNumber": [bad for bad in numbers if bad != "110000001"]},
        ),
        Mutation(
            "verifyBankAccount",
            "fundingSource",
            {"id": bank, "depositMinorUnits": [32, 45]},
            {"id": [*BAD_IDS, UNKNOWN_CARD, *NO_IDS, None], "depositMinorUnits": amounts},
        ),
        Mutation("removeFundingSource", "fundingSource", {"id": bank}, {"id": [*BAD_IDS, UNKNOWN_CARD, *NO_IDS, None]}),
    ]


def _mutations(post: str = "", own: str = "", other: str = "", bank: str = "", card: str = "") -> list[Mutation]:
    return [
        *_account_mutations(),
        *_content_mutations(post, own, other),
        *_money_mutations(post, own, other),
        *_funding_mutations(bank, card),
    ]


NEVER_GOOD = {"signIn", "revokeAccessToken", "registerPasskey", "signInWithPasskey", "revokePasskey"}
"""What needs something that is made for it: other tests see to these."""
NAMES = [mutation.name for mutation in _mutations()]


class Scene(NamedTuple):
    """Ada, who has money and a post, and Ben, who has a post."""

    town: Town
    ada: Person
    mutations: dict[str, Mutation]
    post: str


@pytest.fixture
async def scene(town: Town) -> Scene:
    ada, ben = await town.person("ada", "100"), await town.person("ben")
    post, own = id_of(await ben.post()), id_of(await ada.post())
    bank = await linking.link_bank_account(ada.ctx(), "110000000", "000123456789")
    card = await linking.keep_card(ada.ctx(), "4242424242424242", "08/2099", None)
    mutations = _mutations(post, own, ben.public_id, public_id(Kind.BANK_ACCOUNT, bank.id), card.token)
    return Scene(town, ada, {one.name: one for one in mutations}, post)


def with_bad(good: dict[str, Any], place: str, bad: Any) -> dict[str, Any]:
    first, _, rest = place.strip().partition(".")
    return {**good, first: with_bad(good[first], rest, bad) if rest else bad}


def assert_refused(body: dict[str, Any], what: Any) -> None:
    """The answer has a typed error and no result, and says nothing of what is inside."""
    told = json.dumps(body).lower()
    assert not [leak for leak in LEAKS if leak in told], (what, body)
    assert len(told) < 50_000, "it does not repeat all that was sent"
    codes = {error["extensions"]["code"] for error in body.get("errors", [])}
    if codes:
        assert codes <= REFUSED_CODES, (what, body)
        assert not any((body.get("data") or {}).values()), (what, body)
        return
    [payload] = body["data"].values()
    assert payload["userErrors"], (what, body)
    assert not [name for name, value in payload.items() if name != "userErrors" and value], (what, body)
    for error in payload["userErrors"]:
        assert error["code"] in {"INVALID", "NOT_FOUND", "NOT_PERMITTED"}, (what, body)
        assert error["message"]


@pytest.mark.parametrize("name", NAMES)
async def test_a_mutation_refuses_bad_input_and_writes_nothing(scene: Scene, backdoor: Backdoor, name: str) -> None:
    mutation = scene.mutations[name]
    before = await contents(backdoor)
    for place, values in mutation.bad.items():
        for bad in values:
            answer = await scene.town.ask(mutation.document(), scene.ada, input=with_bad(mutation.good, place, bad))
            assert_refused(answer.body, (place, bad))
    wholes: Values = [None, {}, [], "x", 1, {**mutation.good, "more": 1}]
    for whole in wholes:
        assert_refused((await scene.town.ask(mutation.document(), scene.ada, input=whole)).body, whole)
    assert await contents(backdoor) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"signUp", "signIn", "signInWithPasskey"}])
async def test_a_mutation_by_nobody_is_unauthenticated_and_writes_nothing(
    scene: Scene, backdoor: Backdoor, name: str
) -> None:
    mutation = scene.mutations[name]
    before = await contents(backdoor)
    answer = await scene.town.ask(mutation.document(), None, input=mutation.good)
    assert answer.codes == ["UNAUTHENTICATED"]
    assert await contents(backdoor) == before


@pytest.mark.parametrize("name", [name for name in NAMES if name not in NEVER_GOOD])
async def test_the_good_input_is_taken(scene: Scene, name: str) -> None:
    mutation = scene.mutations[name]
    [payload] = (await scene.town.ask(mutation.document(), scene.ada, input=mutation.good)).data.values()
    assert payload["userErrors"] == []
    assert payload[mutation.result]


SIZES: Values = [-1, 101, 2**31 - 1, 2**31, -(2**31) - 1, 1.5, "1", True, [], {}]
CONNECTIONS = {
    "feed": "feed(%s) { nodes { id } }",
    "posts": 'user(handle: "ben") { posts(%s) { nodes { id } } }',
    "followers": 'user(handle: "ben") { followers(%s) { nodes { id } } }',
    "following": 'user(handle: "ben") { following(%s) { nodes { id } } }',
    "replies": "post(id: $post) { replies(%s) { nodes { id } } }",
    "tips": "post(id: $post) { tips(%s) { nodes { id } } }",
    "entries": "viewer { wallet { entries(%s) { nodes { id } } } }",
}


@pytest.mark.parametrize("name", CONNECTIONS)
async def test_a_connection_refuses_impossible_pages(scene: Scene, name: str) -> None:
    ways = {"first": ("Int", SIZES), "after": ("String", [*BAD_CURSORS, 1, True, [], {}])}
    if name in {"feed", "posts"}:
        ways |= {"last": ("Int", SIZES), "before": ("String", [*BAD_CURSORS, 1, True, [], {}])}
    for argument, (kind, values) in ways.items():
        for bad in values:
            asked = CONNECTIONS[name] % f"{argument}: $bad"
            document = f"query ($bad: {kind}, $post: ID!) {{ {asked} p: post(id: $post) {{ id }} }}"
            answer = await scene.town.ask(document, scene.ada, bad=bad, post=scene.post)
            assert answer.codes == ["BAD_USER_INPUT"], (argument, bad, answer.body)
            assert not [leak for leak in LEAKS if leak in json.dumps(answer.body).lower()]


async def test_first_and_last_together_are_refused(scene: Scene) -> None:
    for connection in (CONNECTIONS["feed"] % "first: 1, last: 1", CONNECTIONS["posts"] % "first: 1, last: 1"):
        assert (await scene.town.ask("{ " + connection + " }")).codes == ["BAD_USER_INPUT"]


@pytest.mark.parametrize(
    "document", ["query ($id: ID!) { node(id: $id) { id } }", "query ($id: ID!) { nodes(ids: [$id]) { id } }"]
)
async def test_what_is_no_id_is_an_error_and_what_is_unknown_is_null(scene: Scene, document: str) -> None:
    for bad in [*NEVER_IDS, *NO_IDS, None]:
        answer = await scene.town.ask(document, scene.ada, id=bad)
        assert answer.codes == ["BAD_USER_INPUT"], (bad, answer.body)
    for unknown in (UNKNOWN_POST, UNKNOWN_USER, UNKNOWN_CARD):
        answer = await scene.town.ask(document, scene.ada, id=unknown)
        assert list(answer.data.values()) in ([None], [[None]])


@pytest.mark.parametrize(
    "document",
    ["query ($text: String!) { user(handle: $text) { id } }", "query ($text: ID!) { post(id: $text) { id } }"],
)
async def test_what_nobody_is_called_is_nobody(scene: Scene, document: str) -> None:
    for text in [*BAD_TEXTS, *(bad for bad in BAD_IDS if isinstance(bad, str))]:
        assert list((await scene.town.ask(document, scene.ada, text=text)).data.values()) == [None]


async def test_a_preview_refuses_bad_input_as_data_or_as_an_error(scene: Scene, backdoor: Backdoor) -> None:
    document = (
        "query ($input: TipPreviewInput!) { tipPreview(input: $input) { balanceAfter { amount } " + ERRORS + " } }"
    )
    good = {"postId": scene.post, "amount": {"amount": "1.00"}}
    before = await contents(backdoor)
    for place, values in {"amount.amount": [*BAD_AMOUNTS, *NO_AMOUNTS], "postId": [*BAD_IDS, None, []]}.items():
        for bad in values:
            answer = await scene.town.ask(document, scene.ada, input=with_bad(good, place, bad))
            assert_refused(answer.body, (place, bad))
    assert (await scene.town.ask(document, None, input=good)).codes == ["UNAUTHENTICATED"]
    assert await contents(backdoor) == before


@pytest.mark.parametrize("locale", ["", "x", "en-", "xx-XX", "../en", NUL, HALF, LONG, "en_US_POSIX_x", "🎩"])
async def test_what_is_no_locale_is_refused(scene: Scene, locale: str) -> None:
    document = "query ($l: String!) { viewer { wallet { balance { available { formatted(locale: $l) } } } } }"
    answer = await scene.town.ask(document, scene.ada, l=locale)
    assert answer.codes == ["BAD_USER_INPUT"], answer.body
    assert len(json.dumps(answer.body)) < 1000


async def test_yen_have_no_decimal_places(scene: Scene, backdoor: Backdoor) -> None:
    before = await contents(backdoor)
    for name in ("tipPost", "sendMoney", "topUpWallet"):
        mutation = scene.mutations[name]
        for amount in ("0.5", "1.50", "100.01"):
            bad = with_bad(mutation.good, "amount", {"amount": amount, "currency": "JPY"})
            answer = await scene.town.ask(mutation.document(), scene.ada, input=bad)
            [payload] = answer.data.values()
            [error] = payload["userErrors"]
            assert (error["code"], error["path"]) == ("INVALID", ["amount", "amount"])
            assert "decimal places" in error["message"]
    assert await contents(backdoor) == before
