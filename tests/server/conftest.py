"""What the tests of HTTP share: an application without a database, and who is signed in by which secret."""

from pathlib import Path
from uuid import UUID

import pytest

from ledger import Ledger
from models.accounts import TokenKind
from models.database import Database
from resolvers.context import App, Viewer
from server import sign_in
from server.settings import Settings

ADA = Viewer(UUID(int=1), UUID(int=2), TokenKind.SESSION, frozenset())
BOB = Viewer(UUID(int=3), UUID(int=4), TokenKind.SESSION, frozenset())


class NoDatabase(Database):
    """Stands in where nothing is read."""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> App:
    """An application that knows the secrets `ada` and `bob`."""

    async def authenticate(_: App, secret: str) -> Viewer | None:
        return {"ada": ADA, "bob": BOB}.get(secret)

    monkeypatch.setattr(sign_in, "authenticate", authenticate)
    database = NoDatabase()  # type: ignore[abstract]
    return App(database, Ledger(database))


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A new home, in which nobody has set anything, as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name in Settings.model_fields:
        monkeypatch.delenv(f"HATFUL_{name.upper()}", raising=False)
    return tmp_path
