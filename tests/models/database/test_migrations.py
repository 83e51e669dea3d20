"""The migrations make what the models say, to the letter, on both databases."""

import asyncio
import re
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from models.database import UnavailableError, migrate
from tests.harness.backdoor import backdoor
from tests.harness.postgres import Postgres


@pytest.fixture
def models_url(request: pytest.FixtureRequest, database_url: str) -> Iterator[str]:
    """A database of the same kind as the migrated one, with tables made from the models."""
    if database_url.startswith("sqlite:"):
        url = database_url.replace("hatful.db", "models.db")
        engine = create_engine(url)
        SQLModel.metadata.create_all(engine)
        engine.dispose()
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    with server.database() as url:
        asyncio.run(make_tables(url))
        yield url


async def make_tables(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    await engine.dispose()


async def description(url: str) -> set[str]:
    """Every column, constraint and index, in the database's own words."""
    async with backdoor(url) as connection:
        if connection.dialect == "postgresql":
            rows = await connection.fetch(
                "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
                " WHERE table_schema = 'public'"
                " UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''"
                " FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
                " UNION ALL SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'"
            )
            return {str(row) for row in rows if row[0] != "alembic_version"}
        tables = await connection.fetch("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'index')")
    # A column that was added later stands on the line of the one before it.
    parts = ((name, part) for name, sql in tables for part in re.split(r"\n|, (?=\w+ INTEGER|\w+ TEXT)", sql or ""))
    lines = ((name, part.strip(" \t,")) for name, part in parts if part)
    return {str(line) for line in lines if line[0] != "alembic_version"}


def test_migrations_make_a_database_current(empty_database_url: str) -> None:
    assert not migrate.is_current(empty_database_url)
    migrate.upgrade(empty_database_url)
    assert migrate.is_current(empty_database_url)
    migrate.upgrade(empty_database_url)  # nothing more to do
    assert migrate.differences(empty_database_url) == []


def test_migrated_tables_are_those_of_the_models(database_url: str, models_url: str) -> None:
    migrated, modelled = asyncio.run(description(database_url)), asyncio.run(description(models_url))
    assert len(modelled) > 100
    assert migrated == modelled


def test_tells_what_a_database_lacks(empty_database_url: str) -> None:
    assert any("journals" in difference for difference in migrate.differences(empty_database_url))


def test_a_server_that_is_not_there_is_unavailable(postgres_server: Postgres) -> None:
    with pytest.raises(UnavailableError):
        migrate.upgrade(postgres_server.url("nobody_made_this"))
