"""Requests to go on in another protocol: WebSockets are refused, all else is answered as if nothing was said of it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.harness.client import PATIENCE_SECONDS, Client
from tests.harness.server import Server
from tests.stories.people import PASSWORD, new_handle
from tests.stories.test_browser_session import COOKIE, SIGN_UP

HOST = b"GET %s HTTP/1.1\r\nHost: %s\r\n"
WEB_SOCKET = (
    b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n"
)
HTTP_2 = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
FRAME = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """A connection to the server."""
    url = httpx2.URL(server.url)
    assert url.port
    with socket.create_connection((url.host, url.port), timeout=PATIENCE_SECONDS) as connection:
        yield connection


def everything(connection: socket.socket) -> bytes:
    """What is said until the server ends the connection."""
    said = b""
    while received := connection.recv(65536):
        said += received
    return said


def first_line(server: Server, path: bytes) -> bytes:
    return HOST % (path, server.url.removeprefix("http://").encode())


@pytest.mark.parametrize("path", [b"/graphql", b"/graphql?query=%7B__typename%7D"])
@pytest.mark.parametrize("origin", [None, "own", "https://evil.example", "null"])
@pytest.mark.parametrize("by_cookie", [False, True])
def test_a_web_socket_is_refused_and_its_connection_ended(
    visitor: Client, shared_server: Server, path: bytes, origin: str | None, by_cookie: bool
) -> None:
    head = first_line(shared_server, path) + WEB_SOCKET
    if origin is not None:
        head += f"Origin: {shared_server.url if origin == 'own' else origin}\r\n".encode()
    if by_cookie:
        visitor.run(SIGN_UP, {"handle": new_handle("ada"), "password": PASSWORD})
        head += f"Cookie: {COOKIE}={visitor.http.cookies[COOKIE]}\r\n".encode()
    with connected(shared_server) as connection:
        connection.sendall(head + b"\r\n")
        said = everything(connection)
    refused_by_origin = by_cookie and origin not in {None, "own"}
    assert said.startswith(b"HTTP/1.1 403 " if refused_by_origin else b"HTTP/1.1 400 ")
    assert (b"FOREIGN_ORIGIN" if refused_by_origin else b"no WebSockets") in said
    assert b"connection: close" in said


def test_what_a_client_sends_after_it_is_not_waited_for(shared_server: Server, visitor: Client) -> None:
    before = shared_server.log.read_text()
    with connected(shared_server) as connection:
        connection.sendall(first_line(shared_server, b"/graphql") + WEB_SOCKET + b"\r\n" + FRAME * 10)
        assert connection.recv(65536).startswith(b"HTTP/1.1 400 ")
    assert visitor.run("{ __typename }").data
    assert shared_server.log.read_text() == before, "nothing is the operator's business"


def test_a_hundred_of_them_disturb_nobody(shared_server: Server, visitor: Client) -> None:
    for _ in range(100):
        with connected(shared_server) as connection:
            connection.sendall(first_line(shared_server, b"/graphql") + WEB_SOCKET + b"\r\n")
    assert visitor.run("{ __typename }").data == {"__typename": "Query"}


def test_a_client_that_knows_http_2_is_answered_in_http_1_and_may_go_on(shared_server: Server) -> None:
    get = first_line(shared_server, b"/graphql?query=%7B__typename%7D")
    with connected(shared_server) as connection:
        for request in (get + HTTP_2 + b"\r\n", get + b"\r\n", get + HTTP_2 + b"\r\n"):
            connection.sendall(request)
            answer = b""
            while not answer.endswith(b'{"data":{"__typename":"Query"}}'):
                received = connection.recv(65536)
                assert received, answer
                answer += received
            assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_body_that_comes_with_an_upgrade_is_never_taken_for_another_request(shared_server: Server) -> None:
    get = first_line(shared_server, b"/graphql?query=%7B__typename%7D") + b"\r\n"
    post = first_line(shared_server, b"/graphql").replace(b"GET", b"POST") + HTTP_2
    post += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(get)
    for pieces in ([post + get], [post, get], [post.replace(b"POST", b"GET"), get]):
        with connected(shared_server) as connection:
            for piece in pieces:
                connection.sendall(piece)
            said = everything(connection)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert said.count(b"HTTP/1.1") == 1 + said.count(b"by HTTP/1.1, without")
        assert b"__typename" not in said
