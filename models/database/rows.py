"""Writes of many rows at once: on PostgreSQL one statement whatever their number, on SQLite one run for each row.

PostgreSQL is given the rows as one array of the table's own row type. That costs server and client a fraction of what a
run for each row costs them. The columns of a row go by their place: the tables' columns stand in the models' order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Column, bindparam, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import SQLModel

from models.database.statements import DIALECTS, Command, Params, Query

RowValues = tuple[Any, ...]
_SQLITE = DIALECTS["sqlite"]


class RowsCommand(Command):
    """A write that is given its rows together, through `Transaction.run_many` or in a `SetsCommand`.

    A row is a tuple with the values of `names`, in their order.
    """

    def __init__(self, statement: Any, table: type[SQLModel], names: Sequence[str], set_sql: str) -> None:
        super().__init__(statement)
        self._statement = statement
        self.table: str = table.__tablename__  # type: ignore[assignment]
        self.names = tuple(names)
        self.row: Callable[[Params], RowValues] = itemgetter(*names)
        """The row of values that are given by their names."""
        self._set_sql = set_sql
        columns = list(table.model_fields)
        self._whole = None if columns == list(names) else itemgetter(*[_place(name, self.names) for name in columns])

    def set_sql(self, number: int) -> str:
        """PostgreSQL's statement for a set of rows, which is its parameter with that number."""
        return self._set_sql.format(rows=f"unnest(${number}::{self.table}[])")

    def whole(self, rows: Sequence[RowValues]) -> Sequence[RowValues]:
        """The rows as PostgreSQL takes them, with every column of the table."""
        return rows if self._whole is None else [self._whole((*row, None)) for row in rows]

    def each(self, rows: Iterable[RowValues]) -> list[list[Any]]:
        """The rows as SQLite's statement for one of them takes them."""
        return [[row[n] if process is None else process(row[n]) for n, process in self._slots] for row in rows]

    @cached_property
    def _slots(self) -> list[tuple[int, Callable[[Any], Any] | None]]:
        """For each parameter of SQLite's statement, where its value is in a row and what turns it into SQLite's."""
        compiled = self._statement.compile(dialect=_SQLITE)
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        return [
            (self.names.index(name.rstrip("_")), binds[name].type.dialect_impl(_SQLITE).bind_processor(_SQLITE))
            for name in compiled.positiontup
        ]


class SetsCommand(Command):
    """Writes to several tables in one go, through `Transaction.run`: a parameter for each table, which is its rows.

    No table comes twice, because what one part of a statement does to a table, the other parts do not see.
    """

    def __init__(self, commands: Sequence[RowsCommand]) -> None:
        super().__init__(commands[0]._statement)
        self.commands = commands
        self.set_sql = commands[0].set_sql(1) if len(commands) == 1 else f"WITH {', '.join(self.parts(1))} SELECT"

    def parts(self, first: int) -> list[str]:
        """The commands as parts of a statement, in which their rows are the parameters from the number `first` on."""
        return [f"write_{n} AS ({command.set_sql(n)})" for n, command in enumerate(self.commands, start=first)]

    def arrays(self, params: Params) -> list[Sequence[RowValues]]:
        """The rows as PostgreSQL takes them: one parameter for each table."""
        return [command.whole(params[command.table]) for command in self.commands]


@lru_cache(maxsize=512)
def together(commands: tuple[RowsCommand, ...]) -> SetsCommand:
    """The commands as one."""
    return SetsCommand(commands)


RowSet = tuple[RowsCommand, Sequence[RowValues]]
"""A command and the rows for it."""


class RevisionRow(NamedTuple):
    """A row, and how often it has been changed."""

    id: UUID
    revision: int


class Guard(NamedTuple):
    """What must still hold when a write begins: `query` finds just these rows, each at its revision, and locks them."""

    query: Query[RevisionRow]
    params: Params
    revisions: Mapping[UUID, int]

    def holds(self, rows: Iterable[RevisionRow]) -> bool:
        """Whether these are the rows."""
        return dict(rows) == self.revisions

    def values(self) -> list[Any]:
        """The parameters of `guarded_sql`."""
        query = self.query.compiled("postgresql")
        return [*query.bind(self.params), list(self.revisions), list(self.revisions.values())]


@lru_cache(maxsize=512)
def guarded_sql(query: Query[RevisionRow], command: SetsCommand | None) -> str:
    """PostgreSQL's statement that runs the command if a guard on this query holds, and fails as contention if not.

    The parameters are those of the guard, then the command's.
    """
    compiled = query.compiled("postgresql")
    ids, revisions = compiled.parameters + 1, compiled.parameters + 2
    parts = [f"locked AS MATERIALIZED ({compiled.sql})", *(command.parts(revisions + 1) if command else ())]
    expected = f"SELECT * FROM unnest(${ids}::uuid[], ${revisions}::bigint[])"
    return (
        f"WITH {', '.join(parts)} SELECT require_unchanged("
        f"count(*) = cardinality(${ids}::uuid[]) AND bool_and((id, revision) IN ({expected}))) FROM locked"
    )


def steps(sets: Iterable[RowSet]) -> Iterator[tuple[SetsCommand, Params]]:
    """The sets in as few commands as can be, with the parameters of each."""
    step: dict[str, RowSet] = {}
    for command, rows in sets:
        if command.table in step:
            yield _step(step)
            step = {}
        step[command.table] = (command, rows)
    if step:
        yield _step(step)


def _step(step: Mapping[str, RowSet]) -> tuple[SetsCommand, Params]:
    return together(tuple(command for command, _ in step.values())), {table: rows for table, (_, rows) in step.items()}


def insert_rows(table: type[SQLModel], row: type[RowValues] | None = None) -> RowsCommand:
    """Inserts rows that give every column, as tuples of the type `row` if there is one."""
    names = list(table.model_fields)
    assert row is None or list(row._fields) == names, "the row has the table's columns"  # type: ignore[attr-defined]
    set_sql = f"INSERT INTO {table.__tablename__} ({', '.join(names)}) SELECT * FROM {{rows}}"
    return RowsCommand(insert(table).values({name: bindparam(name) for name in names}), table, names, set_sql)


def update_rows(table: type[SQLModel], *, key: str, changes: Sequence[str]) -> RowsCommand:
    """Sets the columns `changes` of the rows with these keys."""
    target = table.__tablename__
    assigned = ", ".join(f"{name} = given.{name}" for name in changes)
    set_sql = f"UPDATE {target} SET {assigned} FROM {{rows}} AS given WHERE {target}.{key} = given.{key}"
    statement = (
        update(table)
        # A parameter may not have the name of a column that an update might set.
        .where(_column(table, key) == bindparam(f"{key}_", type_=_column(table, key).type))
        .values({name: bindparam(name) for name in changes})
    )
    return RowsCommand(statement, table, (key, *changes), set_sql)


def add_to_rows(table: type[SQLModel], *, key: Sequence[str], add: Sequence[str]) -> RowsCommand:
    """Adds to the columns `add` of the rows with these keys; a row that is not there begins at zero.

    The same key may come several times. Rows are locked in the order of their keys.
    """
    names = (*key, *add)
    target = table.__tablename__
    keys = ", ".join(key)
    # sum() of bigint is numeric in PostgreSQL; what adds up to too much must fail, not be rounded.
    sums = ", ".join(f"sum({name})::bigint" for name in add)
    added = ", ".join(f"{name} = {target}.{name} + excluded.{name}" for name in add)
    set_sql = (
        f"INSERT INTO {target} ({', '.join(names)}) SELECT {keys}, {sums} FROM {{rows}}"
        f" GROUP BY {keys} ORDER BY {keys} ON CONFLICT ({keys}) DO UPDATE SET {added}"
    )
    inserted = insert(table).values({name: bindparam(name) for name in names})
    statement = inserted.on_conflict_do_update(
        index_elements=list(key), set_={name: _column(table, name) + inserted.excluded[name] for name in add}
    )
    return RowsCommand(statement, table, names, set_sql)


def _column(table: type[SQLModel], name: str) -> Column[Any]:
    column: Column[Any] = table.__table__.c[name]  # type: ignore[attr-defined]
    return column


def _place(name: str, names: tuple[str, ...]) -> int:
    """Where a column's value is in a row with a None behind it."""
    return names.index(name) if name in names else len(names)
