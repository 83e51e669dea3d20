from pathlib import Path

import pytest

from server.exits import WrongSettingError
from server.settings import Settings, load

pytestmark = pytest.mark.usefixtures("nothing_set")

NO_ORIGINS = [
    "*",
    "null",
    "app.example.org",
    "https://a.example/",
    "https://*.example",
    "https://u@a.b",
    "https://",
    ",",
]
NO_ORIGIN = (
    "HATFUL_ALLOWED_ORIGINS is '{}', but must be origins like https://app.example.org, with commas between them."
)


def complaint(**options: object) -> str:
    with pytest.raises(WrongSettingError) as caught:
        load(**options)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


def test_options_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("HATFUL_PORT=1\nHATFUL_HOST=one\nHATFUL_WORKERS=1\nOTHER=x\n")
    monkeypatch.setenv("HATFUL_PORT", "2")
    monkeypatch.setenv("HATFUL_HOST", "two")
    settings = load(port="3", host=None)
    assert (settings.port, settings.host, settings.workers) == (3, "two", 1)


def test_demo_data_has_a_file_of_its_own(tmp_path: Path) -> None:
    real, demo = load(), load(demo=True)
    assert real.database_url.startswith(f"sqlite:///{tmp_path}")
    assert real.database_url.endswith("hatful.db")
    assert demo.database_url.endswith("demo.db")


def test_limits_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().rate_limits
    assert load().money_limits
    monkeypatch.setenv("HATFUL_RATE_LIMITS", "off")
    monkeypatch.setenv("HATFUL_MONEY_LIMITS", "off")
    assert not load().rate_limits
    assert not load().money_limits


def test_passkeys_are_taken_at_localhost_and_its_port_unless_a_domain_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (load().passkey_domain, load().passkeys_at) == ("localhost", ("http://localhost:8000",))
    assert load(port=8001).passkeys_at == ("http://localhost:8001",)
    assert load(port=80).passkeys_at == ("http://localhost",), "a browser leaves out the port that goes without saying"
    monkeypatch.setenv("HATFUL_PASSKEY_DOMAIN", "example.org")
    assert load().passkeys_at == ("https://example.org",)
    monkeypatch.setenv("HATFUL_PASSKEY_ORIGINS", "https://example.org, https://www.example.org:8443")
    assert load().passkeys_at == ("https://example.org", "https://www.example.org:8443")


@pytest.mark.parametrize("domain", ["127.0.0.1", "::1", "Example.org", "https://example.org", "a..b", "-a.org", "a b"])
def test_what_is_no_domain_is_refused(monkeypatch: pytest.MonkeyPatch, domain: str) -> None:
    monkeypatch.setenv("HATFUL_PASSKEY_DOMAIN", domain)
    must_be = "a domain in lower case, such as example.org"
    assert complaint() == f"HATFUL_PASSKEY_DOMAIN is {domain!r}, but must be {must_be}."


@pytest.mark.parametrize("origins", ["example.org", "https://example.org/", "https://a.org,", "*", "https://a.org:0"])
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, origins: str) -> None:
    monkeypatch.setenv("HATFUL_PASSKEY_ORIGINS", origins)
    must_be = "origins like https://example.org with commas between them"
    assert complaint() == f"HATFUL_PASSKEY_ORIGINS is {origins!r}, but must be {must_be}."


def test_origins_are_taken_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().allowed_origins == ()
    named = "https://App.Example.org:443, http://localhost:3000,http://[::1]:80,capacitor://localhost"
    monkeypatch.setenv("HATFUL_ALLOWED_ORIGINS", named)
    assert load().allowed_origins == (
        "https://app.example.org",
        "http://localhost:3000",
        "http://[::1]",
        "capacitor://localhost",
    )


def test_a_variable_that_is_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATFUL_PORT", "")
    assert load().port == 8000


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HATFUL_PORT", "abc", "HATFUL_PORT is 'abc', but must be a number from 0 to 65535."),
        ("HATFUL_PORT", "65536", "HATFUL_PORT is '65536', but must be a number from 0 to 65535."),
        ("HATFUL_WORKERS", "0", "HATFUL_WORKERS is '0', but must be a number from 1 to 64."),
        ("HATFUL_RATE_LIMITS", "maybe", "HATFUL_RATE_LIMITS is 'maybe', but must be on or off."),
        ("HATFUL_FEE_BASIS_POINTS", "-1", "HATFUL_FEE_BASIS_POINTS is '-1', but must be a number from 0 to 5000."),
        ("HATFUL_LOG_LEVEL", "loud", "HATFUL_LOG_LEVEL is 'loud', but must be debug, info, warning or error."),
        ("HATFUL_EXECUTION", "fast", "HATFUL_EXECUTION is 'fast', but must be plans or core."),
        (
            "HATFUL_RATE_LIMIT_STORAGE",
            "http://:secret@host",
            "HATFUL_RATE_LIMIT_STORAGE must be an address like redis://host:6379/0.",
        ),
        *(("HATFUL_ALLOWED_ORIGINS", value, NO_ORIGIN.format(value)) for value in NO_ORIGINS),
        ("HATFUL_PROT", "1", "HATFUL_PROT in the environment is no setting: did you mean HATFUL_PORT?"),
    ],
)
def test_names_a_wrong_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)
    assert complaint() == message


def test_names_an_option_as_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATFUL_PORT", "1")
    assert complaint(port="x") == "--port is 'x', but must be a number from 0 to 65535."


def test_names_the_file_that_a_wrong_setting_stands_in() -> None:
    Path(".env").write_text("HATFUL_WORKERS=many\n")
    assert complaint() == "HATFUL_WORKERS in .env is 'many', but must be a number from 1 to 64."
    Path(".env").write_text("HATFUL_WRKERS=2\n")
    assert complaint() == "HATFUL_WRKERS in .env is no setting: did you mean HATFUL_WORKERS?"
    Path(".env").write_bytes(b"\xff\xfe\x00")
    assert complaint() == "The file .env cannot be read as text."


def test_lists_the_settings_when_none_is_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HATFUL_XYZZY", "1")
    message = complaint()
    assert all(name.upper() in message for name in Settings.model_fields)


@pytest.mark.parametrize(
    "url", ["mysql://u:hunter2@h/x", "sqlite:///:memory:", "sqlite:///", "hunter2", "postgresql://u:hunter2@h:port/x"]
)
def test_refuses_an_address_that_is_no_database_without_repeating_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HATFUL_DATABASE", url)
    message = complaint()
    assert message.startswith("HATFUL_DATABASE must be an address like sqlite:///")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url", ["sqlite:///x.db", "sqlite:////x/y.db", "postgresql://u@h:5432/x", "postgres:///x?host=/s"]
)
def test_takes_the_address_of_either_database(url: str) -> None:
    assert load(database=url).database_url == url
