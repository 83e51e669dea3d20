"""What may be shown of an error. The rest is masked, with an id that finds the line in the log."""

from typing import Any
from uuid import uuid4

import structlog
from graphql import GraphQLError
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ledger import BusyError
from models.database import ContentionError, UnavailableError
from server.answers import HttpError, answer, errors, refusal
from server.masking import without_numbers

TRY_AGAIN = "Hatful is too busy, or cannot reach its database. Try again."
RETRY_SECONDS = 1
ID = "error_id"

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.errors")


def present(error: GraphQLError) -> GraphQLError:
    """The error as the client sees it."""
    cause = _cause(error)
    if isinstance(cause, UnavailableError | BusyError | ContentionError):
        log.warning("unavailable", reason=repr(cause), path=error.path)
        return _replaced(error, TRY_AGAIN, {"code": "UNAVAILABLE"})
    # What is wrong with an input is told with the whole of it, and a card's number may be in there.
    message, extensions = without_numbers(error.message), error.extensions or {}
    if "code" in extensions:
        return error if message == error.message else _replaced(error, message, extensions)
    if cause is None:  # GraphQL's own, such as an argument that is not of its type
        return _replaced(error, message, {"code": "BAD_USER_INPUT"})
    error_id = logged(cause, path=error.path)
    return _replaced(error, _apology(error_id), {"code": "INTERNAL", "id": error_id})


def logged(error: BaseException, **details: object) -> str:
    """Logs an error that was not expected, once, and returns the id that finds it."""
    known: str | None = getattr(error, ID, None)
    if known is not None:  # one failed batch ends many fields
        return known
    error_id = uuid4().hex
    setattr(error, ID, error_id)
    log.error("unexpected error", id=error_id, **details, exc_info=error)
    return error_id


def unavailable() -> HttpError:
    """The refusal of a request because the database cannot be had."""
    return HttpError(503, "UNAVAILABLE", TRY_AGAIN, {"retry-after": str(RETRY_SECONDS)})


class MaskErrors:
    """Answers what nobody caught with a masked error, so that neither a traceback nor silence reaches the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Runs the application within."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note)
        except ClientDisconnect:
            pass
        except Exception as error:
            response = _response(error, scope)
            if started:
                raise  # half an answer has left: the server can only cut the connection
            await response(scope, receive, send)


def _response(error: Exception, scope: Scope) -> ASGIApp:
    if isinstance(error, UnavailableError):
        return refusal(unavailable())
    error_id = logged(error, path=without_numbers(scope["path"]))
    return answer(errors(_apology(error_id), code="INTERNAL", id=error_id), 500)


def _cause(error: GraphQLError) -> Exception | None:
    """What was raised underneath, if it was not an error of GraphQL's own."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _replaced(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _apology(error_id: str) -> str:
    return f"Something went wrong on our side. It is logged under the id {error_id}."
