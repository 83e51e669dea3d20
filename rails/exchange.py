"""The file exchange with a bank: files go there, and what the bank says of them comes back as files.

`Exchange` is all that the rails of banks know of it. `HttpExchange` is such an exchange over HTTP. Many banks have SFTP
in its place: that is another class with the same five calls (a folder for each kind of file; a file is written under
another name and then renamed, so that it is there whole or not at all).
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import quote

import httpx2
import orjson
from pydantic import BaseModel, ConfigDict, Field

from rails.interface import NotSent, Pending, Rejected, Unknown, UnreachableError

MOST_BYTES = 1 << 25
"""No file of a bank is larger."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_UNCLEAR_ERRORS = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError)  # a TimeoutError is an OSError
_UNCLEAR = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT}


class FileKind(StrEnum):
    """What a bank's file is about."""

    ACKNOWLEDGEMENT = "ACKNOWLEDGEMENT"
    """Whether a file of ours is good."""
    RETURN = "RETURN"
    """What has come back."""
    STATEMENT = "STATEMENT"
    """What the bank has booked on a banking day; there is one for each."""


class BankFile(NamedTuple):
    """A file that the bank has for us. It never changes."""

    name: str
    kind: FileKind
    created_at: datetime


_KINDS = frozenset(FileKind)
"""A bank may write files of other kinds, too. They say nothing about payments."""

Sent = Pending | Unknown | NotSent | Rejected


class Exchange(Protocol):
    """How files go to a bank and come from it."""

    async def put(self, name: str, content: bytes, network_ref: str) -> Sent:
        """Leaves a file with the bank: once, however often it is put under the same name."""
        ...

    async def has(self, name: str) -> bool:
        """Whether the bank has a file of ours. Raises UnreachableError."""
        ...

    async def files(self, since: datetime) -> Sequence[BankFile]:
        """The files that the bank has written since a moment, oldest first. Raises UnreachableError."""
        ...

    async def read(self, name: str) -> bytes:
        """What is in one of the bank's files. Raises UnreachableError."""
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...


class ExchangeSettings(BaseModel):
    """Where a bank's file exchange is, and who we are there. Raises ValueError."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str = Field(pattern="^https?://")
    token: str = Field(repr=False)
    connect_seconds: float = 5.0
    answer_seconds: float = 30.0


class HttpExchange:
    """A file exchange over HTTP: `PUT` and `GET /files/{name}`, `GET /files?since=`, with a bearer token."""

    def __init__(self, settings: ExchangeSettings) -> None:
        self._seconds = settings.connect_seconds + settings.answer_seconds
        self._http = httpx2.AsyncClient(
            base_url=settings.url,
            headers={"Authorization": f"Bearer {settings.token}"},
            timeout=httpx2.Timeout(settings.answer_seconds, connect=settings.connect_seconds),
            # A connection that the bank has just closed would leave a file of which nobody knows whether it is there.
            limits=httpx2.Limits(max_keepalive_connections=0),
            trust_env=False,
        )

    async def put(self, name: str, content: bytes, network_ref: str) -> Sent:
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._http.put(_path(name), content=content)
        except _NOT_SENT as error:
            return NotSent(f"the bank could not be reached: {_name(error)}")
        except _UNCLEAR_ERRORS as error:
            return Unknown(f"the bank has not answered: {_name(error)}", network_ref)
        return _sent(response, content, network_ref)

    async def has(self, name: str) -> bool:
        response, _ = await self._get(_path(name), "HEAD")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return False
        return _good(response).is_success

    async def files(self, since: datetime) -> Sequence[BankFile]:
        response, content = await self._get(f"/files?since={quote(since.isoformat())}")
        _good(response)
        try:
            files = [_bank_file(file) for file in orjson.loads(content)["files"] if file["kind"] in _KINDS]
        except (ValueError, KeyError, TypeError):
            raise UnreachableError("The bank's list of files cannot be read.") from None
        return sorted(files, key=lambda file: (file.created_at, file.name))

    async def read(self, name: str) -> bytes:
        response, content = await self._get(_path(name))
        _good(response)
        return content

    async def close(self) -> None:
        await self._http.aclose()

    async def _get(self, path: str, method: str = "GET") -> tuple[httpx2.Response, bytes]:
        content = bytearray()
        try:
            async with asyncio.timeout(self._seconds), self._http.stream(method, path) as response:
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MOST_BYTES:
                        raise UnreachableError("The bank's file is too large.")
        except _UNCLEAR_ERRORS as error:
            raise UnreachableError(f"The bank has not answered: {_name(error)}.") from None
        return response, bytes(content)


def _path(name: str) -> str:
    return f"/files/{quote(name, safe='')}"


def _name(error: Exception) -> str:
    """What went wrong, and nothing of what was sent or answered."""
    return type(error).__name__


def _sent(response: httpx2.Response, content: bytes, network_ref: str) -> Sent:
    status = response.status_code
    if response.is_success:
        if _receipt(response) == sha256(content).hexdigest():
            return Pending(network_ref, processing=True)
        return Unknown("the bank's receipt is not for what was sent", network_ref)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return NotSent("the bank wants no more files now", _seconds_to_wait(response))
    if status in _UNCLEAR or response.is_server_error:
        return Unknown(f"the bank has answered {status}", network_ref)
    return Rejected(f"the bank has answered {status}")


def _receipt(response: httpx2.Response) -> str | None:
    """The hash of what the bank has received, as it says."""
    try:
        receipt = orjson.loads(response.content)
    except ValueError:
        return None
    return receipt.get("sha256") if isinstance(receipt, dict) else None


def _seconds_to_wait(response: httpx2.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return float(seconds) if seconds.isdecimal() else None


def _good(response: httpx2.Response) -> httpx2.Response:
    if not response.is_success:
        raise UnreachableError(f"The bank has answered {response.status_code}.")
    return response


def _bank_file(told: dict[str, str]) -> BankFile:
    created_at = datetime.fromisoformat(told["created_at"])
    if created_at.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return BankFile(told["name"], FileKind(told["kind"]), created_at)
