"""What scanners of GraphQL servers try: the checks of graphql-cop, sent as it sends them, and some like them."""

import json
import time
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.harness.client import Client

ANSWER_SECONDS = 20.0
"""Generous: each of these answers within some milliseconds."""
DEEP = "{ __schema { types { " + "fields { type { " * 4 + "name" + " } }" * 4 + " } } }"
CIRCULAR = "{ ...A } fragment A on Query { viewer { user { __typename } } ...B } fragment B on Query { ...A }"


def refusal(client: Client, query: str) -> str:
    """The code with which a document is refused: before it runs, at once, and in one error."""
    began = time.monotonic()
    answer = client.run(query)
    assert time.monotonic() - began < ANSWER_SECONDS
    assert "data" not in answer.body
    [code] = answer.codes
    return code


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("query cop { " + " ".join(f"alias{n}: __typename" for n in range(101)) + " }", "DOCUMENT_TOO_LARGE"),
        ("query cop { " + "__typename \n" * 500 + "}", "DOCUMENT_TOO_LARGE"),
        ("query cop { __typename " + "@aa" * 10 + " }", "DOCUMENT_TOO_LARGE"),
        ("query cop { __typename " + "@skip(if: false) " * 1_000 + "}", "DOCUMENT_TOO_LARGE"),
        (f"query cop {DEEP}", "GRAPHQL_VALIDATION_FAILED"),
        (
            "{ " + " ".join(f"a{n}: __schema {{ types {{ fields {{ name }} }} }}" for n in range(101)) + " }",
            "DOCUMENT_TOO_LARGE",
        ),
        (
            "{ __schema { " + " ".join(f"a{n}: types {{ fields {{ name }} }}" for n in range(500)) + " } }",
            "DOCUMENT_TOO_LARGE",
        ),
        (CIRCULAR, "GRAPHQL_VALIDATION_FAILED"),
        ("{ ...A } fragment A on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),
    ],
    ids=[
        "aliases",
        "one field many times",
        "unknown directives",
        "known directives",
        "circular introspection",
        "introspection many times",
        "introspection with many aliases",
        "circular fragments",
        "a fragment in itself",
    ],
)
def test_a_document_that_overloads_is_refused(visitor: Client, query: str, code: str) -> None:
    assert refusal(visitor, query) == code


def test_operations_come_one_at_a_time(visitor: Client) -> None:
    response = visitor.http.post("/graphql", json=[{"query": "query cop { __typename }"}] * 10)
    assert response.status_code == 400
    assert isinstance(response.json(), dict)


def test_a_mutation_is_not_run_by_get(visitor: Client) -> None:
    response = visitor.http.get("/graphql", params={"query": "mutation cop { __typename }"})
    assert response.status_code == 405
    assert "data" not in response.json()


FORM = {"query": "query cop { __typename }"}
PARTS = f'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{json.dumps(FORM)}\r\n--x--\r\n'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", urlencode(FORM)),
        ("text/plain", json.dumps(FORM)),
        ("multipart/form-data; boundary=x", PARTS),
        (None, json.dumps(FORM)),
    ],
)
def test_what_a_foreign_page_can_send_is_not_run(visitor: Client, content_type: str | None, body: str) -> None:
    headers = {"content-type": content_type} if content_type else {}
    response = visitor.http.post("/graphql", content=body.encode(), headers=headers)
    assert response.status_code == 415
    assert "data" not in response.json()


@pytest.mark.parametrize("query", ["query cop { __typename }", "query cop { abc }", "query cop {", DEEP])
def test_nothing_is_told_of_how_the_server_works(visitor: Client, query: str) -> None:
    headers = {"x-apollo-tracing": "1", "apollo-federation-include-trace": "ftv1"}
    response = visitor.http.post("/graphql", json={"query": query}, headers=headers)
    body: dict[str, Any] = response.json()
    for part in (body, *body.get("errors", [])):
        assert not {"tracing", "ftv1", "exception", "stacktrace", "debug"} & part.get("extensions", {}).keys()
    assert "server" not in response.headers
    assert "x-powered-by" not in response.headers
