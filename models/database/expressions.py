"""SQL that both databases can say, each in its own way."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, or_
from sqlalchemy.dialects.postgresql import insert  # with ON CONFLICT, which SQLite takes in the same words
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import BigInteger, Boolean
from sqlmodel import SQLModel

from models.types import Ids, Numbers, Texts

__all__ = [
    "any_number_of",
    "any_of",
    "any_pair_of",
    "columns_of",
    "day_of",
    "insert",
    "is_one_of",
    "share_of",
    "split_ids",
]


def columns_of(row: type[tuple[Any, ...]], *tables: type[SQLModel]) -> list[Any]:
    """The columns that a row type names, each from the first of the tables that has it."""
    names: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    return [next(getattr(table, name) for table in tables if name in table.model_fields) for name in names]


class _AnyOf(FunctionElement[bool]):
    """`column` is one of the ids in the parameter."""

    name = "any_of"
    type = Boolean()
    inherit_cache = True


def any_of(column: Any, name: str = "keys") -> ColumnElement[bool]:
    """The condition that an id column is among the ids of one list parameter, however long it is."""
    return _AnyOf(column, bindparam(name, type_=Ids()))


@compiles(_AnyOf, "postgresql")
def _any_of_on_postgresql(element: FunctionElement[bool], compiler: SQLCompiler, **words: Any) -> str:
    column, keys = element.clauses
    return f"{compiler.process(column, **words)} = ANY({compiler.process(keys, **words)})"


@compiles(_AnyOf, "sqlite")
def _any_of_on_sqlite(element: _AnyOf, compiler: SQLCompiler, **words: Any) -> str:
    column, keys = element.clauses
    listed = split_ids(compiler.process(keys, **words))
    return f"{compiler.process(column, **words)} IN (SELECT key FROM ({listed}))"


def split_ids(parameter: str) -> str:
    """SQLite's rows (position, key) of a parameter of the type `Ids`: 16 bytes each."""
    return (
        "WITH RECURSIVE split(position, key) AS ("
        f"SELECT 0, substr({parameter}, 1, 16) WHERE length({parameter}) > 0"
        f" UNION ALL SELECT position + 1, substr({parameter}, 17 + 16 * position, 16) FROM split"
        f" WHERE 16 * (position + 1) < length({parameter})"
        ") SELECT position, key FROM split"
    )


class _AnyNumberOf(FunctionElement[bool]):
    """`column` is one of the integers in the parameter."""

    name = "any_number_of"
    type = Boolean()
    inherit_cache = True


def any_number_of(column: Any, name: str) -> ColumnElement[bool]:
    """The condition that an integer column is among the integers of one list parameter."""
    return _AnyNumberOf(column, bindparam(name, type_=Numbers()))


compiles(_AnyNumberOf, "postgresql")(_any_of_on_postgresql)


@compiles(_AnyNumberOf, "sqlite")
def _any_number_of_on_sqlite(element: _AnyNumberOf, compiler: SQLCompiler, **words: Any) -> str:
    column, numbers = (compiler.process(clause, **words) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({numbers}))"


def is_one_of(column: Any, choices: Iterable[Any]) -> ColumnElement[bool]:
    """The condition that a column has one of a few values that are always the same."""
    return or_(*(column == choice for choice in choices))


class _DayOf(FunctionElement[int]):
    """The UTC day of a moment."""

    name = "day_of"
    type = BigInteger()
    inherit_cache = True


def day_of(moment: Any) -> ColumnElement[int]:
    """The UTC day in which a `Timestamp` lies, as the number of days since 1970."""
    return _DayOf(moment)


@compiles(_DayOf, "postgresql")
def _day_of_on_postgresql(element: _DayOf, compiler: SQLCompiler, **words: Any) -> str:
    return f"CAST(floor(extract(epoch FROM {compiler.process(*element.clauses, **words)}) / 86400) AS bigint)"


@compiles(_DayOf, "sqlite")
def _day_of_on_sqlite(element: _DayOf, compiler: SQLCompiler, **words: Any) -> str:
    return f"({compiler.process(*element.clauses, **words)} / 86400000000)"


class _ShareOf(FunctionElement[int]):
    """A whole's share, exact."""

    name = "share_of"
    type = BigInteger()
    inherit_cache = True


def share_of(whole: Any, part: Any, total: Any) -> ColumnElement[int]:
    """`whole` × `part` ÷ `total` of integers that are not negative, rounded down. The product may pass 64 bits."""
    return _ShareOf(whole, part, total)


@compiles(_ShareOf, "postgresql")
def _share_of_on_postgresql(element: _ShareOf, compiler: SQLCompiler, **words: Any) -> str:
    whole, part, total = (compiler.process(clause, **words) for clause in element.clauses)
    return f"CAST(div(CAST({whole} AS numeric) * {part}, {total}) AS bigint)"


@compiles(_ShareOf, "sqlite")
def _share_of_on_sqlite(element: _ShareOf, compiler: SQLCompiler, **words: Any) -> str:
    return f"share_of({compiler.process(element.clauses, **words)})"


class _AnyPairOf(FunctionElement[bool]):
    """(`ids`, `texts`) is one of the pairs in two parameters."""

    name = "any_pair_of"
    type = Boolean()
    inherit_cache = True


def any_pair_of(ids: Any, texts: Any) -> ColumnElement[bool]:
    """The condition that an id and a text column are a pair of the parameters `pair_ids` and `pair_texts`."""
    return _AnyPairOf(ids, texts, bindparam("pair_ids", type_=Ids()), bindparam("pair_texts", type_=Texts()))


@compiles(_AnyPairOf, "postgresql")
def _any_pair_of_on_postgresql(element: _AnyPairOf, compiler: SQLCompiler, **words: Any) -> str:
    ids, texts, some_ids, some_texts = (compiler.process(clause, **words) for clause in element.clauses)
    return f"({ids}, {texts}) IN (SELECT * FROM unnest({some_ids}, {some_texts}))"


@compiles(_AnyPairOf, "sqlite")
def _any_pair_of_on_sqlite(element: _AnyPairOf, compiler: SQLCompiler, **words: Any) -> str:
    ids, texts, some_ids, some_texts = element.clauses
    pair = f"{compiler.process(ids, **words)}, {compiler.process(texts, **words)}"
    split = f"substr({compiler.process(some_ids, **words)}, 1 + 16 * json_each.key, 16)"
    return f"({pair}) IN (SELECT {split}, json_each.value FROM json_each({compiler.process(some_texts, **words)}))"
