import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from execution.deadlines import Deadlines
from execution.operations import Request
from server import requests
from server.answers import HttpError

QUERY = "{ __typename }"


async def post(
    *chunks: bytes, headers: dict[str, str] | None = None, content_type: str | None = "application/json"
) -> Request:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages.append({"type": "http.request"})
    given = {"content-type": content_type, **(headers or {})} if content_type else headers or {}
    scope = {"headers": [(name.encode(), value.encode()) for name, value in given.items()]}

    async def receive() -> Message:
        return messages.pop(0)

    return await requests.from_body(scope, receive)


async def refused(*chunks: bytes, **options: Any) -> HttpError:
    with pytest.raises(HttpError) as caught:
        await post(*chunks, **options)
    return caught.value


def encoded(**parameters: object) -> bytes:
    return json.dumps(parameters).encode()


async def test_reads_an_operation_from_a_body_in_pieces() -> None:
    body = encoded(query=QUERY, variables={"a": [1]}, operationName="A", extensions={"b": 2}, more=3)
    assert await post(body[:7], body[7:]) == Request(QUERY, {"a": [1]}, "A", read_only=False)


async def test_takes_null_for_what_may_be_left_out() -> None:
    nothing = await post(encoded(query=QUERY, variables=None, operationName=None, extensions=None))
    assert nothing == await post(encoded(query=QUERY)) == Request(QUERY)


@pytest.mark.parametrize(("extensions", "shown"), [({"cost": True}, True), ({"cost": 1}, False), ({}, False)])
async def test_sees_whether_the_cost_is_to_be_shown(extensions: dict[str, Any], shown: bool) -> None:
    assert await post(encoded(query=QUERY, extensions=extensions)) == Request(QUERY, show_cost=shown)
    assert get(query=QUERY, extensions=json.dumps(extensions)).show_cost is shown


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"1",
        b'"{ __typename }"',
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{",
        b'{"query": "\xff"}',
        b'{"query": "\\ud800"}',
        b'{"query": "{ __typename }", "variables": {"a": "\\udfff"}}',
        b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        '{"query": "{ __typename }"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}",
    ],
)
async def test_refuses_a_body_that_is_not_well_formed(body: bytes) -> None:
    error = await refused(body)
    assert (error.status, error.code) == (400, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("query", None),
        *[("query", value) for value in (1, False, {"a": 1}, ["a"])],
        *[("operationName", value) for value in (1, False, {"a": 1}, ["a"])],
        *[("variables", value) for value in (1, False, "{}", ["a"])],
        *[("extensions", value) for value in (1, False, "{}", ["a"])],
    ],
)
async def test_refuses_a_parameter_of_another_kind(name: str, value: object) -> None:
    error = await refused(encoded(**{"query": QUERY, name: value}))
    assert (error.status, error.code) == (400, "BAD_REQUEST")
    assert error.message.startswith(name)


@pytest.mark.parametrize("bracket", [b'{"a": ', b"["])
async def test_refuses_variables_that_are_nested_too_deeply(bracket: bytes) -> None:
    closing = b"}" if b"{" in bracket else b"]"

    def body(depth: int) -> bytes:
        return b'{"query": "{ __typename }", "variables": {"a": ' + bracket * depth + b"1" + closing * depth + b"}}"

    assert (await post(body(requests.MAX_DEPTH - 1))).variables
    error = await refused(body(requests.MAX_DEPTH))
    assert (error.status, error.message) == (400, "variables may be nested at most 64 deep.")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "application/json; charset=latin-1",
        "application/json, application/json",
    ],
)
async def test_refuses_what_is_not_sent_as_json(content_type: str | None) -> None:
    error = await refused(encoded(query=QUERY), content_type=content_type)
    assert (error.status, error.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert error.headers["accept-post"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"'],
)
async def test_takes_json_in_utf_8(content_type: str) -> None:
    assert await post(encoded(query=QUERY), content_type=content_type) == Request(QUERY)


async def test_refuses_a_compressed_body() -> None:
    error = await refused(encoded(query=QUERY), headers={"content-encoding": "gzip"})
    assert (error.status, error.headers["accept-encoding"]) == (415, "identity")


async def test_refuses_a_long_body_before_reading_it() -> None:
    error = await refused(headers={"content-length": str(requests.MAX_BODY_BYTES + 1)})
    assert (error.status, error.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_refuses_a_long_body_that_does_not_say_so() -> None:
    error = await refused(*[b"x" * requests.MAX_BODY_BYTES, b"x", b"never read"])
    assert (error.status, error.headers["connection"]) == (413, "close")


async def test_does_not_wait_for_ever_for_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_deadlines", Deadlines(0.01))
    scope = {"headers": [(b"content-type", b"application/json")]}
    with pytest.raises(HttpError) as caught:
        await requests.from_body(scope, asyncio.Event().wait)  # type: ignore[arg-type]
    assert (caught.value.status, caught.value.headers["connection"]) == (408, "close")


async def test_notices_that_the_client_has_gone() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await requests.from_body({"headers": [(b"content-type", b"application/json")]}, receive)


def get(**parameters: str) -> Request:
    return requests.from_query_string(urlencode(parameters).encode())


def test_reads_a_query_from_a_url() -> None:
    variables = json.dumps({"a": "é"})
    assert get(query=QUERY, variables=variables, operationName="A", extensions="{}") == Request(
        QUERY, {"a": "é"}, "A", read_only=True
    )


def test_takes_an_empty_parameter_for_null() -> None:
    assert get(query=QUERY, variables="", operationName="", extensions="") == Request(QUERY, read_only=True)


@pytest.mark.parametrize(
    "query_string",
    [
        b"",
        b"q=1",
        b"query=%ff",
        b"query=\xff",
        b"query=a&query=b",
        b"query=a&variables=x",
        b"query=a&variables=[]",
        b"query=a&variables=1",
        b"query=a&extensions=x",
        b"query=a&" + b"x=1&" * requests.MAX_PARAMETERS,
    ],
)
def test_refuses_a_url_that_is_not_well_formed(query_string: bytes) -> None:
    with pytest.raises(HttpError) as caught:
        requests.from_query_string(query_string)
    assert (caught.value.status, caught.value.code) == (400, "BAD_REQUEST")


def test_refuses_a_long_url() -> None:
    with pytest.raises(HttpError) as caught:
        get(query="a" * requests.MAX_URL_BYTES)
    assert (caught.value.status, caught.value.code) == (414, "URI_TOO_LONG")


@pytest.mark.parametrize(
    ("query_string", "answer"), [(b"", False), (b"subquery=1", False), (b"a=1&query=x", True), (b"query=", True)]
)
def test_sees_whether_a_url_holds_an_operation(query_string: bytes, answer: bool) -> None:
    assert requests.has_query(query_string) is answer
