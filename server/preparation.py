"""What has to be true of a database before it is served: it answers, its tables are current, the demo is in it."""

import asyncio
import shlex
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from alembic.util import CommandError
from rich.console import Console

from models.database import DatabaseError, InvalidUrlError, open_database
from models.database import migrate as migrations
from models.database.opening import sqlite_path
from rails import Vault
from rails.vault import NoKeyError
from resolvers.context import App
from server import demonstration
from server.addresses import masked
from server.exits import OutdatedDatabaseError, UnusableDatabaseError, WrongSettingError
from server.process import running
from server.settings import SQLITE, Settings
from server.vault_keys import NO_KEYS, keys_of, make_key_file

PATIENCE_SECONDS = 10.0
LOST = "If that key is lost, so are the numbers: empty the tables vault and vault_keys, and cards can be linked anew."

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.vault")


def prepare(settings: Settings, console: Console) -> None:
    """Readies the database for serving: a file is brought up to date, a server is not touched."""
    _prepare_tables(settings)
    _prepare_vault(settings)
    if settings.demo:
        with explained(settings.database_url):
            asyncio.run(_with_app(settings, console, demonstration.fill_unless_filled))


def _prepare_tables(settings: Settings) -> None:
    url = settings.database_url
    with explained(url):
        if url.startswith(SQLITE):
            migrate(settings)
        else:
            _require_current(url)


def _prepare_vault(settings: Settings) -> None:
    """Sees to it that what is in the vault can be opened."""
    if settings.vault_database is not None:
        _prepare_tables(settings.model_copy(update={"database": settings.vault_database}))
    with explained(settings.vault_url):
        make_key_file(settings)
        if not keys_of(settings):
            log.warning("nothing can be linked", reason=NO_KEYS)
        else:
            asyncio.run(_open_vault(settings))


async def _open_vault(settings: Settings) -> None:
    database = await open_database(settings.vault_url)
    try:
        await Vault(database, keys_of(settings)).check()
    except NoKeyError as error:
        raise WrongSettingError(f"{error} {LOST}") from None
    finally:
        await database.close()


def migrate(settings: Settings) -> None:
    """Brings the tables up to date."""
    with explained(settings.database_url):
        _make_folder(settings)
        asyncio.run(_reach(settings.database_url))
        migrations.upgrade(settings.database_url)


def fill(settings: Settings, console: Console) -> None:
    """Puts the demo's people into an empty database. Raises NotEmptyError."""
    migrate(settings)
    with explained(settings.database_url):
        asyncio.run(_with_app(settings, console, demonstration.fill))


def is_current(settings: Settings) -> bool:
    """Whether the database has this version's tables. A file that is not there is not made."""
    return not _is_new_file(settings.database_url) and migrations.is_current(settings.database_url)


@contextmanager
def current(settings: Settings) -> Iterator[str]:
    """The address of a database that a command works on as it is. Raises OperatorError."""
    url = settings.database_url
    with explained(url):
        if not is_current(settings):
            raise OutdatedDatabaseError(f"{masked(url)} has not the tables of this Hatful: run hatful migrate first.")
        yield url


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turns what goes wrong with the database into one line for the operator."""
    try:
        yield
    except CommandError:
        message = f"The tables in {masked(url)} are those of a newer Hatful, or of something else."
        raise OutdatedDatabaseError(message) from None
    except (DatabaseError, OSError, sqlite3.Error) as error:
        raise UnusableDatabaseError(f"The database {masked(url)} cannot be used: {_reason(error)}") from error


def _require_current(url: str) -> None:
    asyncio.run(_reach(url))
    if not migrations.is_current(url):
        command = f"hatful migrate --database {shlex.quote(masked(url))}"
        raise OutdatedDatabaseError(f"The tables in {masked(url)} are not up to date. Run: {command}")


def _reason(error: BaseException) -> str:
    # The driver's own words are at the bottom; what is wrapped around them is for programmers.
    while not isinstance(error, InvalidUrlError | TimeoutError) and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, TimeoutError):
        return f"it did not answer within {PATIENCE_SECONDS:g} seconds"
    message = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return message.partition("\n")[0] or type(error).__name__


async def _reach(url: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await (await open_database(url)).close()


def _make_folder(settings: Settings) -> None:
    if settings.database is None:
        settings.default_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif settings.database.startswith(SQLITE):
        folder = Path(sqlite_path(settings.database)).absolute().parent
        if not folder.is_dir():
            raise InvalidUrlError(f"there is no folder {folder}")


def _is_new_file(url: str) -> bool:
    return url.startswith(SQLITE) and not Path(sqlite_path(url)).exists()


async def _with_app(settings: Settings, console: Console, work: Callable[[App, Console, str], Awaitable[None]]) -> None:
    async with running(settings) as app:
        await work(app, console, masked(settings.database_url))
