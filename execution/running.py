"""Runs a compiled plan: what begins the answer, then level by level its edges, each for all of its rows together."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLError

from execution import careful
from execution.coercion import Variables
from execution.compiler import Compiled, Edge, Place
from execution.plans import Plan
from execution.reading import Ask, wait

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


class _Asked(NamedTuple):
    """What an edge asks; several edges that share a call have a key in common."""

    edge: Edge
    ask: Ask
    key: Hashable


class _Run:
    """One run of one part. `asked` keeps what was read, so that the careful way reads nothing twice."""

    def __init__(self, part: Compiled, context: Any, variables: Variables) -> None:
        self._part = part
        self._context = context
        self._variables = variables
        self._known: dict[Hashable, dict[int, Any]] = {}
        self._equal: dict[Any, Any] = {}
        self._first: dict[int, Any] = {}
        self._places: list[Place] = []
        self.asked: list[Ask] = []

    async def data(self) -> Data:
        """The part's data. Raises whatever is not as a good answer has it."""
        self._places = [([], []) for _ in range(self._part.places)]
        data = self._part.start(None, self._places, self._variables)
        edges = self._with_rows(self._part.edges)
        while edges:
            edges = await self._level(edges)
        return data

    async def _level(self, edges: list[Edge]) -> list[Edge]:
        """Fills edges, and those below them as far as nothing has to be awaited. Returns the other edges below."""
        waiting: list[_Asked] = []
        later: list[Edge] = []
        try:
            while edges:
                asked = self._begin(edges)
                waiting += [one for one in asked if one.ask.waits_for is not None]
                below = self._fill([one for one in asked if one.ask.waits_for is None])
                # What several edges ask for together is read once: that one of them has begun, others do not know.
                later += [edge for edge in below if edge.shared]
                edges = [edge for edge in below if not edge.shared]
        finally:  # what has begun, the careful way shall have
            await wait({id(one.ask): one.ask for one in waiting}.values())
        return later + self._fill(waiting)

    def _begin(self, edges: list[Edge]) -> "list[_Asked]":
        shared: dict[Hashable, Ask] = {}
        asked = [self._ask(edge, self._places[edge.place][0], shared) for edge in edges]
        new = [one.ask for one in asked if not one.edge.shared]
        new += [ask for ask in shared.values() if ask.rows]
        for ask in new:
            ask.begin(self._context)
        self.asked += new
        return asked

    def _fill(self, asked: "list[_Asked]") -> list[Edge]:
        """Fills edges whose values are there. Returns the edges below them."""
        for _, ask, key in asked:
            if ask.error is not None:
                raise ask.error
            if key is not None:
                self._known[key].update(zip(map(id, ask.rows or ()), ask.values, strict=True))
        below: list[Edge] = []
        for edge, ask, key in asked:
            rows, objects = self._places[edge.place]
            edge.fill(objects, self._values(ask, key, rows), self._places, self._variables)
            below += edge.below
        return self._with_rows(below)

    def _with_rows(self, edges: Iterable[Edge]) -> list[Edge]:
        return [edge for edge in edges if self._places[edge.place][0]]

    def _ask(self, edge: Edge, rows: list[Any], shared: dict[Hashable, Ask]) -> "_Asked":
        arguments = {} if edge.field.arguments is None else edge.field.arguments.of(self._variables)
        if edge.is_root:
            return _Asked(edge, Ask(edge.function, arguments, None), None)
        if not edge.shared:
            return _Asked(edge, Ask(edge.function, arguments, _distinct(rows)), None)
        ask = Ask(edge.function, arguments, [])
        key = ask.key
        ask = shared.setdefault(key, ask)
        known = self._known.setdefault(key, {})
        for row in self._firsts(rows):
            if id(row) not in known:
                known[id(row)] = None  # until it has been read
                ask.rows.append(row)  # type: ignore[union-attr]
        return _Asked(edge, ask, key)

    def _values(self, ask: Ask, key: Hashable, rows: list[Any]) -> Sequence[Any]:
        if ask.rows is None:
            return [ask.values[0]] * len(rows)
        if key is not None:
            known = self._known[key]
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
