"""What SQLite must be told on each connection, so that an acknowledged commit stays and rules hold."""

from typing import NamedTuple

import pytest
from sqlalchemy import Text, text

from models.database import Database, Query, open_database
from tests.harness.backdoor import backdoor


class Pragma(NamedTuple):
    value: str


FULL = "2"
SETTINGS = {"journal_mode": "wal", "synchronous": FULL, "foreign_keys": "1", "recursive_triggers": "1"}


@pytest.fixture
async def database(sqlite_url: str) -> Database:
    return await open_database(sqlite_url)


def pragma(name: str) -> Query[Pragma]:
    return Query(Pragma, text(f"SELECT CAST({name} AS TEXT) FROM pragma_{name}").columns(value=Text()))


@pytest.mark.parametrize(("name", "value"), SETTINGS.items())
async def test_every_connection_has_the_settings_of_a_ledger(database: Database, name: str, value: str) -> None:
    assert await database.first(pragma(name)) == Pragma(value)
    async with database.transaction() as transaction:
        assert await transaction.first(pragma(name)) == Pragma(value)
    await database.close()


async def test_every_table_is_strict(sqlite_url: str) -> None:
    async with backdoor(sqlite_url) as connection:
        loose = await connection.fetch(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict"
            " AND name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
        )
    assert loose == []
