"""Writes of many rows at once: on PostgreSQL one statement whatever their number, on SQLite one run for each row.

A row's columns go to PostgreSQL as one array each. That costs the server a tenth of what a run for each row costs it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import SQLModel

from models.database.statements import DIALECTS, Command, Params

_POSTGRESQL = DIALECTS["postgresql"]


class RowsCommand(Command):
    """A write that is given its rows together, through `Transaction.run_many`."""

    def __init__(self, statement: Any, names: Sequence[str], set_sql: str) -> None:
        super().__init__(statement)
        self.set_sql = set_sql
        self._names = names

    def each(self, rows: Iterable[Params]) -> Iterable[Params]:
        """The rows as the statement for one of them takes them."""
        return rows

    def arrays(self, rows: Iterable[Params]) -> list[list[Any]]:
        """The rows' values as PostgreSQL takes them: a list for each column."""
        listed = list(rows)
        return [[row[name] for row in listed] for name in self._names]


def insert_rows(table: type[SQLModel]) -> RowsCommand:
    """Inserts rows that give every column."""
    columns = _columns(table)
    names = [column.name for column in columns]
    target = table.__tablename__
    set_sql = f"INSERT INTO {target} ({', '.join(names)}) SELECT * FROM {_unnest(columns)}"
    return RowsCommand(insert(table).values({name: bindparam(name) for name in names}), names, set_sql)


def update_rows(table: type[SQLModel], *, key: str, changes: Sequence[str]) -> RowsCommand:
    """Sets the columns `changes` of the rows with these keys."""
    columns = [_column(table, name) for name in (key, *changes)]
    names = [column.name for column in columns]
    target = table.__tablename__
    assigned = ", ".join(f"{name} = given.{name}" for name in changes)
    set_sql = f"UPDATE {target} SET {assigned} FROM {_unnest(columns)} WHERE {target}.{key} = given.{key}"
    statement = (
        update(table)
        .where(_column(table, key) == bindparam(f"{key}_", type_=_column(table, key).type))
        .values({name: bindparam(name) for name in changes})
    )
    return _UpdateRows(statement, names, set_sql, key)


def add_to_rows(table: type[SQLModel], *, key: Sequence[str], add: Sequence[str]) -> RowsCommand:
    """Adds to the columns `add` of the rows with these keys; a row that is not there begins at zero.

    The same key may come several times. Rows are locked in the order of their keys.
    """
    columns = [_column(table, name) for name in (*key, *add)]
    names = [column.name for column in columns]
    target = table.__tablename__
    keys = ", ".join(key)
    # sum() of bigint is numeric in PostgreSQL; what adds up to too much must fail, not be rounded.
    sums = ", ".join(f"sum({name})::bigint" for name in add)
    added = ", ".join(f"{name} = {target}.{name} + excluded.{name}" for name in add)
    set_sql = (
        f"INSERT INTO {target} ({', '.join(names)}) SELECT {keys}, {sums} FROM {_unnest(columns)}"
        f" GROUP BY {keys} ORDER BY {keys} ON CONFLICT ({keys}) DO UPDATE SET {added}"
    )
    inserted = insert(table).values({name: bindparam(name) for name in names})
    statement = inserted.on_conflict_do_update(
        index_elements=list(key), set_={name: _column(table, name) + inserted.excluded[name] for name in add}
    )
    return RowsCommand(statement, names, set_sql)


class _UpdateRows(RowsCommand):
    """An update names its key twice over: a parameter may not have the name of a column that it might set."""

    def __init__(self, statement: Any, names: Sequence[str], set_sql: str, key: str) -> None:
        super().__init__(statement, names, set_sql)
        self._key = key

    def each(self, rows: Iterable[Params]) -> Iterable[Params]:
        return [{**row, f"{self._key}_": row[self._key]} for row in rows]


def _columns(table: type[SQLModel]) -> list[Column[Any]]:
    return [_column(table, name) for name in table.model_fields]


def _column(table: type[SQLModel], name: str) -> Column[Any]:
    column: Column[Any] = table.__table__.c[name]  # type: ignore[attr-defined]
    return column


def _unnest(columns: Sequence[Column[Any]]) -> str:
    arrays = ", ".join(f"${n}::{_type(column)}[]" for n, column in enumerate(columns, start=1))
    return f"unnest({arrays}) AS given ({', '.join(column.name for column in columns)})"


def _type(column: Column[Any]) -> str:
    return column.type.dialect_impl(_POSTGRESQL).compile(_POSTGRESQL)
