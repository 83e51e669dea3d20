"""The tables as the migrations leave them, against the models."""

import asyncpg
from sqlmodel import SQLModel

import models  # noqa: F401 - importing the room registers every table

COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


async def test_columns_on_postgresql_stand_in_the_models_order(postgresql_url: str) -> None:
    # Sets of rows go by their columns' places: see models/database/rows.py.
    expected = {name: list(table.columns.keys()) for name, table in SQLModel.metadata.tables.items()}
    connection = await asyncpg.connect(postgresql_url)
    try:
        found = {name: [row["attname"] for row in await connection.fetch(COLUMNS, name)] for name in expected}
    finally:
        await connection.close()
    assert found == expected
    assert "entries" in found
