"""What the servers are asked, and what their answers mean: the same whichever way a server says it."""

import json
import random
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from benchmarks import data
from benchmarks.ledger import town
from benchmarks.ledger.town import PEOPLE, Shape

TIMELINE = """query Timeline {
  feed(kind: FOLLOWING, first: 20) {
    nodes {
      id text createdAt
      author { id handle displayName }
      likeCount replyCount repostCount
      tipTotal { minorUnits }
      viewerHasLiked viewerHasReposted
    }
  }
  viewer { wallet { balance { available { minorUnits } } } }
}"""
TINY = "{ viewer { user { handle } } }"
TIP = """mutation Tip($input: TipPostInput!) {
  tipPost(input: $input) {
    wallet { balance { available { minorUnits } } }
    userErrors { ... on UserError { message } }
  }
}"""


class Workload(StrEnum):
    """What is asked."""

    TIMELINE = "timeline"
    TINY = "tiny"
    TIP = "tip"
    MIXED = "mixed"


class Language(StrEnum):
    """How a server is asked."""

    GRAPHQL = "graphql"
    ENDPOINTS = "endpoints"
    POSTGRAPHILE = "postgraphile"


class UnequalError(Exception):
    """Two servers do not say the same, so that no ratio says anything."""


class Ask(NamedTuple):
    """A request, less its headers: `path`, `body`, and who asks."""

    method: str
    path: str
    body: bytes
    person: int


# PostGraphile makes its schema from the tables, and so has names of its own.
POSTGRAPHILE = {
    Workload.TIMELINE: """query Timeline {
  feed(first: 20) {
    nodes {
      id: rowId text createdAt
      author { id: rowId handle displayName }
      counters: postCounterByPostId { likeCount replyCount repostCount }
      tipTotal
      liked
      reposted
    }
  }
  balance
}""",
    Workload.TINY: "{ me { handle } }",
    Workload.TIP: """mutation Tip($input: TipPostInput!) { tipPost(input: $input) { result } }""",
}
GRAPHQL = {Workload.TIMELINE: TIMELINE, Workload.TINY: TINY, Workload.TIP: TIP}
TIMELINE_SHARE = 0.9
"""Of mixed requests, these are timelines; the others are tips."""


def asks(workload: Workload, language: Language, shape: Shape = Shape.ZIPF) -> Iterator[Ask]:
    """Requests without end; who asks for what is the same each time, a tip's idempotency key never is."""
    chance = random.Random(data.SEED)
    tips = town.tips(shape, data.SEED)
    run, number = uuid4().hex, 0
    fixed = {each: _body(each, language) for each in (Workload.TIMELINE, Workload.TINY)}
    while True:
        which = workload
        if workload is Workload.MIXED:
            which = Workload.TIMELINE if chance.random() < TIMELINE_SHARE else Workload.TIP
        if which is not Workload.TIP:
            method = "GET" if language is Language.ENDPOINTS else "POST"
            yield Ask(method, _path(which, language), fixed[which], 1 + int(chance.random() * PEOPLE))
            continue
        tip = next(tips)
        number += 1
        wish = _wish(language, data.newest_post(tip.creator).hex, tip.amount, f"{run}{number}")
        yield Ask("POST", _path(which, language), _body(which, language, wish), tip.payer)


def _path(workload: Workload, language: Language) -> str:
    return f"/{workload}" if language is Language.ENDPOINTS else "/graphql"


def _wish(language: Language, post: str, cents: int, key: str) -> dict[str, Any]:
    match language:
        case Language.POSTGRAPHILE:
            return {"post": post, "cents": str(cents), "key": key}
        case _:
            amount = {"amount": f"{cents / 100:.2f}", "currency": "USD"}
            return {"postId": f"post_{post}", "amount": amount, "idempotencyKey": key}


def _body(workload: Workload, language: Language, wish: Mapping[str, Any] | None = None) -> bytes:
    if language is Language.ENDPOINTS:
        return b"" if wish is None else orjson.dumps(wish)
    documents = POSTGRAPHILE if language is Language.POSTGRAPHILE else GRAPHQL
    request: dict[str, Any] = {"query": documents[workload]}
    return orjson.dumps(request if wish is None else request | {"variables": {"input": wish}})


def succeeded(body: bytes) -> bool:
    """Whether an answer is one that was wanted: nothing failed, and a tip was given."""
    return b'"errors":' not in body and (b'"userErrors"' not in body or b'"userErrors":[]' in body)


def meaning(workload: Workload, language: Language, body: bytes) -> Any:
    """What an answer says, less how it is said. Raises UnequalError if it says nothing of the kind."""
    try:
        return _meaning(workload, language, json.loads(body))
    except (KeyError, TypeError, ValueError) as error:
        raise UnequalError(f"{body[:500].decode(errors='replace')} ({error!r})") from None


def _meaning(workload: Workload, language: Language, answer: Any) -> Any:
    said = answer if language is Language.ENDPOINTS else answer["data"]
    is_own = language is Language.POSTGRAPHILE
    match workload:
        case Workload.TINY:
            return said["me"]["handle"] if is_own else said["viewer"]["user"]["handle"]
        case Workload.TIP:
            return int(said["tipPost"]["result"]) if is_own else _balance(said["tipPost"])
        case _:
            balance = int(said["balance"]) if is_own else _balance(said["viewer"])
            return {"posts": [_post(node, is_own=is_own) for node in said["feed"]["nodes"]], "balance": balance}


def _balance(wallet_of: Any) -> int:
    return int(wallet_of["wallet"]["balance"]["available"]["minorUnits"])


def _post(node: Any, *, is_own: bool) -> dict[str, Any]:
    counts = node["counters"] if is_own else node
    author = node["author"]
    return {
        "id": _hex(node["id"]),
        "text": node["text"],
        "createdAt": datetime.fromisoformat(node["createdAt"]).timestamp(),
        "author": (_hex(author["id"]), author["handle"], author["displayName"]),
        "counts": [int(counts[name]) for name in ("likeCount", "replyCount", "repostCount")],
        "tipTotal": int(node["tipTotal"] if is_own else node["tipTotal"]["minorUnits"]),
        "liked": _truth(node["liked" if is_own else "viewerHasLiked"]),
        "reposted": _truth(node["reposted" if is_own else "viewerHasReposted"]),
    }


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _hex(identifier: str) -> str:
    return identifier.rpartition("_")[2].replace("-", "")


def require_equal(answers: Mapping[str, Any], asked: str) -> None:
    """Raises UnequalError unless all servers have said the same."""
    first, *others = answers
    for other in others:
        if answers[other] != answers[first]:
            raise UnequalError(f"{asked}: {first} says {answers[first]!r}, {other} says {answers[other]!r}")
