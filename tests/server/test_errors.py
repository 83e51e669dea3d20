import json
from typing import Any

import pytest
from graphql import GraphQLError, build_schema, graphql_sync
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from ledger import BusyError
from models.database import ConstraintError, ContentionError, UnavailableError
from resolvers.errors import BadInputError, ScopeError, SignInRequiredError
from server.errors import MaskErrors, present

SECRET = "INSERT INTO tokens /srv/hatful hunter2"


def raised(error: Exception) -> GraphQLError:
    """The error that GraphQL makes of what a field raises."""
    schema = build_schema("type Query { field(argument: Int): Int }")

    def resolve(*_: Any, **__: Any) -> None:
        raise error

    schema.query_type.fields["field"].resolve = resolve  # type: ignore[union-attr]
    errors = graphql_sync(schema, "{ field }").errors
    assert errors
    return errors[0]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SignInRequiredError(), "UNAUTHENTICATED"),
        (ScopeError("Not this far."), "FORBIDDEN"),
        (BadInputError("first must not be negative."), "BAD_USER_INPUT"),
    ],
)
def test_shows_errors_that_are_made_for_clients(error: Exception, code: str) -> None:
    shown = present(raised(error))
    assert (shown.message, shown.extensions) == (str(error), {"code": code})


def test_shows_graphql_s_own_errors() -> None:
    shown = present(raised(GraphQLError("Argument 'argument' has invalid value.")))
    assert shown.message == "Argument 'argument' has invalid value."
    assert shown.extensions == {"code": "BAD_USER_INPUT"}
    refused = GraphQLError("Syntax Error", extensions={"code": "GRAPHQL_PARSE_FAILED"})
    assert present(refused) is refused


@pytest.mark.parametrize("error", [UnavailableError(SECRET), BusyError(SECRET), ContentionError(SECRET)])
def test_says_to_try_again_when_the_database_is_away(error: Exception) -> None:
    shown = present(raised(error))
    assert shown.extensions == {"code": "UNAVAILABLE"}
    assert "Try again" in shown.message
    assert SECRET not in json.dumps(shown.formatted)


@pytest.mark.parametrize(
    "error", [ValueError(SECRET), ConstraintError(SECRET), KeyError(SECRET), AssertionError(SECRET)]
)
def test_masks_everything_else_with_an_id_that_finds_the_log_line(error: Exception) -> None:
    with capture_logs() as lines:
        shown = present(raised(error))
    assert shown.extensions is not None
    assert shown.extensions["code"] == "INTERNAL"
    assert SECRET not in json.dumps(shown.formatted)
    assert (shown.path, shown.locations) == (["field"], raised(error).locations)
    [line] = lines
    assert line["id"] == shown.extensions["id"]
    assert line["id"] in shown.message
    assert line["exc_info"] is error


def test_logs_one_failure_once_however_many_fields_it_ends() -> None:
    failure = ValueError(SECRET)
    with capture_logs() as lines:
        first, second = present(raised(failure)), present(raised(failure))
    assert len(lines) == 1
    assert first.extensions == second.extensions


async def answer_of(error: Exception, *, started: bool = False) -> list[Message]:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise error

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    await MaskErrors(app)({"type": "http", "path": "/graphql", "method": "POST"}, receive, send)
    return sent


async def test_answers_what_nobody_caught_with_a_masked_error() -> None:
    with capture_logs() as lines:
        start, body = await answer_of(ValueError(SECRET))
    assert start["status"] == 500
    error = json.loads(body["body"])["errors"][0]
    assert error["extensions"] == {"code": "INTERNAL", "id": lines[0]["id"]}
    assert SECRET not in str(body["body"])


async def test_answers_503_when_the_database_is_away() -> None:
    start, body = await answer_of(UnavailableError(SECRET))
    assert start["status"] == 503
    assert (b"retry-after", b"1") in start["headers"]
    assert SECRET not in str(body["body"])


async def test_cuts_the_connection_when_half_an_answer_has_left() -> None:
    with capture_logs() as lines, pytest.raises(ValueError, match="hunter2"):
        await answer_of(ValueError(SECRET), started=True)
    assert len(lines) == 1


async def test_says_nothing_to_a_client_that_has_gone() -> None:
    with capture_logs() as lines:
        assert await answer_of(ClientDisconnect()) == []
    assert lines == []
