"""What `make bench` rests on: the same data each time, and no ratio between servers that say different things."""

import json
from itertools import islice
from typing import Any

import pytest

from benchmarks import data
from benchmarks.workloads import Language, UnequalError, Workload, asks, meaning, require_equal, succeeded

POST: dict[str, Any] = {
    "id": "post_" + "0" * 31 + "7",
    "text": "hello",
    "createdAt": "2026-01-01T00:00:01Z",
    "author": {"id": "user_" + "0" * 31 + "9", "handle": "ada", "displayName": "Ada"},
    "likeCount": 3,
    "replyCount": 2,
    "repostCount": 1,
    "tipTotal": {"minorUnits": "40"},
    "viewerHasLiked": True,
    "viewerHasReposted": False,
}
OWN_NAMES: dict[str, Any] = {
    "id": "00000000-0000-0000-0000-000000000007",
    "text": "hello",
    "createdAt": "2026-01-01T00:00:01.000+00:00",
    "author": {"id": "00000000-0000-0000-0000-000000000009", "handle": "ada", "displayName": "Ada"},
    "counters": {"likeCount": "3", "replyCount": "2", "repostCount": "1"},
    "tipTotal": "40",
    "liked": True,
    "reposted": False,
}
WALLET = {"wallet": {"balance": {"available": {"minorUnits": "100"}}}}


def says(post: dict[str, Any], language: Language = Language.GRAPHQL) -> Any:
    own = language is Language.POSTGRAPHILE
    said = {"feed": {"nodes": [post]}, **({"balance": "100"} if own else {"viewer": WALLET})}
    answer = said if language is Language.ENDPOINTS else {"data": said}
    return meaning(Workload.TIMELINE, language, json.dumps(answer).encode())


def test_data_is_the_same_each_time_but_for_when_a_token_was_used() -> None:
    first, second = ({rows.table: rows for rows in data.rows(people=60)} for _ in range(2))
    del first["tokens"], second["tokens"]
    assert first == second


def test_servers_that_name_things_differently_can_say_the_same() -> None:
    answers = {
        "graphql": says(POST),
        "endpoints": says(POST, Language.ENDPOINTS),
        "own names": says(OWN_NAMES, Language.POSTGRAPHILE),
    }
    require_equal(answers, "a timeline")


@pytest.mark.parametrize("name", ["text", "likeCount", "viewerHasReposted", "createdAt"])
def test_any_other_value_is_refused(name: str) -> None:
    other = {"text": "bye", "likeCount": 4, "viewerHasReposted": True, "createdAt": "2026-01-01T00:00:02Z"}[name]
    with pytest.raises(UnequalError):
        require_equal({"one": says(POST), "other": says({**POST, name: other})}, "a timeline")


def test_an_answer_without_data_is_refused() -> None:
    with pytest.raises(UnequalError):
        meaning(Workload.TIMELINE, Language.GRAPHQL, b'{"errors":[{"message":"no"}],"data":null}')


def test_a_refused_tip_is_no_success() -> None:
    assert succeeded(b'{"data":{"tipPost":{"userErrors":[]}}}')
    assert not succeeded(b'{"data":{"tipPost":{"userErrors":[{"message":"no"}]}}}')
    assert not succeeded(b'{"errors":[{"message":"no"}]}')


def test_the_same_people_ask_each_time_and_no_key_is_used_twice() -> None:
    first, second = (list(islice(asks(Workload.TIP, Language.GRAPHQL), 50)) for _ in range(2))
    assert [ask.person for ask in first] == [ask.person for ask in second]
    keys = {json.loads(ask.body)["variables"]["input"]["idempotencyKey"] for ask in first + second}
    assert len(keys) == 100
