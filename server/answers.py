"""What goes back over HTTP: JSON in GraphQL's form, errors too."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import orjson
from starlette.responses import Response

BAD_REQUEST = "BAD_REQUEST"


class MediaType(StrEnum):
    """The two forms of an answer. They differ in their status codes alone."""

    JSON = "application/json"
    GRAPHQL_RESPONSE = "application/graphql-response+json"


class HttpError(Exception):
    """A request that is refused before any operation runs. The message is for the client."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


def bad_request(message: str) -> HttpError:
    """The refusal of a request that is not well formed."""
    return HttpError(400, BAD_REQUEST, message)


def answer(
    body: Any, status: int = 200, media_type: MediaType = MediaType.JSON, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer."""
    content_type = f"{media_type}; charset=utf-8"
    return Response(orjson.dumps(body), status, {"content-type": content_type, "vary": "Accept", **(headers or {})})


def refusal(error: HttpError, media_type: MediaType = MediaType.JSON) -> Response:
    """The answer to a request that was refused."""
    return answer(errors(error.message, code=error.code), error.status, media_type, error.headers)


def errors(message: str, **extensions: str) -> dict[str, Any]:
    """The body of an answer that has one error and no data."""
    return {"errors": [{"message": message, "extensions": extensions}]}
