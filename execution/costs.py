"""What an operation costs: how many values its answer may have, known before anything runs.

A field counts once, be it an object or a leaf. A list counts as often as it has items: as `first` or `last` says at the
field of the list or of its connection, or as there are `ids`. Within a list this holds for each item, so lengths
multiply. Lists of which nobody can say the length are short, and count once. What `@skip` leaves out counts, and
so does each type that an interface can be: the answer may have fewer values than it costs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ValueNode,
    VariableNode,
)

PAGES = ("first", "last")
IDS = "ids"
DEFAULT_SIZE = 20
MAX_SIZE = 100
"""Sizes beyond this are refused by whoever reads the list."""
MAX_DIGITS = 9
"""Longer numbers in a document are not read: they are more than `MAX_SIZE` in any case."""


class Length(NamedTuple):
    """How long a list is: as the request's variables say, and if they say nothing, a known number."""

    known: int
    variables: tuple[str, ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The length in one request. Of `first` and `last`, of which only one may be given, the larger."""
        said = [_said(variables[name]) for name in self.variables if variables.get(name) is not None]
        return max(said) if said else self.known


class Cost(NamedTuple):
    """A number that is known, and parts that depend on variables: each a cost, times a length."""

    known: int = 0
    parts: tuple[tuple[Length, "Cost"], ...] = ()

    def of(self, variables: Mapping[str, Any]) -> int:
        """The cost in one request, by its coerced variables."""
        cost = self.known
        for length, part in self.parts:
            cost += length.of(variables) * part.of(variables)
        return cost

    def times(self, length: Length) -> "Cost":
        """This for each item of a list."""
        if length == ONE or self == FREE:
            return self
        if length.variables:
            return Cost(0, ((length, self),))
        parts = ((length, Cost(0, self.parts)),) if self.parts else ()
        return Cost(self.known * length.known, parts)

    def shared(self) -> "Cost":
        """The same in one part, for what is added in many places: sums of sums would grow without end."""
        return self if len(self.parts) < 2 else Cost(self.known, ((ONE, Cost(0, self.parts)),))


FREE = Cost()
VALUE = Cost(1)
ONE = Length(1)


def total(costs: Iterable[Cost]) -> Cost:
    """All of them together."""
    costs = list(costs)
    return Cost(sum(cost.known for cost in costs), tuple(part for cost in costs for part in cost.parts))


def is_list(field: GraphQLField) -> bool:
    """Whether a field's values are lists."""
    type_ = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(type_, GraphQLList)


def length_of(field: GraphQLField, node: FieldNode) -> Length | None:
    """The length that a document asks for at a field; None if the field has no argument that says one."""
    if IDS in field.args:
        names: tuple[str, ...] = (IDS,)
        otherwise = 0
    else:
        names = tuple(name for name in PAGES if name in field.args)
        otherwise = DEFAULT_SIZE
    if not names:
        return None
    values = [argument.value for argument in node.arguments or () if argument.name.value in names]
    variables = tuple(value.name.value for value in values if isinstance(value, VariableNode))
    literals = [_literal(value) for value in values if not isinstance(value, VariableNode | NullValueNode)]
    return Length(max(literals, default=otherwise), variables)


def _literal(value: ValueNode) -> int:
    match value:
        case IntValueNode():
            return _said(int(value.value)) if len(value.value) <= MAX_DIGITS else MAX_SIZE
        case ListValueNode():
            return _said(value.values)
        case _:
            return 1  # one value stands for a list of it


def _said(value: Any) -> int:
    size = value if isinstance(value, int) else len(value) if isinstance(value, list | tuple) else 1
    return min(max(size, 0), MAX_SIZE)
