"""What is read along with rows because the operation will ask for it next, so that it needs no trip of its own.

A batch function says by `@prefetched` what it will read for rows of a type. Where an operation calls the function, the
trip that brings such rows brings that too. The function asks for it as ever, and so has the same answer either way.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from models.database import Prefetch, Query

if TYPE_CHECKING:
    from models.database.statements import Params
    from resolvers.context import Context

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "prefetched"


class _Rule(NamedTuple):
    row: type[tuple[Any, ...]]
    column: int
    query: Query[Any]
    key: int
    params: "Callable[[Context], Params | None]"


def _nothing(_: "Context") -> "Params":
    return {}


def prefetched(
    row: type[tuple[Any, ...]],
    column: str,
    query: Query[Any],
    key: str = "id",
    params: "Callable[[Context], Params | None]" = _nothing,
) -> Callable[[Function], Function]:
    """The function will read `query` for rows of the type `row`: by `keys`, which are in their `column`.

    `key` is the column of the query's rows in which the keys stand again. `params` gives the query's other parameters,
    or None where the function reads nothing.
    """
    rule = _Rule(row, _place(row, column), query, _place(query.row, key), params)

    def mark(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, rule)
        return function

    return mark


def prefetches(ctx: "Context", functions: frozenset[Callable[..., Any]]) -> dict[type[Any], list[Prefetch]]:
    """What to read along, by the type of the rows behind which it is read."""
    found: dict[type[Any], list[Prefetch]] = {}
    for row, column, query, key, params in _rules(functions):
        given = params(ctx)
        if given is not None:
            found.setdefault(row, []).append(Prefetch(query, given, column, key))
    return found


@lru_cache(maxsize=1_000)
def _rules(functions: frozenset[Callable[..., Any]]) -> Collection[_Rule]:
    """Each once: several functions may read the same."""
    rules = (getattr(function, _ATTRIBUTE, None) for function in functions)
    return dict.fromkeys(rule for rule in rules if rule is not None)


def _place(row: type[tuple[Any, ...]], column: str) -> int:
    fields: tuple[str, ...] = row._fields  # type: ignore[attr-defined]
    return fields.index(column)
