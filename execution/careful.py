"""Runs a plan value by value, as the specification says it: what fails, where, and what becomes null for it.

It is slower than the compiled functions and gives the same answer where nothing fails. Where something does, it begins
the answer anew, with all that was read already, and finds out what it was.
"""

from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLLeafType,
    GraphQLResolveInfo,
    Undefined,
    default_type_resolver,
    located_error,
)
from graphql.pyutils import Path, inspect, is_awaitable, is_iterable

from execution.coercion import Variables
from execution.loaders import key_of
from execution.plans import Column, Computed, Constant, Field, Leaf, ListOf, Object, OneOf, Plan, Root, Selection, Shape
from execution.reading import Ask, read

Data = dict[str, Any]


async def run(
    plan: Plan, selection: Selection, context: Any, variables: Variables, asked: list[Ask]
) -> tuple[Data | None, list[GraphQLError]]:
    """The data of a selection of the root type, and its errors. What `asked` has is not read again."""
    return await _Run(plan, context, variables, asked).run(selection)


class _Spot:
    """A place in the answer where a value stands: a key of an object or an item of a list."""

    __slots__ = ("_nulled", "holder", "key", "parent", "required")

    def __init__(self, parent: "_Spot | None", holder: Any, key: Any, *, required: bool) -> None:
        self.parent = parent
        self.holder = holder
        self.key = key
        self.required = required
        self._nulled = False

    def put(self, value: Any) -> None:
        self.holder[self.key] = value

    def path(self) -> list[str | int]:
        """From the answer's data down to here."""
        if self.parent is None:
            return []
        return [*self.parent.path(), self.key]

    def is_gone(self) -> bool:
        """Whether null stands here, or above, because of an error."""
        return self._nulled or (self.parent is not None and self.parent.is_gone())

    def null(self) -> None:
        self.put(None)
        self._nulled = True


class _Wait:
    """An edge of one row that is to be read."""

    __slots__ = ("arguments", "field", "key", "row", "spot")

    def __init__(self, field: Field, row: Any, spot: _Spot, variables: Variables) -> None:
        self.field, self.row, self.spot = field, row, spot
        self.arguments = {} if field.arguments is None else field.arguments.checked(variables)
        self.key = key_of(field.source.function, self.arguments)  # type: ignore[union-attr]
        hash((self.key, None if self.is_root else row))  # raises TypeError for what cannot be looked up

    @property
    def is_root(self) -> bool:
        """Whether it is read without a row."""
        return isinstance(self.field.source, Root)

    def ask(self, rows: list[Any] | None) -> Ask:
        """The call that reads it, for these rows."""
        return Ask(self.field.source.function, self.arguments, rows)  # type: ignore[union-attr]


class _Run:
    def __init__(self, plan: Plan, context: Any, variables: Variables, asked: list[Ask]) -> None:
        self._plan = plan
        self._context = context
        self._variables = variables
        self._errors: list[GraphQLError] = []
        self._waiting: list[_Wait] = []
        self._of_roots: defaultdict[Hashable, list[Any]] = defaultdict(list)
        self._of_rows: defaultdict[Hashable, dict[Any, Any]] = defaultdict(dict)
        for ask in asked:
            self._keep(ask)

    async def run(self, selection: Selection) -> tuple[Data | None, list[GraphQLError]]:
        """The data of a selection of the root type, and its errors."""
        answer: Data = {}
        self._object(selection, None, _Spot(None, answer, "data", required=False))
        while self._waiting:
            level = [wait for wait in self._waiting if not wait.spot.is_gone()]
            self._waiting = []
            await self._level(level)
        return answer["data"], self._errors

    # Reading

    def _keep(self, ask: Ask) -> None:
        """Notes what came of a call, its error in the place of each value."""
        if ask.rows is None:
            self._of_roots[ask.key].append(ask.values[0] if ask.error is None else ask.error)
            return
        values = ask.values if ask.error is None else [ask.error] * len(ask.rows)
        self._of_rows[ask.key].update(zip(ask.rows, values, strict=True))

    async def _level(self, level: list[_Wait]) -> None:
        calls: dict[Hashable, list[_Wait]] = {}
        for wait in level:
            calls.setdefault(wait.key, []).append(wait)
        asks = [ask for waits in calls.values() for ask in self._asks(waits)]
        await read(self._context, asks)
        for ask in asks:
            self._keep(ask)
        for key, waits in calls.items():
            for wait in waits:
                value = self._of_roots[key].pop(0) if wait.is_root else self._of_rows[key][wait.row]
                self._complete(wait.field, wait.field.shape, value, wait.spot)

    def _asks(self, waits: list[_Wait]) -> list[Ask]:
        """The calls that bring what is not known yet of edges that ask the same."""
        first = waits[0]
        if first.is_root:
            return [wait.ask(None) for wait in waits[len(self._of_roots[first.key]) :]]
        known = self._of_rows[first.key]
        rows = [row for row in dict.fromkeys(wait.row for wait in waits) if row not in known]
        return [first.ask(rows)] if rows else []

    # What a value becomes

    def _object(self, selection: Selection, row: Any, spot: _Spot) -> None:
        data: Data = {}
        spot.put(data)
        for field in selection.fields:
            own = _Spot(spot, data, field.key, required=field.shape.required)
            own.put(None)
            try:
                if field.is_edge:
                    self._waiting.append(_Wait(field, row, own, self._variables))
                    continue
                value = self._value(field, row)
            except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
                self._fail(field, own, error)
            else:
                self._complete(field, field.shape, value, own)
            if spot.is_gone():
                return

    def _value(self, field: Field, row: Any) -> Any:
        match field.source:
            case Constant(value):
                return value
            case Column(attribute):
                return getattr(row, attribute)
            case Computed(function):
                return function(row, **({} if field.arguments is None else field.arguments.checked(self._variables)))
            case _:
                raise AssertionError("edges are read, not computed")

    def _complete(self, field: Field, shape: Shape, value: Any, spot: _Spot) -> None:
        """Puts what a value becomes in its place, or null and an error."""
        try:
            self._put(field, shape, value, spot)
        except Exception as error:  # noqa: BLE001 - a field's error is an entry in the answer
            self._fail(field, spot, error)

    def _put(self, field: Field, shape: Shape, value: Any, spot: _Spot) -> None:
        if isinstance(value, Exception):
            raise value
        if value is None or value is Undefined:
            if shape.required:
                raise TypeError(f"Cannot return null for non-nullable field {field.parent}.{field.name}.")
            spot.put(None)
            return
        match shape:
            case Leaf(type_):
                spot.put(_serialized(type_, value))
            case ListOf(item):
                if not is_iterable(value):
                    message = f"Expected Iterable, but did not find one for field '{field.parent}.{field.name}'."
                    raise GraphQLError(message)
                items: list[Any] = []
                spot.put(items)
                for index, each in enumerate(value):
                    items.append(None)
                    self._complete(field, item, each, _Spot(spot, items, index, required=item.required))
            case Object(selection):
                self._check_type(field, selection, value, spot)
                self._object(selection, value, spot)
            case OneOf():
                selection = self._recognised(field, shape, value, spot)
                self._check_type(field, selection, value, spot)
                self._object(selection, value, spot)

    def _check_type(self, field: Field, selection: Selection, row: Any, spot: _Spot) -> None:
        type_ = selection.type
        if type_.is_type_of is not None and not type_.is_type_of(row, self._info(field, spot)):
            raise GraphQLError(f"Expected value of type '{type_}' but got: {inspect(row)}.", field.nodes)

    def _recognised(self, field: Field, shape: OneOf, row: Any, spot: _Spot) -> Selection:
        type_ = shape.type
        resolve = type_.resolve_type or default_type_resolver
        name = resolve(row, self._info(field, spot), type_)
        if name is None:
            place = f"{field.parent}.{field.name}"
            raise GraphQLError(
                f"Abstract type '{type_}' must resolve to an Object type at runtime for field '{place}'."
                f" Either the '{type_}' type should provide a 'resolve_type' function"
                " or each possible type should provide an 'is_type_of' function.",
                field.nodes,
            )
        if name not in shape.selections:
            raise GraphQLError(f"Runtime Object type '{name}' is not a possible type for '{type_}'.", field.nodes)
        return shape.selections[name]  # type: ignore[index]

    def _info(self, field: Field, spot: _Spot) -> GraphQLResolveInfo[Any]:
        path: Path | None = None
        for key in spot.path():
            path = Path(path, key, None)
        return GraphQLResolveInfo(
            field.name,
            field.nodes,
            field.type,
            field.parent,
            path,  # type: ignore[arg-type]
            self._plan.schema,
            {},
            None,
            self._plan.operation,
            self._variables.values,
            self._context,
            is_awaitable,
            None,
            None,  # type: ignore[arg-type]  # helpers for an is_type_of that has to wait, which a plan does not cover
        )

    def _fail(self, field: Field, spot: _Spot, error: Exception) -> None:
        """Notes an error. Where null may not stand, what is above becomes null; one error is enough for that."""
        located = located_error(error, field.nodes, spot.path())
        while spot.required and spot.parent is not None:
            spot = spot.parent
        if not spot.is_gone():
            spot.null()
            self._errors.append(located)


def _serialized(type_: GraphQLLeafType, value: Any) -> Any:
    serialized = type_.coerce_output_value(value)
    if serialized is None or serialized is Undefined:
        raise TypeError(
            f"Expected `{inspect(type_)}.coerce_output_value({inspect(value)})` to return non-nullable value,"
            f" returned: {inspect(serialized)}"
        )
    return serialized
