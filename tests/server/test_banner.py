import io
import json
import shlex

import pytest
from graphql import parse, validate
from rich.console import Console

from schema import core_schema
from server import banner, demonstration
from server.settings import Settings, load

ADDRESS = "http://127.0.0.1:8000"

pytestmark = pytest.mark.usefixtures("nothing_set")


def shown(settings: Settings) -> str:
    screen = Console(file=io.StringIO(), width=40, highlight=False)
    banner.show(screen, settings, ADDRESS)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def pasted(text: str) -> tuple[list[str], dict[str, object]]:
    """The words of the curl that it shows, as a shell reads them, and the body that it sends."""
    words = shlex.split(text[text.index("curl ") : text.index("\n\n", text.index("curl "))])
    body: dict[str, object] = json.loads(words[words.index("-d") + 1])
    return words, body


def test_shows_the_address_and_a_request_to_paste_however_narrow_the_screen() -> None:
    text = shown(load(database="postgresql://ada:hunter2@host/x"))
    assert f"{ADDRESS}/graphql" in text
    assert "postgresql://ada:***@host/x" in text
    assert "hunter2" not in text
    words, body = pasted(text)
    assert words[:2] == ["curl", f"{ADDRESS}/graphql"]
    assert is_valid(body)


def test_shows_the_demo_s_accounts_with_their_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [demonstration.Account(name, f"demo-{name}") for name in ("ada", "grace")]
    monkeypatch.setattr(demonstration, "accounts", lambda: known)
    monkeypatch.setattr(demonstration, "example_post", lambda: "post_1")
    text = shown(load(demo=True))
    assert "@ada, token demo-ada" in text
    assert "@grace, token demo-grace" in text
    words, body = pasted(text)
    assert "Authorization: Bearer demo-ada" in words
    assert is_valid(body)
    assert pasted(shown(load(demo=True)))[1] != body, "each start shows a new idempotency key"


def is_valid(body: dict[str, object]) -> bool:
    return validate(core_schema, parse(str(body["query"]))) == []
