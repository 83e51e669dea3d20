"""What the operator can set, and the only reader of the environment.

A command-line option wins over a variable HATFUL_…, and that over the same name in a file `.env`.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from platformdirs import user_data_path
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from server.exits import WrongSettingError

PREFIX = "HATFUL_"
DOTENV = ".env"
SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")
REDIS = ("redis://", "rediss://", "unix://")

ON_OR_OFF = "on or off"


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
        "The Redis in which all processes count requests together. Without one each counts in its own memory.",
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
    trusted_proxies: str = _setting(
        "127.0.0.1,::1",
        "From where X-Forwarded-For and X-Forwarded-Proto are believed.",
        "IP addresses and networks with commas between them",
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
    # An address may hold a password, so it is not repeated.
    value = "" if field in {"database", "rate_limit_storage"} else f" is {str(first['input'])[:80]!r}, but"
    return f"{source}{value} must be {must_be}."
