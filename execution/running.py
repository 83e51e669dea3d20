"""Runs a compiled plan: the first level, then level by level its edges, each for all of its rows together."""

from collections.abc import Hashable, Sequence
from typing import Any

from graphql import GraphQLError

from execution import careful
from execution.coercion import Variables
from execution.compiler import Compiled, Edge, Place
from execution.plans import Plan, Root
from execution.reading import Ask, read

Data = dict[str, Any]


async def run(
    plan: Plan, parts: Sequence[Compiled], context: Any, variables: Variables
) -> tuple[Data | None, list[GraphQLError]]:
    """The operation's data and errors. The parts run one after another, as far as none fails as a whole."""
    whole: Data = {}
    errors: list[GraphQLError] = []
    for part in parts:
        run = _Run(part, context, variables)
        try:
            data: Data | None = await run.data()
        except Exception:  # noqa: BLE001 - not as a good answer has it; the careful way finds out what it is
            data, found = await careful.run(plan, part.selection, context, variables, run.asked)
            errors += found
        if data is None:
            return None, errors
        whole.update(data)
    return whole, errors


class _Run:
    """One run of one part. `asked` keeps what was read, so that the careful way reads nothing twice."""

    def __init__(self, part: Compiled, context: Any, variables: Variables) -> None:
        self._part = part
        self._context = context
        self._variables = variables
        self._known: dict[Hashable, dict[int, Any]] = {}
        self._equal: dict[Any, Any] = {}
        self._first: dict[int, Any] = {}
        self.asked: list[Ask] = []

    async def data(self) -> Data:
        """The part's data. Raises whatever is not as a good answer has it."""
        places: list[Place] = [([], []) for _ in range(self._part.places)]
        data = self._part.start(None, places, self._variables)
        for level in self._part.levels:
            edges = [edge for edge in level if places[edge.place][0]]
            if edges:
                await self._fill(edges, places)
        return data

    async def _fill(self, edges: list[Edge], places: list[Place]) -> None:
        shared: dict[Hashable, Ask] = {}
        asks = [self._ask(edge, places[edge.place][0], shared) for edge in edges]
        new = [ask for edge, ask in zip(edges, asks, strict=True) if not edge.shared]
        new += [ask for ask in shared.values() if ask.rows]
        await read(self._context, new)
        self.asked += new
        for ask in new:
            if ask.error is not None:
                raise ask.error
        for key, ask in shared.items():
            self._known[key].update(zip(map(id, ask.rows or ()), ask.values, strict=True))
        for edge, ask in zip(edges, asks, strict=True):
            rows, objects = places[edge.place]
            edge.fill(objects, self._values(edge, ask, rows), places, self._variables)

    def _ask(self, edge: Edge, rows: list[Any], shared: dict[Hashable, Ask]) -> Ask:
        arguments = {} if edge.field.arguments is None else edge.field.arguments.of(self._variables)
        if isinstance(edge.field.source, Root):
            return Ask(edge.function, arguments, None)
        if not edge.shared:
            return Ask(edge.function, arguments, _distinct(rows))
        ask = Ask(edge.function, arguments, [])
        ask = shared.setdefault(ask.key, ask)
        known = self._known.setdefault(ask.key, {})
        for row in self._firsts(rows):
            if id(row) not in known:
                known[id(row)] = None  # until it has been read
                ask.rows.append(row)  # type: ignore[union-attr]
        return ask

    def _values(self, edge: Edge, ask: Ask, rows: list[Any]) -> Sequence[Any]:
        if ask.rows is None:
            return [ask.values[0]] * len(rows)
        if edge.shared:
            known = self._known[ask.key]
            return [known[id(row)] for row in self._firsts(rows)]
        if ask.rows is rows:
            return ask.values
        by_identity = dict(zip(map(id, ask.rows), ask.values, strict=True))
        return [by_identity[id(row)] for row in rows]

    def _firsts(self, rows: list[Any]) -> list[Any]:
        """In the place of each row the first one that is equal: rows of two reads may say the same."""
        first = self._first
        for row in rows:
            if id(row) not in first:
                first[id(row)] = self._equal.setdefault(row, row)
        return [first[id(row)] for row in rows]


def _distinct(rows: list[Any]) -> list[Any]:
    """Each row once. Within one edge, rows that are equal are one and the same: they were read together."""
    if len(rows) == 1 or len(set(map(id, rows))) == len(rows):
        return rows
    return list({id(row): row for row in rows}.values())
