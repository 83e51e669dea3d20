"""Reads that go to PostgreSQL together: several queries as one statement, and one statement for several askers."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from models.database.connection import Ask, KeysFrom
from models.database.statements import Query

Number = int | KeysFrom
"""The number of a statement's parameter, from 1, or a column that stands in its place."""


class ParameterType(Protocol):
    """What PostgreSQL says of a parameter's type."""

    name: str
    kind: str


class Crowd(NamedTuple):
    """One statement for several askers, which gives a row for each of them: the columns of each query, as arrays.

    A parameter is a list with the value of each asker. Lists cannot lie in such a list: those of all askers are one
    list, in which each asker has a stretch.
    """

    sql: str
    lists: tuple[bool, ...]
    """Which of an asker's parameters are lists."""

    def values(self, askers: Sequence[Sequence[Any]]) -> list[Any]:
        """The statement's parameters, of those of each asker."""
        values: list[Any] = []
        for is_list, column in zip(self.lists, zip(*askers, strict=True), strict=True):
            values += _stretches(column) if is_list else [column]
        return values


class Together:
    """Queries as one statement. One alone gives its rows; several give one row, with their columns as arrays.

    The driver takes arrays apart faster than rows within rows. `numbers` says, for each parameter of one query after
    another, which parameter of the statement it is, or which column of a query before.
    """

    def __init__(self, queries: tuple[Query[Any], ...], numbers: tuple[Number, ...]) -> None:
        self._queries = [(query, query.compiled("postgresql"), len(query.row._fields)) for query in queries]
        self._numbers = numbers
        self._alone = len(queries) == 1
        self.sql = self._queries[0][1].sql if self._alone else f"SELECT * FROM {self._arrays('${}'.format)}"
        self.crowd: Crowd | None = None
        """The statement for several askers, once it was made."""

    def make_crowd(self, types: Sequence[ParameterType]) -> Crowd:
        """The statement for several askers, now that it is known of which types its parameters are."""
        number = 0
        unnested, names, places = [], [], []
        for type_ in types:
            if type_.kind == "array":
                flat, first, last = number + 1, number + 2, number + 3
                unnested += [f"${first}::bigint[]", f"${last}::bigint[]"]
                names += [f"first_{first}", f"last_{last}"]
                places.append(f"((${flat}::{type_.name})[given.first_{first}:given.last_{last}])")
                number = last
            else:
                number += 1
                unnested.append(f"${number}::{type_.name}[]")
                names.append(f"value_{number}")
                places.append(f"given.value_{number}")
        columns = ", ".join(f"part_{n}.*" for n in range(len(self._queries)))
        sql = (
            f"SELECT {columns} FROM unnest({', '.join(unnested)}) WITH ORDINALITY AS given({', '.join(names)}, place)"
            f" CROSS JOIN {self._arrays(lambda n: places[n - 1])} ORDER BY given.place"
        )
        self.crowd = Crowd(sql, tuple(type_.kind == "array" for type_ in types))
        return self.crowd

    def rows(self, records: Sequence[Any]) -> list[list[Any]]:
        """The rows of each query, of what the statement gave."""
        if self._alone:
            [(query, compiled, _)] = self._queries
            return [query.rows(records, compiled)]
        return self.rows_of_asker(records[0])

    def rows_of_asker(self, columns: Sequence[Any]) -> list[list[Any]]:
        """The rows of each query, of what the statement for several askers gave one of them."""
        found, before = [], 0
        for query, compiled, width in self._queries:
            own = columns[before : before + width]
            found.append([] if own[0] is None else query.rows_of_columns(own, compiled))
            before += width
        return found

    def _arrays(self, parameter: Callable[[int], str]) -> str:
        places = [_column(n) if isinstance(n, KeysFrom) else parameter(n) for n in self._numbers]
        parts, before = [], 0
        for n, (_, compiled, width) in enumerate(self._queries):
            own = places[before : before + compiled.parameters]
            names = [f"column_{m}" for m in range(width)]
            arrays = ", ".join(f"array_agg({name}) AS {name}s" for name in names)
            rows = f"({_filled(compiled.sql, own)}) AS row({', '.join(names)})"
            parts.append(f"LATERAL (SELECT {arrays} FROM {rows}) AS part_{n}")
            before += compiled.parameters
        return " CROSS JOIN ".join(parts)


def prepared(asks: Sequence[Ask]) -> tuple[Together, list[Any]]:
    """The reads as one statement, and the values of its parameters.

    A list stands there once: reads that go together mostly ask about the same rows, and a list costs more to send than
    anything else.
    """
    queries, values = [], []
    for query, params in asks:
        queries.append(query)
        values += query.compiled("postgresql").bind(params)
    kept, numbers = _shared(values)
    return _together(tuple(queries), numbers), kept


@lru_cache(maxsize=1_000)
def _together(queries: tuple[Query[Any], ...], numbers: tuple[Number, ...]) -> Together:
    return Together(queries, numbers)


def _shared(values: list[Any]) -> tuple[list[Any], tuple[Number, ...]]:
    """The values with each list once, and for each of all values the number, from 1, at which it stands among them."""
    kept: list[Any] = []
    numbers: list[Number] = []
    lists: list[tuple[list[Any], int]] = []
    for value in values:
        if value.__class__ is KeysFrom:
            numbers.append(value)
            continue
        number = None
        if value.__class__ is list and value:  # nothing tells of what an empty one is a list
            number = next((number for known, number in lists if known == value), None)
            if number is None:
                lists.append((value, len(kept) + 1))
        if number is None:
            kept.append(value)
            number = len(kept)
        numbers.append(number)
    return kept, tuple(numbers)


def _column(keys: KeysFrom) -> str:
    return f"part_{keys.ask}.column_{keys.column}s"


def _filled(sql: str, places: Sequence[str]) -> str:
    return re.sub(r"\$(\d+)", lambda found: places[int(found[1]) - 1], sql)


def _stretches(lists: Sequence[Sequence[Any] | None]) -> list[list[Any]]:
    flat: list[Any] = []
    first: list[int | None] = []
    last: list[int | None] = []
    for values in lists:
        first.append(None if values is None else len(flat) + 1)
        flat += values or ()
        last.append(None if values is None else len(flat))
    return [flat, first, last]
