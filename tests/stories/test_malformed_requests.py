"""Malformed requests over HTTP: a clear error, and the server goes on."""

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx2
import pytest

from tests.harness.client import Client
from tests.harness.server import Server

JSON = {"content-type": "application/json"}
QUERY = '{"query": "{ __typename }"'
LEAKS = ("Traceback", 'File "', "asyncpg", "sqlite", "orjson")


def send(visitor: Client, content: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    return visitor.http.post("/graphql", content=content, headers=JSON if headers is None else headers)


def assert_clear(response: httpx2.Response, status: int) -> None:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert "data" not in body
    assert all(error["message"] and error["extensions"]["code"] for error in body["errors"])
    assert len(response.content) < 5_000
    assert not [leak for leak in LEAKS if leak in response.text]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"null",
        b"true",
        b"1",
        b'"{ __typename }"',
        b"[]",
        b'[{"query": "{ __typename }"}]',
        b"{}",
        b"{",
        b'{"query": ',
        b'{"query": null}',
        b'{"query": 1}',
        b'{"query": ["{ __typename }"]}',
        f'{QUERY}, "variables": []}}'.encode(),
        f'{QUERY}, "variables": "{{}}"}}'.encode(),
        f'{QUERY}, "operationName": 1}}'.encode(),
        f'{QUERY}, "extensions": 1}}'.encode(),
        b'\xff\xfe{"query": "{ __typename }"}',
        b'{"query": "{ __typename } # \xff"}',
        b'{"query": "{ __typename } # \\ud800"}',
        b'{"query": "{ __typename }", "variables": {"x": "\\udfff"}}',
        b'{"query": "{ __typename }"} trailing',
        b'{"query": "{ __typename }", "variables": {"x": NaN}}',
        b"--x\r\n\r\n--x--",
        b'{"variables": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b', "query": "{ __typename }"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_is_400(visitor: Client, content: bytes) -> None:
    assert_clear(send(visitor, content), 400)
    assert send(visitor, f"{QUERY}}}".encode()).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "multipart/form-data; boundary=x"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({**JSON, "content-encoding": "gzip"}, 415),
        ({**JSON, "accept": "image/png"}, 406),
        ({**JSON, "authorization": "Bearer nobody"}, 401),
        ({**JSON, "authorization": "Basic YWRhOmFkYQ=="}, 401),
        ({**JSON, "authorization": "Bearer"}, 401),
    ],
)
def test_what_is_not_understood_is_refused(visitor: Client, headers: dict[str, str], status: int) -> None:
    assert_clear(send(visitor, f"{QUERY}}}".encode(), headers), status)


def test_a_body_that_is_too_large_is_413(visitor: Client) -> None:
    assert_clear(send(visitor, json.dumps({"query": "{ __typename }" + " " * (1 << 20)}).encode()), 413)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "{",
        "{ nothing }",
        "\x00",
        "{ __typename }" * 1000,
        "{ a(" + "[" * 5000,
        "query " * 500,
        "{ user(handle: 5) { id } }",
        "{ __typename } " + "#" * 300_000,
        '{ user(handle: "\\ud800") { id } }',
    ],
)
def test_what_is_no_query_is_told_so(visitor: Client, query: str) -> None:
    body = json.dumps({"query": query}).encode()
    assert_clear(send(visitor, body, {**JSON, "accept": "application/graphql-response+json"}), 400)
    assert_clear(send(visitor, body), 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/graphql?query=%7B", 200),
        ("/graphql?query=%FF", 400),
        ("/graphql?query=%7B__typename%7D&variables=%7B", 400),
        ("/graphql?query=%7B__typename%7D&query=%7B__typename%7D", 400),
        ("/graphql?query=mutation%7BsignOut%7B__typename%7D%7D", 405),
        ("/graphql", 400),
        ("/nothing", 404),
        ("/graphiql/../../etc/passwd", 404),
        ("/graphiql/%2e%2e/%2e%2e/etc/passwd", 404),
    ],
)
def test_what_cannot_be_got_is_told_so(visitor: Client, path: str, status: int) -> None:
    assert_clear(visitor.http.get(path), status)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nContent-Length: 11\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /graphql HTTP/9.9\r\n\r\n",
    ],
)
def test_what_is_no_http_does_not_disturb_the_others(visitor: Client, raw: bytes) -> None:
    url = visitor.http.base_url
    assert url.port
    with socket.create_connection((url.host, url.port), timeout=60) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        answered = b""
        while received := connection.recv(65536):
            answered += received
    assert not [leak for leak in LEAKS if leak.encode() in answered]
    assert send(visitor, f"{QUERY}}}".encode()).json() == {"data": {"__typename": "Query"}}


POST = b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "half",
    [
        POST,
        POST + b"Content-Length: 100\r\n\r\n",
        POST + b'Content-Length: 100\r\n\r\n{"query": "{ __type',
        POST + b'Transfer-Encoding: chunked\r\n\r\n10\r\n{"query": ',
        POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
def test_who_leaves_in_the_middle_of_a_request_disturbs_nobody(
    visitor: Client, shared_server: Server, half: bytes
) -> None:
    before = shared_server.log.read_text()
    url = visitor.http.base_url
    assert url.port
    for _ in range(20):
        with socket.create_connection((url.host, url.port), timeout=60) as connection:
            connection.sendall(half)
    assert send(visitor, f"{QUERY}}}".encode()).json() == {"data": {"__typename": "Query"}}
    assert "unexpected error" not in shared_server.log.read_text().removeprefix(before)


def test_a_body_without_end_is_413(visitor: Client) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b" " * 10_000

    with suppress(httpx2.WriteError):  # the server closes while it is being sent to
        response = visitor.http.post("/graphql", content=endless(), headers=JSON)
        assert_clear(response, 413)
    assert send(visitor, f"{QUERY}}}".encode()).json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_a_packed_body_is_not_unpacked(visitor: Client, encoding: str) -> None:
    bomb = gzip.compress(b" " * (1 << 20))
    assert_clear(send(visitor, bomb, {**JSON, "content-encoding": encoding}), 415)


VALUES = ["null", "1", "true", '"x"', "[]", '{"a": 1}', '"\\u0000"', "1e999", "-0", f'"{"9" * 1_000}"']


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("kind", ["ID!", "Int", "Decimal!", "MoneyInput!", "[ID!]!", "DateTime!", "FeedKind!"])
def test_a_variable_of_any_value_is_never_a_fault_of_ours(visitor: Client, kind: str, value: str) -> None:
    fields = {
        "ID!": "node(id: $x) { id }",
        "Int": "feed(first: $x) { nodes { id } }",
        "Decimal!": 'tipPreview(input: { postId: "x", amount: { amount: $x } }) { fee { amount } }',
        "MoneyInput!": 'tipPreview(input: { postId: "x", amount: $x }) { fee { amount } }',
        "[ID!]!": "nodes(ids: $x) { id }",
        "DateTime!": "viewer { wallet { balance(asOf: $x) { version } } }",
        "FeedKind!": "feed(kind: $x) { nodes { id } }",
    }
    body = f'{{"query": {json.dumps(f"query ($x: {kind}) {{ {fields[kind]} }}")}, "variables": {{"x": {value}}}}}'
    response = send(visitor, body.encode())
    assert response.status_code in {200, 400}
    codes = [error["extensions"]["code"] for error in response.json().get("errors", [])]
    assert "INTERNAL" not in codes
    assert len(response.content) < 5_000
    assert not [leak for leak in LEAKS if leak in response.text]
