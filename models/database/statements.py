"""Statements: SQLAlchemy expressions over the tables, compiled to SQL once for each dialect."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import count
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sqlalchemy import BindParameter, Delete, Dialect, Insert, Update
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import SelectBase

from models.types import column_processor

DialectName = Literal["postgresql", "sqlite"]
Row = TypeVar("Row", bound=tuple[Any, ...])
Params = Mapping[str, Any]

DIALECTS: dict[DialectName, Dialect] = {
    "postgresql": asyncpg.dialect(),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.dialect(paramstyle="qmark"),
}
# SQLite needs no "= 1" behind a condition, and with one it reads the whole table where an index would do.
DIALECTS["sqlite"].supports_native_boolean = True


class Compiled(NamedTuple):
    """A statement in one dialect: its SQL, and what turns values into parameters and columns into values."""

    sql: str
    bind: Callable[[Params], list[Any]]
    convert: Sequence[tuple[int, Callable[[Sequence[Any]], list[Any]]]]
    """The columns whose values need converting, by position, and what converts a column's."""
    parameters: int
    """How many parameters the SQL has."""


class _Statement:
    """A statement that is compiled when a dialect first asks for it."""

    def __init__(self, build: Callable[[DialectName], Any]) -> None:
        self._build = build
        self._compiled: dict[DialectName, Compiled] = {}

    def compiled(self, dialect: DialectName) -> Compiled:
        """The statement in this dialect."""
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = _compile(self._build(dialect), DIALECTS[dialect])
        return found


class Query(_Statement, Generic[Row]):
    """A read whose rows come back as `row`, a NamedTuple with the select's columns in their order."""

    def __init__(self, row: type[Row], select: SelectBase | Callable[[DialectName], SelectBase]) -> None:
        super().__init__(select if callable(select) else lambda _: select)
        self.row = row
        # What the row's own _make does, without a call of Python's for each row.
        self._make: Callable[[Iterable[Any]], Row] = partial(tuple.__new__, row)

    def rows(self, records: Iterable[Sequence[Any]], compiled: Compiled) -> list[Row]:
        """Typed rows of a driver's records."""
        if compiled.convert:
            return self.rows_of_columns(list(zip(*records, strict=True)), compiled)
        return list(map(self._make, records))

    def rows_of_columns(self, columns: Sequence[Sequence[Any]], compiled: Compiled) -> list[Row]:
        """Typed rows of columns that a driver gave."""
        if not columns:
            return []
        values = list(columns)
        for position, convert in compiled.convert:
            values[position] = convert(values[position])
        return list(map(self._make, zip(*values, strict=True)))


class Command(_Statement):
    """A write, which says how many rows it touched. Commands are numbered in the order in which they are made."""

    _numbers = count()

    def __init__(self, statement: Insert | Update | Delete) -> None:
        super().__init__(lambda _: statement)
        self.number = next(self._numbers)


def _compile(statement: Any, dialect: Dialect) -> Compiled:
    compiled: SQLCompiler = statement.compile(dialect=dialect)
    names = {name: bind for bind, name in compiled.bind_names.items()}
    slots = [_Slot(name, names[name], dialect) for name in compiled.positiontup or ()]
    columns = [column.type for column in getattr(statement, "selected_columns", None) or _returned(statement)]
    convert = [(n, way) for n, type_ in enumerate(columns) if (way := column_processor(type_, dialect))]
    return Compiled(str(compiled), _binder(slots), convert, len(slots))


def _returned(statement: Any) -> Sequence[Any]:
    return getattr(statement, "_all_selected_columns", ())


class _Slot:
    """Where one parameter's value comes from: the caller by its name, or a constant in the statement."""

    def __init__(self, name: str, bind: BindParameter[Any], dialect: Dialect) -> None:
        self.name = name
        self.required = bind.required
        self.constant = bind.value
        self.process = bind.type.dialect_impl(dialect).bind_processor(dialect)


def _binder(slots: list[_Slot]) -> Callable[[Params], list[Any]]:
    once = list({slot.name: slot for slot in slots}.values())  # a parameter may stand in several places
    plan = [(slot.name, slot.required, slot.constant, slot.process) for slot in once]
    names = [slot.name for slot in once]
    places = [names.index(slot.name) for slot in slots]

    def bind(params: Params) -> list[Any]:
        values = []
        for name, required, constant, process in plan:
            value = params[name] if required else params.get(name, constant)
            values.append(value if process is None else process(value))
        return [values[place] for place in places]

    return bind
