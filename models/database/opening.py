"""How a database is opened by its address."""

from models.database.connection import Database
from models.database.errors import InvalidUrlError
from models.database.postgresql import PostgresDatabase
from models.database.sqlite import SqliteDatabase

SQLITE = "sqlite:///"


async def open_database(url: str, *, connections: int = 8) -> Database:
    """The database at `url`: `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://…`.

    Raises InvalidUrlError for another address, UnavailableError when it does not answer.
    """
    if url.startswith(SQLITE):
        return await SqliteDatabase.open(sqlite_path(url))
    if url.startswith(("postgresql://", "postgres://")):
        return await PostgresDatabase.open(url, connections)
    raise InvalidUrlError("A database's address begins with sqlite:/// or postgresql://.")


def sqlite_path(url: str) -> str:
    """The file of an SQLite address. Raises InvalidUrlError if it names none."""
    path = url.removeprefix(SQLITE)
    if not path or path == ":memory:":
        raise InvalidUrlError("An SQLite address names a file: sqlite:////var/lib/hatful.db")
    return path
