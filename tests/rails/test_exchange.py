"""The file exchange over HTTP, with banks that answer whatever they answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pytest

from rails import NotSent, Pending, Rejected, Unknown, UnreachableError
from rails.exchange import MOST_BYTES, BankFile, FileKind
from tests.harness.banks import exchange

NOW = datetime(2026, 11, 23, 20, tzinfo=UTC)
CONTENT = b"a file"
RECEIPT = orjson.dumps({"name": "f", "sha256": sha256(CONTENT).hexdigest()})


@asynccontextmanager
async def a_bank(answer: bytes, heard: list[bytes]) -> AsyncIterator[str]:
    """A bank that answers every request with the same bytes."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1") as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def http(status: int, body: bytes = b"", header: str = "X-None: 1") -> bytes:
    head = f"HTTP/1.1 {status} Said\r\n{header}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def listed(*files: object) -> bytes:
    return http(200, orjson.dumps({"files": files}))


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        (http(201, RECEIPT), Pending("ref", processing=True)),
        (http(200, RECEIPT), Pending("ref", processing=True)),
        (http(201, b"[]"), Unknown("the bank's receipt is not for what was sent", "ref")),
        (http(201, RECEIPT[:-9]), Unknown("the bank's receipt is not for what was sent", "ref")),
        (http(201, b'{"sha256": "0"}'), Unknown("the bank's receipt is not for what was sent", "ref")),
        (http(429, b"", "Retry-After: 7"), NotSent("the bank wants no more files now", 7.0)),
        (http(429, b"", "Retry-After: soon"), NotSent("the bank wants no more files now")),
        (http(408), Unknown("the bank has answered 408", "ref")),
        (http(409), Unknown("the bank has answered 409", "ref")),
        (http(500), Unknown("the bank has answered 500", "ref")),
        (http(302, b"", "Location: /elsewhere"), Rejected("the bank has answered 302")),
        (http(400), Rejected("the bank has answered 400")),
        (http(403), Rejected("the bank has answered 403")),
        (b"", Unknown("the bank has not answered: RemoteProtocolError", "ref")),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Unknown("the bank has not answered: RemoteProtocolError", "ref")),
    ],
)
async def test_what_a_banks_answer_means(answer: bytes, sent: object) -> None:
    heard: list[bytes] = []
    async with a_bank(answer, heard) as url:
        files = exchange(url, "s3cret")
        assert await files.put("f", CONTENT, "ref") == sent
        await files.close()
    (asked,) = heard
    assert asked.startswith(b"PUT /files/f HTTP/1.1")
    assert b"authorization: bearer s3cret" in asked.lower()


@pytest.mark.parametrize(
    "answer",
    [
        http(500),
        http(404),
        http(200, b"[]"),
        http(200, b'{"files": 1}'),
        listed({"name": "f", "kind": "RETURN"}),
        listed({"name": "f", "kind": "RETURN", "created_at": "yesterday"}),
        listed({"name": "f", "kind": "RETURN", "created_at": "2026-11-23T20:00:00"}),
        listed("f"),
        b"",
    ],
)
async def test_a_list_that_cannot_be_read_is_no_empty_list(answer: bytes) -> None:
    async with a_bank(answer, []) as url:
        files = exchange(url, "s3cret")
        with pytest.raises(UnreachableError):
            await files.files(NOW)
        await files.close()


async def test_files_are_listed_oldest_first_and_those_of_other_kinds_are_left_out() -> None:
    later, sooner = "2026-11-23T20:00:00+00:00", "2026-11-23T20:00:00+02:00"
    answer = listed(
        {"name": "b", "kind": "STATEMENT", "created_at": later},
        {"name": "c", "kind": "ADVERTISEMENT", "created_at": sooner},
        {"name": "a", "kind": "RETURN", "created_at": sooner},
    )
    async with a_bank(answer, []) as url:
        files = exchange(url, "s3cret")
        assert await files.files(NOW) == [
            BankFile("a", FileKind.RETURN, datetime.fromisoformat(sooner)),
            BankFile("b", FileKind.STATEMENT, NOW),
        ]
        await files.close()


async def test_a_file_without_end_is_not_read_to_its_end() -> None:
    async with a_bank(http(200, b"x" * (MOST_BYTES + 1)), []) as url:
        files = exchange(url, "s3cret")
        with pytest.raises(UnreachableError, match="too large"):
            await files.read("f")
        await files.close()


async def test_a_name_is_no_way_to_another_place() -> None:
    heard: list[bytes] = []
    async with a_bank(http(200, b"x"), heard) as url:
        files = exchange(url, "s3cret")
        assert await files.read("../secrets?x#y") == b"x"
        await files.close()
    assert heard[0].startswith(b"GET /files/..%2Fsecrets%3Fx%23y HTTP/1.1")


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, False)])
async def test_whether_a_file_is_there(status: int, there: bool) -> None:
    async with a_bank(http(status), []) as url:
        files = exchange(url, "s3cret")
        assert await files.has("f") is there
        await files.close()


async def test_whoever_cannot_ask_does_not_know_whether_a_file_is_there(unused_url: str) -> None:
    async with a_bank(http(503), []) as url:
        for address in (url, unused_url):
            files = exchange(address, "s3cret")
            with pytest.raises(UnreachableError):
                await files.has("f")
            await files.close()
