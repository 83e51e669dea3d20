"""What the operator can set, and the only reader of the environment.

A command-line option wins over a variable HATFUL_…, and that over the same name in a file `.env`.
"""

import os
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.transfers import Rail
from server.exits import WrongSettingError

PREFIX = "HATFUL_"
DOTENV = ".env"
SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")
REDIS = ("redis://", "rediss://", "unix://")

_VAULT_KEY = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]=", re.ASCII)
LOCALHOST = "localhost"
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
ANDROID = re.compile(r"android:apk-key-hash:[\w-]{43}")
"""The origin of an app, as passkeys know it."""
PORTS = {"http": 80, "https": 443}
"""The ports that browsers leave out of an origin."""

ON_OR_OFF = "on or off"
SECRET = frozenset(
    {"database", "rate_limit_storage", "vault_keys", "vault_database", "stripe_api_key", "stripe_webhook_secret"}
)
"""Settings whose values no message repeats."""


def _database_url(url: str) -> str:
    if url.startswith(SQLITE) and url.removeprefix(SQLITE) not in {"", ":memory:"}:
        return url
    if url.startswith(POSTGRESQL):
        _ = urlsplit(url).port  # raises ValueError when it is no number
        return url
    raise ValueError(url)


def _redis_url(url: str) -> str:
    if not url.startswith(REDIS):
        raise ValueError(url)
    _ = urlsplit(url).port  # raises ValueError when it is no number
    return url


def are_vault_keys(keys: Sequence[str]) -> bool:
    """Whether each of them is a key as the vault takes it: 32 bytes in URL-safe base64."""
    return bool(keys) and all(_VAULT_KEY.fullmatch(key) for key in keys)


def _vault_keys(value: SecretStr) -> SecretStr:
    keys = [key.strip() for key in value.get_secret_value().split(",")]
    if not are_vault_keys(keys):
        raise ValueError("no keys")
    return SecretStr(",".join(keys))


def _domain(name: str) -> str:
    if not DOMAIN.fullmatch(name):
        raise ValueError(name)
    return name


def _origins(text: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(text, tuple):
        return text
    return tuple(_origin(each.strip()) for each in text.split(","))


def _origin(text: str) -> str:
    """An origin as browsers write it. Neither `*` nor `null` is one: anybody's page would do."""
    if ANDROID.fullmatch(text):
        return text
    parts = urlsplit(text)
    host = parts.hostname
    if (
        parts.port == 0
        or not parts.scheme
        or not host
        or "*" in text
        or text.lower() != f"{parts.scheme}://{parts.netloc}".lower()
    ):
        raise ValueError(text)
    if parts.username is not None or parts.password is not None:
        raise ValueError(text)
    port = "" if parts.port in {None, PORTS.get(parts.scheme)} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def _setting(default: Any, description: str, must_be: str, **rules: Any) -> Any:
    return Field(default, description=description, json_schema_extra={"must_be": must_be}, **rules)


class Settings(BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    database: Annotated[str, AfterValidator(_database_url)] | None = _setting(
        None,
        "The database's address. Without one: SQLite in the user's data directory, a file of its own for the demo.",
        "an address like sqlite:////var/lib/hatful.db or postgresql://user@host/name",
    )
    host: str = _setting("127.0.0.1", "The address to listen on.", "a host name or an IP address")
    port: int = _setting(8000, "The port to listen on; 0 takes a free one.", "a number from 0 to 65535", ge=0, le=65535)
    workers: int = _setting(1, "How many processes share the port.", "a number from 1 to 64", ge=1, le=64)
    demo: bool = _setting(False, "Serve the demo's people, with tokens that everybody knows.", ON_OR_OFF)
    rate_limits: bool = _setting(True, "Whether requests are counted and limited.", ON_OR_OFF)
    rate_limit_storage: Annotated[str, AfterValidator(_redis_url)] | None = _setting(
        None,
        "The Redis in which all processes count requests and tries to sign in. Without one each has its own counts.",
        "an address like redis://host:6379/0",
    )
    money_limits: bool = _setting(True, "Whether what an account may move in a day is limited.", ON_OR_OFF)
    fee_basis_points: int = _setting(
        0, "The fee on a tip, in hundredths of a percent.", "a number from 0 to 5000", ge=0, le=5000
    )
    execution: Literal["plans", "core"] = _setting(
        "plans",
        "How operations run: as compiled plans, or all of them on graphql-core, to look for a fault in the plans.",
        "plans or core",
    )
    trusted_documents: Path | None = _setting(
        None,
        "Documents that clients may name by their hash: a folder of .graphql files, or a JSON file of texts by hash.",
        "a folder or a JSON file",
    )
    only_trusted_documents: bool = _setting(False, "Whether no other documents are run.", ON_OR_OFF)
    introspection: bool = _setting(True, "Whether clients may ask for the schema itself.", ON_OR_OFF)
    suggestions: bool = _setting(True, "Whether errors say what a client could have meant.", ON_OR_OFF)
    connections: int = _setting(
        8, "How many connections to PostgreSQL each worker opens.", "a number from 1 to 1000", ge=1, le=1000
    )
    vault_keys: Annotated[SecretStr, AfterValidator(_vault_keys)] | None = _setting(
        None,
        "The keys that encrypt card and account numbers. With SQLite, without any: one in a file beside the database.",
        "keys from `hatful vault key` with commas between them, the one that encrypts first",
    )
    vault_database: Annotated[str, AfterValidator(_database_url)] | None = _setting(
        None,
        "Another database for the encrypted numbers alone. Without one they are in the database.",
        "an address like sqlite:////var/lib/vault.db or postgresql://user@host/vault",
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = _setting(
        (),
        "The origins of other sites whose pages may ask here, with the session's cookie too. Without any, none may.",
        "origins like https://app.example.org, with commas between them",
    )
    trusted_proxies: str = _setting(
        "127.0.0.1,::1",
        "From where X-Forwarded-For and X-Forwarded-Proto are believed.",
        "IP addresses and networks with commas between them",
    )
    passkey_domain: Annotated[str, AfterValidator(_domain)] = _setting(
        LOCALHOST, "The domain that passkeys are bound to, for good.", "a domain in lower case, such as example.org"
    )
    passkey_origins: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)] = _setting(
        (),
        "The pages at which passkeys are taken. Without any: https at the domain, or http at localhost and the port.",
        "origins like https://example.org with commas between them",
    )
    card_rail: Rail = _setting(Rail.SANDBOX, "The rail over which new cards go.", "SANDBOX, VISA_DIRECT or STRIPE")
    bank_rail: Rail = _setting(
        Rail.SANDBOX, "The rail over which new bank accounts go.", "SANDBOX, STRIPE, ACH or ISO20022"
    )
    stripe_api_key: SecretStr | None = _setting(
        None,
        "A secret or restricted key of Stripe's. Without one, nothing goes over Stripe.",
        "a key that begins with sk_live_, sk_test_, rk_live_ or rk_test_",
    )
    stripe_webhook_secret: SecretStr | None = _setting(
        None, "With what Stripe signs its webhooks. Without one, none are taken.", "a secret that begins with whsec_"
    )
    stripe_account: str | None = _setting(
        None,
        "The connected account that holds the money, and pays out. Without one, nothing is paid out.",
        "an account's name, which begins with acct_",
        pattern="^acct_",
    )
    stripe_url: str = _setting(
        "https://api.stripe.com", "Where Stripe is.", "an address like https://api.stripe.com", pattern="^https?://"
    )
    visa: Path | None = _setting(
        None, "What was agreed with Visa, in a TOML file. Without one, nothing goes over Visa Direct.", "a TOML file"
    )
    ach: Path | None = _setting(
        None, "What was agreed with a bank that takes NACHA files. Without one, nothing goes over ACH.", "a TOML file"
    )
    iso20022: Path | None = _setting(
        None, "What was agreed with a bank in SEPA. Without one, nothing goes over ISO 20022.", "a TOML file"
    )
    log_format: Literal["console", "json"] = _setting("console", "How log lines are written.", "console or json")
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "How much is logged; debug has a line for each request.", "debug, info, warning or error"
    )

    @property
    def database_url(self) -> str:
        """The database's address, be it set or the default."""
        return self.database or f"{SQLITE}{self.default_file}"

    @property
    def vault_url(self) -> str:
        """The address of the database in which the vault is."""
        return self.vault_database or self.database_url

    @property
    def passkeys_at(self) -> tuple[str, ...]:
        """The origins at which passkeys are taken, be they set or the default."""
        if self.passkey_origins:
            return self.passkey_origins
        if self.passkey_domain != LOCALHOST:
            return (f"https://{self.passkey_domain}",)
        return (f"http://{LOCALHOST}" if self.port == 80 else f"http://{LOCALHOST}:{self.port}",)

    @property
    def default_file(self) -> Path:
        """The embedded database: demo data never mixes with real data."""
        return user_data_path("hatful", appauthor=False) / ("demo.db" if self.demo else "hatful.db")


def load(**options: Any) -> Settings:
    """The settings, with the command-line options that were given. Raises WrongSettingError."""
    given = {name: value for name, value in options.items() if value is not None}
    dotenv = _dotenv()
    _refuse_unknown(os.environ, "the environment")
    _refuse_unknown(dotenv, DOTENV)
    try:
        return Settings(**given)
    except ValidationError as error:
        raise WrongSettingError(_line(error, given, dotenv)) from None


def _dotenv() -> Mapping[str, str | None]:
    try:
        return dotenv_values(DOTENV) if Path(DOTENV).is_file() else {}
    except (OSError, UnicodeDecodeError):
        raise WrongSettingError(f"The file {DOTENV} cannot be read as text.") from None


def _refuse_unknown(names: Mapping[str, Any], where: str) -> None:
    known = [name.upper() for name in Settings.model_fields]
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper().removeprefix(PREFIX) not in known:
            close = get_close_matches(name.upper().removeprefix(PREFIX), known, 1)
            hint = f"did you mean {PREFIX}{close[0]}?" if close else f"there are {PREFIX}{', '.join(known)}."
            raise WrongSettingError(f"{name} in {where} is no setting: {hint}")


def _line(error: ValidationError, given: Mapping[str, Any], dotenv: Mapping[str, str | None]) -> str:
    first = error.errors(include_url=False)[0]
    field = str(first["loc"][0])
    if field in given:
        source = f"--{field.replace('_', '-')}"
    else:
        in_dotenv = all(name.upper() != f"{PREFIX}{field}".upper() or not os.environ[name] for name in os.environ)
        source = f"{PREFIX}{field.upper()}" + (f" in {DOTENV}" if in_dotenv and dotenv else "")
    extra = Settings.model_fields[field].json_schema_extra
    must_be = extra["must_be"] if isinstance(extra, dict) else "something else"
    # An address may hold a password, and a key is one: they are not repeated.
    value = "" if field in SECRET else f" is {str(first['input'])[:80]!r}, but"
    return f"{source}{value} must be {must_be}."
