import json
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from server.exits import AddressError
from server.listening import bind
from tests.harness.client import Client
from tests.harness.server import serve

SIGN_UP = """mutation($handle: String!) {
    signUp(input: {handle: $handle, password: "correct horse battery"}) { viewer { user { handle } } }
}"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_answers_what_is_under_way_and_then_stops(tmp_path: Path, sign: signal.Signals) -> None:
    with serve(tmp_path) as server:
        client = Client(server.url)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(client.run(SIGN_UP, {"handle": "ada"})))
        body = json.dumps({"query": "{ __typename }"}).encode()
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as half:
            head = "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            half.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:1])
            asking.start()
            asking.join(0.05)
            server.process.send_signal(sign)
            half.sendall(body[1:])
            half.settimeout(10)
            answered = b"".join(iter(lambda: half.recv(4096), b""))
        asking.join()
        assert answered.startswith(b"HTTP/1.1 200 ")
        assert answered.endswith(b'{"data":{"__typename":"Query"}}')
        assert answers[0].data["signUp"]["viewer"]["user"]["handle"] == "ada"
        assert server.process.wait(30) == 0
        client.close()
    assert "Traceback" not in server.log.read_text()


def test_several_processes_share_the_port_and_stop_together(tmp_path: Path) -> None:
    with serve(tmp_path, "--workers", "2") as server:
        client = Client(server.url)
        assert client.run(SIGN_UP, {"handle": "ada"}).data
        client.close()
        while "is listening on" not in server.log.read_text():  # which is said when all of them are ready
            assert server.process.poll() is None
            time.sleep(0.05)
        assert server.stop() == 0
    log = server.log.read_text()
    assert log.count("is listening on") == 1
    assert "Traceback" not in log


def test_nobody_is_answered_before_all_is_ready() -> None:
    bound = bind("127.0.0.1", 0)
    with bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname())


def test_says_which_host_it_cannot_listen_on() -> None:
    with pytest.raises(AddressError, match=r"cannot listen on host\.invalid, port 8000: "):
        bind("host.invalid", 8000)
