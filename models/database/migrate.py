"""Brings a database's tables up to date, and tells whether they are."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from models.database.errors import UnavailableError
from models.database.opening import sqlite_path

CONNECTION = "connection"
MIGRATIONS = Path(__file__).parents[2] / "migrations"
Result = TypeVar("Result")


def upgrade(url: str, revision: str = "head") -> None:
    """Runs the revisions that the database lacks, up to one of them, each in a transaction of its own."""
    _run(url, lambda connection: command.upgrade(_config(connection), revision))


def is_current(url: str) -> bool:
    """Whether the database has every revision."""
    return _run(url, _revision) == ScriptDirectory.from_config(_config(None)).get_current_head()


def differences(url: str) -> list[str]:
    """What the models say and the migrated tables do not; empty when they agree."""
    return _run(url, lambda connection: [str(difference) for difference in _compare(connection)])


def new_revision(url: str, message: str) -> None:
    """Writes a new revision with what the models have and the database at `url` does not."""
    _run(url, lambda connection: command.revision(_config(connection), message, autogenerate=True, rev_id=None))


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _compare(connection: Connection) -> list[Any]:
    opts = {"compare_type": False, "include_object": _belongs_to(connection.dialect.name)}
    context = MigrationContext.configure(connection, opts=opts)
    differences: list[Any] = compare_metadata(context, SQLModel.metadata)
    return differences


def _belongs_to(dialect: str) -> Callable[..., bool]:
    """Whether what a model has is meant for this database at all."""
    return lambda thing, *_: thing.info.get("only_on") in (None, dialect)


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.attributes[CONNECTION] = connection
    return config


def _run(url: str, work: Callable[[Connection], Result]) -> Result:
    try:
        return _on_sqlite(url, work) if url.startswith("sqlite:") else asyncio.run(_on_postgresql(url, work))
    except (SQLAlchemyError, OSError) as error:
        raise UnavailableError(str(error)) from error


def _on_sqlite(url: str, work: Callable[[Connection], Result]) -> Result:
    engine = create_engine(f"sqlite:///{sqlite_path(url)}")

    @event.listens_for(engine, "connect")
    def _begin_by_hand(connection: Any, _: object) -> None:
        connection.isolation_level = None  # else the driver commits before each DDL statement

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.connect() as connection:
            result = work(connection)
            connection.commit()
            return result
    finally:
        engine.dispose()


async def _on_postgresql(url: str, work: Callable[[Connection], Result]) -> Result:
    address = make_url(url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(address)
    try:
        async with engine.connect() as connection:
            result = await connection.run_sync(work)
            await connection.commit()
            return result
    finally:
        with suppress(OSError):
            await engine.dispose()
