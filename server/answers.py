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
    return _Json(orjson.dumps(body), status, headers, media_type)


class _Json(Response):
    """An answer whose usual headers need not be put together each time."""

    charset = "utf-8"

    def init_headers(self, headers: Mapping[str, str] | None = None) -> None:
        """Gives it its headers."""
        length = (b"content-length", b"%d" % len(self.body))
        self.raw_headers = [*_USUAL[self.media_type], length]
        for name, value in (headers or {}).items():
            self.headers[name] = value


_USUAL: dict[str | None, list[tuple[bytes, bytes]]] = {
    media_type: [(b"content-type", f"{media_type}; charset=utf-8".encode()), (b"vary", b"Accept")]
    for media_type in MediaType
}


def refusal(error: HttpError, media_type: MediaType = MediaType.JSON) -> Response:
    """The answer to a request that was refused."""
    return answer(errors(error.message, code=error.code), error.status, media_type, error.headers)


def errors(message: str, **extensions: str) -> dict[str, Any]:
    """The body of an answer that has one error and no data."""
    return {"errors": [{"message": message, "extensions": extensions}]}
