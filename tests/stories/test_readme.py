"""README's examples do what README says.

- A block ```sh that begins with `curl` is sent, and the block ```json after it is the answer.
- The blocks ```graphql are run one after another by one visitor whose browser keeps its cookies: no errors, and none in
  `userErrors`. If a block ```json follows, it is the answer.
- In a ```json block the text "…" stands for any value, and … within a text for any part of it.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from tests.harness.client import Client
from tests.harness.server import Server

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANY = "…"


class Example(NamedTuple):
    """A block of README that is run, and the answer that README tells, if it does."""

    language: str
    text: str
    answer: Any


def examples() -> list[Example]:
    blocks = BLOCK.findall(README.read_text())
    followed = zip(blocks, [*blocks[1:], ("", "")], strict=True)
    return [
        Example(language, text, json.loads(after) if kind == "json" else None)
        for (language, text), (kind, after) in followed
        if language == "graphql" or (language == "sh" and text.startswith("curl"))
    ]


CURLS = [example for example in examples() if example.language == "sh"]
DOCUMENTS = [example for example in examples() if example.language == "graphql"]


class Curl:
    """A curl command's request. It knows the options that README uses, and refuses others."""

    def __init__(self, command: str) -> None:
        self.url = self.data = ""
        self.headers: dict[str, str] = {}
        words = iter(shlex.split(command.replace("\\\n", " "))[1:])
        for word in words:
            match word:
                case "-H" | "--header":
                    name, _, value = next(words).partition(":")
                    self.headers[name.strip()] = value.strip()
                case "-d" | "--data" | "--data-raw":
                    self.data = next(words)
                case "-s" | "--silent":
                    pass
                case _:
                    assert not word.startswith("-"), f"the test does not know curl's option {word}"
                    self.url = word

    def send(self, client: Client, data: str | None = None) -> Any:
        """The answer, when the request goes to the client's server."""
        assert urlsplit(self.url).netloc == "127.0.0.1:8000", "README's server is the one that `make serve` starts"
        path = self.url.partition("8000")[2]
        body = self.data if data is None else data
        response = client.http.post(path, content=body.encode(), headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()


def differences(told: Any, got: Any, place: str = "answer") -> Iterator[str]:
    """Where an answer is not what README tells."""
    if isinstance(told, dict) and isinstance(got, dict) and told.keys() == got.keys():
        for name, value in told.items():
            yield from differences(value, got[name], f"{place}.{name}")
    elif isinstance(told, list) and isinstance(got, list) and len(told) == len(got):
        for number, value in enumerate(told):
            yield from differences(value, got[number], f"{place}[{number}]")
    elif not _is_told(told, got):
        yield f"{place}: README tells {told!r}, the answer is {got!r}"


def _is_told(told: Any, got: Any) -> bool:
    if not isinstance(told, str) or ANY not in told:
        return bool(told == got)
    pattern = ".*".join(map(re.escape, told.split(ANY)))
    return told == ANY or (isinstance(got, str) and re.fullmatch(pattern, got, re.DOTALL) is not None)


@pytest.fixture
def visitor(untouched_demo_server: Server) -> Iterator[Client]:
    """Somebody who has just said `make serve` for the first time."""
    client = Client(untouched_demo_server.url)
    yield client
    client.close()


def test_readme_has_examples() -> None:
    assert CURLS
    assert DOCUMENTS
    assert all(example.answer for example in CURLS)


def test_each_curl_is_answered_as_readme_tells(visitor: Client) -> None:
    for example in CURLS:
        assert list(differences(example.answer, Curl(example.text).send(visitor))) == []
    _send_it_again(Curl(CURLS[0].text), visitor)


def _send_it_again(curl: Curl, visitor: Client) -> None:
    """What README tells of the round trip afterwards."""
    first, again = curl.send(visitor)["data"]["tipPost"], curl.send(visitor)["data"]["tipPost"]
    assert first == again
    assert again["replayed"]
    body = json.loads(curl.data)
    given = body["variables"]["tip"]
    given["amount"]["amount"] = "2.51"
    refused = curl.send(visitor, json.dumps(body))["data"]["tipPost"]
    assert [error["code"] for error in refused["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
    given["amount"]["amount"], given["idempotencyKey"] = "1000.00", "another"
    refused = curl.send(visitor, json.dumps(body))["data"]["tipPost"]
    assert [error["code"] for error in refused["userErrors"]] == ["INSUFFICIENT_FUNDS"]


def test_the_documents_run_one_after_another(visitor: Client) -> None:
    for example in DOCUMENTS:
        answer = visitor.run(example.text)
        for name, payload in answer.data.items():
            assert not (payload or {}).get("userErrors"), f"{name}: {payload}"
        if example.answer is not None:
            assert list(differences(example.answer, answer.body)) == []
