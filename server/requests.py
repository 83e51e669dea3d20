"""Reads an operation out of an HTTP request, as GraphQL over HTTP says, or refuses the request."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from execution.deadlines import Deadlines
from execution.operations import Request
from server.answers import HttpError, MediaType, bad_request

MAX_BODY_BYTES = 1 << 20
MAX_URL_BYTES = 16 * 1024
MAX_PARAMETERS = 16
MAX_DEPTH = 64
BODY_SECONDS = 15.0

_HEADERS = "hatful.headers"
"""Where a request's scope has its headers by their names, once somebody has asked for one."""
_SHA256 = re.compile("[0-9a-fA-F]{64}")

Parameters = dict[str, Any]

_deadlines = Deadlines(BODY_SECONDS)


def header(scope: Scope, name: bytes) -> str | None:
    """A header's value, or None; the values of a repeated one with commas between them."""
    headers: dict[bytes, bytes] | None = scope.get(_HEADERS)
    if headers is None:
        headers = scope[_HEADERS] = _joined(scope["headers"])
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    joined: dict[bytes, bytes] = {}
    for name, value in headers:
        joined[name] = value if name not in joined else joined[name] + b", " + value
    return joined


def refuse_upgrade(scope: Scope) -> None:
    """Raises HttpError for a request to go on as a WebSocket, and for one with a body to go on in any other protocol.

    All else that asks for another protocol is answered as it is, as HTTP says.
    """
    upgrade = header(scope, b"upgrade")
    if upgrade is None:
        return
    if "websocket" in upgrade.lower():
        raise _no_upgrade("There are no subscriptions here, and no WebSockets: send operations by POST.")
    if header(scope, b"content-length") or header(scope, b"transfer-encoding"):
        # The parser takes what follows the head for the other protocol, and then for another request.
        raise _no_upgrade("Send what has a body by HTTP/1.1, without the header Upgrade.")


def _no_upgrade(message: str) -> HttpError:
    return HttpError(400, "NO_UPGRADE", message, {"connection": "close"})


def from_query_string(query_string: bytes) -> Request:
    """The operation in a GET request's URL. Raises HttpError."""
    return _request(_url_parameters(query_string), read_only=True)


def has_query(query_string: bytes) -> bool:
    """Whether a URL holds an operation, or the hash of one."""
    return any(pair.startswith((b"query=", b"extensions=")) for pair in query_string.split(b"&"))


async def from_body(scope: Scope, receive: Receive) -> Request:
    """The operation in a POST request's body. Raises HttpError, or ClientDisconnect when the client has gone."""
    parameters = await json_body(scope, receive)
    if isinstance(parameters, list):
        raise bad_request("Send one operation at a time: the body must be an object, not a list.")
    return _request(_object(parameters), read_only=False)


async def json_object(scope: Scope, receive: Receive, most: int) -> Parameters:
    """A JSON object in a body of so many bytes at most. Raises HttpError, or ClientDisconnect."""
    return _object(await json_body(scope, receive, most))


async def json_body(scope: Scope, receive: Receive, most: int = MAX_BODY_BYTES) -> Any:
    """The JSON in a body. Raises HttpError, or ClientDisconnect."""
    _require_json(scope)
    try:
        return orjson.loads(await body_of(scope, receive, most))
    except orjson.JSONDecodeError:
        raise bad_request("The body is not valid JSON in UTF-8.") from None


def _object(parameters: Any) -> Parameters:
    if not isinstance(parameters, dict):
        raise bad_request("The body must be a JSON object.")
    return parameters


def _require_json(scope: Scope) -> None:
    _require_json_by(header(scope, b"content-type"), header(scope, b"content-encoding"))


@lru_cache(maxsize=64)
def _require_json_by(content_type: str | None, content_encoding: str | None) -> None:
    media_type, _, parameters = (content_type or "").lower().partition(";")
    if media_type.strip() != MediaType.JSON:
        raise _unsupported("Send the request as application/json.")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip().strip('"')
    if charset not in {"", "utf-8", "utf8"}:
        raise _unsupported("Send JSON in UTF-8.")
    if content_encoding not in {None, "", "identity"}:
        raise _unsupported("Send the body uncompressed.", {"accept-encoding": "identity"})


def _unsupported(message: str, headers: dict[str, str] | None = None) -> HttpError:
    # The body has not been read, so the connection cannot be used again.
    headers = {"accept-post": f"{MediaType.JSON}; charset=utf-8", "connection": "close", **(headers or {})}
    return HttpError(415, "UNSUPPORTED_MEDIA_TYPE", message, headers)


async def body_of(scope: Scope, receive: Receive, most: int = MAX_BODY_BYTES) -> bytes:
    """A request's body of so many bytes at most. Raises HttpError, or ClientDisconnect."""
    length = header(scope, b"content-length")
    if length is not None and length.isdecimal() and int(length) > most:
        raise _too_large(most)
    try:
        return await _deadlines.keep(_received(receive, most))
    except TimeoutError:
        message = f"The request did not arrive within {BODY_SECONDS:g} seconds."
        raise HttpError(408, "REQUEST_TIMEOUT", message, {"connection": "close"}) from None


async def _received(receive: Receive, most: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(most)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(most: int) -> HttpError:
    message = f"A request may have at most {most} bytes."
    return HttpError(413, "PAYLOAD_TOO_LARGE", message, {"connection": "close"})


def _url_parameters(query_string: bytes) -> Parameters:
    if len(query_string) > MAX_URL_BYTES:
        raise HttpError(414, "URI_TOO_LONG", f"A URL may have at most {MAX_URL_BYTES} bytes; use POST.")
    try:
        text = query_string.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:  # UnicodeDecodeError is one too
        raise bad_request("The URL's parameters are not valid UTF-8, or too many.") from None
    parameters: Parameters = dict(pairs)
    if len(parameters) != len(pairs):
        raise bad_request("The URL has a parameter twice.")
    for name in ("variables", "extensions"):
        if name in parameters:
            parameters[name] = _json_parameter(name, parameters[name])
    if parameters.get("operationName") == "":
        parameters["operationName"] = None
    return parameters


def _json_parameter(name: str, value: str) -> Any:
    if value == "":
        return None
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise bad_request(f"{name} is not valid JSON.") from None


def _request(parameters: Parameters, *, read_only: bool) -> Request:
    query, sha256 = parameters.get("query"), _sha256(parameters.get("extensions"))
    if not isinstance(query, str) and not (query is None and sha256):
        raise bad_request("query is missing: it must be a string." if query is None else "query must be a string.")
    operation_name = parameters.get("operationName")
    if not isinstance(operation_name, str | None):
        raise bad_request("operationName must be a string or null.")
    for name in ("variables", "extensions"):
        if not isinstance(parameters.get(name), dict | None):
            raise bad_request(f"{name} must be an object or null.")
    variables = parameters.get("variables")
    if variables and _is_deeper(variables, MAX_DEPTH):
        raise bad_request(f"variables may be nested at most {MAX_DEPTH} deep.")
    show_cost = (parameters.get("extensions") or {}).get("cost") is True
    return Request(query, variables, operation_name, read_only, sha256, show_cost)


def _sha256(extensions: Any) -> str | None:
    """The hash of a document that the server may know, as in Apollo's automatic persisted queries."""
    persisted = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise bad_request("persistedQuery must be an object with version 1.")
    sha256 = persisted.get("sha256Hash")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise bad_request("persistedQuery must have a sha256Hash of 64 hexadecimal digits.")
    return sha256.lower()


def _is_deeper(value: Any, levels: int) -> bool:
    # Level by level, because a value that is too deep is one that recursion cannot walk.
    level = [value]
    while level and levels:
        level = [child for parent in level for child in _children(parent)]
        levels -= 1
    return any(isinstance(value, dict | list) for value in level)


def _children(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in children if isinstance(child, dict | list)]
