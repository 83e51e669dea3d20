"""Operations as somebody sends them who means no good: valid in their form, and full of values that break programs."""

import json
import re
from base64 import urlsafe_b64encode
from collections import defaultdict, deque
from collections.abc import Iterator
from random import Random
from typing import Any, NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    get_named_type,
    get_nullable_type,
    is_required_input_field,
    parse_value,
)
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from schema import core_schema
from tests.harness.generation import written
from tests.harness.twists import Variables, twisted

ANY = "any"
"""Any fields of the root, several in one operation."""
QUERIES = [ANY, "viewer", *core_schema.query_type.fields]  # type: ignore[union-attr]
MUTATIONS = [ANY, *core_schema.mutation_type.fields]  # type: ignore[union-attr]
AT_ONCE = 2
TWISTS = 5
"""How many operations are made of a generated one, with other values each: to generate takes longer than to run."""
REMEMBERED = 200
DEEP = 60
"""As deep as variables may be nested, or nearly so."""

LONE = "@@lone@@"
"""Half of a surrogate pair, escaped in the language in which it is sent."""
TEXTS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\x7f\x1b[31m",
    "\u202eltr\u2066",
    "e" + "\u0301" * 300,
    "\ufeff\u200b\u00ad",
    "\uffff\ufdd0",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467" * 30,
    "\U0010ffff",
    "ﷺ" * 281,
    "\u0130\u0131\u017f\u212a",
    "'; DROP TABLE users; --",
    "%_\\%",
    "{{7*7}}${7*7}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "a" * 281,
    "a" * 10_000,
    "\r\n\r\nHTTP/1.1 200 OK",
    LONE,
]
LONG = "\U0001f4b8" * 60_000
CHARACTERS = [
    "\x00",
    "\x00",
    "\x01",
    "\x1f",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\u0301",
    "\ufffe",
    "\U000e0001",
    "@",
    "\\",
]
NUMBERS = [0, -1, 1, 2, 100, 101, 1_000, 2**31 - 1, -(2**31), 2**31, 2**63, -(2**63) - 1, 10**400]
DECIMALS = [
    *(
        "0",
        "-0",
        "-0.00",
        "1",
        "0.01",
        "0.001",
        "-5",
        "1e3",
        "1E+400",
        "1e-400",
        "1e999999999",
        "-1e999999999999999999",
    ),
    *(
        "NaN",
        "sNaN",
        "Infinity",
        "0x10",
        "1_000",
        "١٢",
        "1.",
        ".5",
        "+1",
        "1e",
        " 1",
        "1 ",
        "9" * 64,
        "0." + "0" * 61 + "1",
    ),
    *(
        "92233720368547758.07",
        "92233720368547758.08",
        "9223372036854775807",
        "90071992547409.93",
        "1000000",
        "250000000",
    ),
]
MOMENTS = [
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0000-12-31T23:59:59Z", "-0044-03-15T12:00:00Z"),
    *(
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.999999-14:00",
        "10000-01-01T00:00:00Z",
        "1677-09-21T00:12:43Z",
    ),
    *("1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z", "2262-04-12T00:00:00Z"),
    *(
        "2016-12-31T23:59:60Z",
        "2026-02-30T00:00:00Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23",
        "2026-W48-1",
        "20261123T083000Z",
    ),
    *("2026-11-23T08:30:00+23:59", "2026-11-23T08:30:00.123456789Z", "2099-01-01T00:00:00Z", "now", "1e9", ""),
]
CURSORS = [
    "",
    "AAAAAAAAAAAAAAAAAAAAAA",
    "A" * 10_000,
    "====",
    "é",
    "/w",
    "-_-_",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
]
IDS = [
    *(
        "",
        "_",
        "post_",
        "post_1",
        "user_" + "0" * 32,
        "post_" + "f" * 32,
        "post_" + "F" * 32,
        "entry_" + "0" * 32 + "_0",
    ),
    *(
        "entry_" + "0" * 32 + "_999999999999999999",
        "token_" + "1" * 32,
        "nothing_" + "1" * 32,
        "post_" + "\uff11" * 32,
        "1",
    ),
]
JSON_VALUES: list[Any] = [None, True, 0, -1, 1.5, 1e308, 2**63, 10**300, "", "x", [], {}, [[]], [None], {"id": None}]
PAGE = "(first: $first, after: $place) { nodes { id } pageInfo { endCursor hasNextPage } }"
LISTS = [
    f"{{ feed{PAGE} }}",
    f"{{ feed{PAGE.replace('(first', '(last').replace('after', 'before')} }}",
    f"{{ feed{PAGE.replace('(', '(kind: FOLLOWING, ')} }}",
    f"{{ viewer {{ wallet {{ entries{PAGE} }} }} }}",
    *(f"{{ feed(first: 5) {{ nodes {{ {name}{PAGE} }} }} }}" for name in ("replies", "tips")),
    *(f"{{ viewer {{ user {{ {name}{PAGE} }} }} }}" for name in ("posts", "followers", "following")),
]
SPANS = [
    "{ viewer { earnings(from: $from, to: $to) { total { amount } byDay { day } } } }",
    "{ viewer { wallet { statement(from: $from, to: $to) { entryCount csvUrl } } } }",
    "{ viewer { wallet { a: balance(asOf: $from) { version } b: balance(asOf: $to) { version } } } }",
]
BY_TYPE: dict[str, list[Any]] = {
    "Int": NUMBERS,
    "BigInt": [0, -1, 2**63 - 1, -(2**63), 2**63, "9" * 19, "9" * 21, "\u0661"],
    "Decimal": DECIMALS,
    "DateTime": MOMENTS,
    "String": TEXTS,
    "ID": IDS,
}
KINDS = {
    "postId": "post",
    "replyToId": "post",
    "quoteOfId": "post",
    "userId": "user",
    "transferId": "tip",
    "fundingSourceId": "card",
}
_CLIENT_DATA = b'{"type": "webauthn.get", "challenge": "AAAA", "origin": "http://localhost:8000"}'
CREDENTIALS = [
    "{}",
    "{id: null, rawId: [], response: {}}",
    *(
        f'{{id: "AAAA", rawId: "AAAA", type: "public-key", response: {{clientDataJSON: "{client}",'
        ' authenticatorData: "AAAA", attestationObject: "o2M_", signature: "", userHandle: ""}}'
        for client in ("", "e30", "bnVsbA", urlsafe_b64encode(_CLIENT_DATA).decode())
    ),
]
"""What passkeys answer, or nearly so, as GraphQL writes it."""
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Decimal": st.sampled_from(["1", "0.01", "5.00", "20"]).map(nodes.String),
    "BigInt": st.integers(-5, 5).map(nodes.Int),
    "DateTime": st.just("2026-11-23T08:30:00Z").map(nodes.String),
    "JSONObject": st.sampled_from(CREDENTIALS).map(parse_value),
}


class Attack(NamedTuple):
    """One operation to send, with places where something stands that answers have shown."""

    query: str
    variables: Variables


def attacks(seed: int) -> Iterator[Attack]:
    """Operations without end, the same for the same seed."""
    random = Random(seed)
    fields = [*(("query", name) for name in QUERIES), *(("mutation", name) for name in MUTATIONS)]
    while True:
        for kind, name in random.sample(fields, len(fields)):
            texts = written(
                core_schema,
                AT_ONCE,
                random.getrandbits(32),
                mutations=kind == "mutation",
                scalars=SCALARS,
                fields=None if name == ANY else [name],
            )
            for text in texts * TWISTS:
                yield _attack(text, random)
            yield _page(random)
            yield _span(random)


def _page(random: Random) -> Attack:
    """One list, which is asked to go on where another one was left."""
    query = f"query ($first: Int, $place: String) {random.choice(LISTS)}"
    place = _place("cursor", random) if random.random() < 0.8 else random.choice(CURSORS)
    return Attack(query, {"first": random.choice([0, 1, 2, 100]), "place": place})


def _span(random: Random) -> Attack:
    """Sums over a time that may have no begin, no end or no length."""
    query = f"query ($from: DateTime!, $to: DateTime!) {random.choice(SPANS)}"
    return Attack(query, {"from": random.choice(MOMENTS), "to": random.choice(MOMENTS)})


def _attack(text: str, random: Random) -> Attack:
    query, variables = twisted(core_schema, text, random, _argument)
    if random.random() < 0.05:
        query = _garbled(query, random)
    if variables and random.random() < 0.1:
        variables[random.choice(list(variables))] = _json_value(random)
    return Attack(query, variables)


class Seen:
    """What answers have shown: ids by their kinds, handles, cursors of all lists, idempotency keys."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def look(self, answer: str) -> None:
        """Remembers what an answer shows."""
        for found in _SHOWN.finditer(answer):
            if found["cursor"] is not None:
                self._seen["cursor"].append(found["cursor"])
            elif found["handle"] is not None:
                self._seen["handle"].append(found["handle"])
            else:
                self._seen[found["kind"]].append(found["id"])
                self._seen["id"].append(found["id"])

    def filled(self, attack: Attack) -> Attack:
        """The operation with what stands at its places."""
        query = _PLACE.sub(self._at, attack.query).replace(LONE, r"\ud83d")
        variables = json.loads(_PLACE.sub(self._at, json.dumps(attack.variables)).replace(LONE, r"\ud83d"))
        return attack._replace(query=query, variables=variables)

    def _at(self, place: re.Match[str]) -> str:
        choices = self._seen.get(place[1]) or ["nothing"]
        return choices[int(place[2]) % len(choices)]


_SHOWN = re.compile(
    r'"\w*[cC]ursor": ?"(?P<cursor>[^"\\]+)"|"handle": ?"(?P<handle>\w+)"'
    r'|"(?P<id>(?P<kind>[a-z]+)_[0-9a-f]{32}(?:_\d+)?)"'
)
_PLACE = re.compile(r"@@(\w+) (\d+)@@")


def _place(kind: str, random: Random) -> str:
    return f"@@{kind} {random.randrange(1 << 16)}@@"


# Values


def _argument(name: str, argument: GraphQLArgument, value: ValueNode, random: Random) -> ValueNode:
    return _spoiled(name, argument.type, value, random)


def _spoiled(name: str, type_: GraphQLInputType, value: ValueNode, random: Random) -> ValueNode:
    """A value of the same form, of which some parts mean no good."""
    if random.random() < 0.005:
        return random.choice([NullValueNode(), IntValueNode(value="1"), ObjectValueNode(fields=()), _deep_list()])
    if isinstance(value, ObjectValueNode):
        return _spoiled_object(type_, value, random)
    if isinstance(value, ListValueNode):
        return _spoiled_list(name, type_, value, random)
    if isinstance(value, NullValueNode) and random.random() < 0.5:
        return value
    return _leaf(name, get_named_type(type_).name, value, random)


def _spoiled_object(type_: GraphQLInputType, value: ObjectValueNode, random: Random) -> ObjectValueNode:
    named = get_named_type(type_)
    if not isinstance(named, GraphQLInputObjectType):
        return value
    fields = [
        ObjectFieldNode(
            name=field.name,
            value=_spoiled(field.name.value, named.fields[field.name.value].type, field.value, random),
        )
        for field in value.fields
        if is_required_input_field(named.fields[field.name.value]) or random.random() < 0.5
    ]
    return ObjectValueNode(fields=tuple(fields))


def _spoiled_list(name: str, type_: GraphQLInputType, value: ListValueNode, random: Random) -> ListValueNode:
    nullable = get_nullable_type(type_)
    inner: GraphQLInputType = nullable.of_type if isinstance(nullable, GraphQLList) else type_
    values = value.values
    if name == "ids":
        count = random.choice([0, 1, 2, 2, 8, 8, 8, 100, 101])
        return ListValueNode(values=tuple(_leaf(name, "ID", StringValueNode(value=""), random) for _ in range(count)))
    return ListValueNode(values=tuple(_spoiled(name, inner, one, random) for one in values))


def _leaf(name: str, type_: str, value: ValueNode, random: Random) -> ValueNode:
    if type_ == "ID" and random.random() < 0.8:
        return StringValueNode(value=_place(KINDS.get(name, "id") if random.random() < 0.8 else "id", random))
    if name == "handle" and random.random() < 0.7:
        return StringValueNode(value=_place("handle", random))
    if name in {"after", "before"}:
        seen = random.random() < 0.7
        return StringValueNode(value=_place("cursor", random) if seen else random.choice(CURSORS))
    if name in {"first", "last"} and random.random() < 0.8:
        return IntValueNode(value=str(random.choice([0, 1, 2, 20, 100])))
    if name == "idempotencyKey" and random.random() < 0.7:
        return StringValueNode(value=f"key {random.randrange(200)}")
    if name == "password" and random.random() < 0.7:
        return StringValueNode(value="correct horse battery")
    if type_ == "String" and random.random() < 0.3:
        return StringValueNode(value=_pieced(value, random))
    choices = BY_TYPE.get(type_)
    if choices is None or random.random() < 0.5:
        return value
    chosen = random.choice(choices)
    return IntValueNode(value=str(chosen)) if isinstance(chosen, int) else StringValueNode(value=chosen)


def _pieced(value: ValueNode, random: Random) -> str:
    """Something ordinary with a character in it that is not."""
    text = value.value if isinstance(value, StringValueNode) else ""
    cut = random.randrange(len(text) + 1)
    return text[:cut] + random.choice(CHARACTERS) + text[cut:] + "text"


def _deep_list() -> ListValueNode:
    value = ListValueNode(values=())
    for _ in range(DEEP):
        value = ListValueNode(values=(value,))
    return value


def _json_value(random: Random) -> Any:
    value = random.choice([*JSON_VALUES, LONG, *TEXTS, *NUMBERS, *DECIMALS, *MOMENTS])
    if random.random() < 0.2:
        for _ in range(random.choice([1, DEEP - 10, DEEP, 200])):
            value = random.choice([[value], {"input": value}, {"amount": value}])
    return value


def _garbled(query: str, random: Random) -> str:
    """The text with a piece too much, too few, or of something else."""
    start = random.randrange(len(query))
    end = min(len(query), start + random.choice([0, 1, 1, 5, 100]))
    piece = random.choice(
        ["", "\x00", "{", "}", "@skip", "...", '"', '"""', "\\u{110000}", "#", "$", "\ufeff", query[:200]]
    )
    return query[:start] + piece + query[end:]
