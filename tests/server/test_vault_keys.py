"""The vault's keys: where they come from, who may read them, and how they are changed."""

import asyncio
import os
import stat
from pathlib import Path

import pytest
from rich.console import Console

from rails import CardNumber
from rails.numbers import Card
from rails.vault import new_key
from server import preparation, vault_keys, vault_rotation
from server.exits import OutdatedDatabaseError, WrongSettingError
from server.process import running
from server.settings import Settings, load
from tests.harness.audits import contents
from tests.harness.backdoor import backdoor
from tests.harness.postgres import Postgres
from tests.harness.town import Town

pytestmark = pytest.mark.usefixtures("nothing_set")

SILENT = Console(quiet=True)
CARD = Card(CardNumber("4242424242424242", "08/2030"), "Visa")


def prepared(**options: str) -> Settings:
    settings = load(**options)
    preparation.prepare(settings, SILENT)
    return settings


async def keep(settings: Settings) -> str:
    """A card's token, kept as the server would."""
    async with running(settings) as app:
        assert app.rails.vault is not None
        ada = await Town(app).person(f"ada_{os.urandom(4).hex()}")
        return (await app.rails.vault.keep_card(ada.id, CARD, ada.ctx().now())).token


async def number_behind(settings: Settings, token: str) -> str:
    async with running(settings) as app:
        assert app.rails.vault is not None
        return (await app.rails.vault.reveal(token)).number


def test_an_embedded_database_has_its_key_in_a_file_beside_it() -> None:
    settings = prepared()
    path = settings.default_file.with_name("hatful.db.vault-key")
    assert vault_keys.key_file(settings) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(vault_keys.keys_of(settings)) == [path.read_text().strip()]
    assert [file.name for file in path.parent.iterdir() if "vault-key" in file.name] == [path.name]


def test_the_file_is_made_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    before = vault_keys.keys_of(prepared(database=url))
    assert vault_keys.keys_of(prepared(database=url)) == before
    assert vault_keys.keys_of(prepared(database=f"sqlite:///{tmp_path / 'b.db'}")) != before


def test_no_file_is_made_where_keys_are_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key, other = new_key(), new_key()
    monkeypatch.setenv("HATFUL_VAULT_KEYS", f" {key} , {other}")
    settings = prepared(database=f"sqlite:///{tmp_path / 'a.db'}")
    assert list(vault_keys.keys_of(settings)) == [key, other]
    assert list(tmp_path.glob("*vault-key*")) == []


@pytest.mark.parametrize(
    "keys",
    ["x", new_key()[:-1], f"{new_key()},", f"{new_key()},secret", new_key().rstrip("=")],
    ids=["short", "cut", "one missing", "one wrong", "without its end"],
)
def test_what_is_no_key_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setenv("HATFUL_VAULT_KEYS", keys)
    with pytest.raises(WrongSettingError, match=r"^HATFUL_VAULT_KEYS must be keys from `hatful vault key`") as caught:
        load()
    assert keys not in str(caught.value)


def test_settings_do_not_show_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_key()
    monkeypatch.setenv("HATFUL_VAULT_KEYS", key)
    settings = load()
    assert key not in repr(settings)
    assert key not in str(settings)


def test_a_file_without_keys_is_named(tmp_path: Path) -> None:
    settings = load(database=f"sqlite:///{tmp_path / 'a.db'}")
    (tmp_path / "a.db.vault-key").write_text("no key\n")
    with pytest.raises(WrongSettingError, match=r"a\.db\.vault-key must hold the vault's keys"):
        vault_keys.keys_of(settings)


async def test_on_a_server_nothing_can_be_linked_until_keys_are_set(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load(database=postgresql_url)
    assert (vault_keys.key_file(settings), vault_keys.keys_of(settings)) == (None, ())
    async with running(settings) as app:
        assert app.rails.vault is None
    monkeypatch.setenv("HATFUL_VAULT_KEYS", new_key())
    assert await keep(load(database=postgresql_url))


def test_starting_without_a_key_says_what_to_do(postgresql_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    prepared(database=postgresql_url)
    told = "".join(capfd.readouterr())
    assert "nothing can be linked" in told
    assert "hatful vault key" in told
    assert "HATFUL_VAULT_KEYS" in told


def test_starting_with_the_wrong_key_is_refused(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = new_key(), new_key()
    for key in (wrong, right):  # as long as nothing is in the vault, either will do
        monkeypatch.setenv("HATFUL_VAULT_KEYS", key)
        prepared(database=database_url)
    asyncio.run(keep(load(database=database_url)))
    prepared(database=database_url)
    monkeypatch.setenv("HATFUL_VAULT_KEYS", wrong)
    with pytest.raises(WrongSettingError, match="a key that is not among those"):
        prepared(database=database_url)
    monkeypatch.setenv("HATFUL_VAULT_KEYS", f"{wrong},{right}")
    prepared(database=database_url)


async def test_a_vault_can_have_a_database_of_its_own(database_url: str, tmp_path: Path) -> None:
    own = f"sqlite:///{tmp_path / 'vault.db'}"
    settings = load(database=database_url, vault_database=own)
    await asyncio.to_thread(preparation.prepare, settings, SILENT)
    token = await keep(settings)
    assert await number_behind(settings, token) == "4242424242424242"
    async with backdoor(database_url) as main, backdoor(own) as vault:
        held = await contents(main)
        assert (held["vault"], held["vault_keys"]) == ([], [])
        assert [row[0] for row in (await contents(vault))["vault"]] == [token]
        assert (await contents(vault))["users"] == []
    assert (tmp_path / "vault.db.vault-key").is_file()


def test_a_vault_s_own_database_must_be_up_to_date(sqlite_url: str, postgres_server: Postgres) -> None:
    with (
        postgres_server.database() as empty,
        pytest.raises(OutdatedDatabaseError, match="hatful migrate"),
    ):
        prepared(database=sqlite_url, vault_database=empty)


async def test_rotation_makes_the_old_key_needless(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_key(), new_key()
    monkeypatch.setenv("HATFUL_VAULT_KEYS", old)
    token = await keep(load(database=database_url))
    monkeypatch.setenv("HATFUL_VAULT_KEYS", f"{new},{old}")
    assert await asyncio.to_thread(vault_rotation.rotate, load(database=database_url)) == 1
    monkeypatch.setenv("HATFUL_VAULT_KEYS", new)
    assert await number_behind(load(database=database_url), token) == "4242424242424242"
