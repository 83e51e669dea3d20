"""What an operation will do, worked out before it runs: the fields of each object, and where their values come from.

A plan says nothing of rows or requests. It holds for one operation of one document, and for one set of answers to its
`@skip` and `@include`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from graphql import (
    FieldNode,
    GraphQLAbstractType,
    GraphQLLeafType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.field import StrawberryField

from execution.coercion import Arguments
from execution.fields import BATCH, COMPUTE, ROOT

MAX_FIELDS = 5_000
"""How many fields a plan may have. A field below an interface counts once for each type that it can be."""

TYPENAME = "__typename"


class NotCoveredError(Exception):
    """A plan cannot do what this operation asks. graphql-core runs it."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known beforehand: the name of a type."""

    value: str


@dataclass(frozen=True, slots=True)
class Column:
    """An attribute of the row."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Computed:
    """A function of the row: `(row, **arguments) -> value`."""

    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """A function of all rows of a level: `(context, rows, **arguments) -> values`, or an awaitable of them."""

    function: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Root:
    """A function without a row: `(context, **arguments) -> value`, or an awaitable of it."""

    function: Callable[..., Any]


Source = Constant | Column | Computed | Batch | Root


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar or an enumeration's value."""

    type: GraphQLLeafType
    required: bool


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values."""

    item: "Shape"
    required: bool


@dataclass(frozen=True, slots=True)
class Object:
    """An object of one type."""

    selection: "Selection"
    required: bool


@dataclass(frozen=True, slots=True)
class OneOf:
    """An object of an interface or a union: a selection for each type that it can be, by the type's name."""

    type: GraphQLAbstractType
    selections: Mapping[str, "Selection"]
    required: bool


Shape = Leaf | ListOf | Object | OneOf
"""What a value becomes. `required`: null in its place is an error."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One key of an object in the answer."""

    key: str
    name: str
    parent: GraphQLObjectType
    nodes: list[FieldNode]
    """Where the document asks for it; several places are one field."""
    type: GraphQLOutputType
    source: Source
    arguments: Arguments | None
    shape: Shape

    @property
    def is_edge(self) -> bool:
        """Whether its value is read for all rows of a level together, after the level."""
        return isinstance(self.source, Batch | Root)


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The fields of an object of one type, in the order of the answer."""

    type: GraphQLObjectType
    fields: tuple[Field, ...]

    @property
    def edges(self) -> tuple[Field, ...]:
        """The fields that are edges."""
        return tuple(field for field in self.fields if field.is_edge)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Selections of the root type that run one after another: a query has one, a mutation one for each field."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    parts: tuple[Selection, ...]


def plan(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: dict[str, FragmentDetails],
    conditions: Mapping[str, bool],
) -> Plan:
    """The plan of a valid operation; `conditions` are the variables on which @skip and @include depend.

    Raises NotCoveredError.
    """
    root = schema.get_root_type(operation.operation)
    if operation.operation is OperationType.SUBSCRIPTION or operation.directives or root is None:
        raise NotCoveredError("Subscriptions and directives on an operation are rare.")
    selection = _Planner(schema, operation, fragments, conditions).root(root)
    if operation.operation is OperationType.QUERY:
        return Plan(schema, operation, (selection,))
    return Plan(schema, operation, tuple(Selection(root, (field,)) for field in selection.fields))


class _Planner:
    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDetails],
        conditions: Mapping[str, bool],
    ) -> None:
        self._schema = schema
        self._operation = operation
        self._fragments = fragments
        self._variables = VariableValues({}, dict(conditions))
        self._left = MAX_FIELDS

    def root(self, type_: GraphQLObjectType) -> Selection:
        collected = collect_fields(self._schema, self._fragments, self._variables, type_, self._operation)
        return self._selection(type_, collected.grouped_field_set)

    def _selection(self, type_: GraphQLObjectType, grouped: Mapping[str, list[FieldDetails]]) -> Selection:
        self._left -= len(grouped)
        if self._left < 0:
            raise NotCoveredError(f"The operation has more than {MAX_FIELDS} fields.")
        return Selection(type_, tuple(self._field(type_, key, details) for key, details in grouped.items()))

    def _field(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Field:
        nodes = [detail.node for detail in details]
        name = nodes[0].name.value
        definition = self._schema.get_field(parent, name)
        assert definition is not None, "a valid document asks for fields that there are"
        if name == TYPENAME:
            source: Source = Constant(parent.name)
            arguments = None
        else:
            source = _source(definition.extensions.get("strawberry-definition"), name)
            arguments = Arguments(self._schema, definition, nodes[0]) or None
        shape = self._shape(definition.type, details)
        return Field(key, name, parent, nodes, definition.type, source, arguments, shape)

    def _shape(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> Shape:
        required = isinstance(type_, GraphQLNonNull)
        inner: Any = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
        if isinstance(inner, GraphQLList):
            return ListOf(self._shape(inner.of_type, details), required)
        if is_leaf_type(inner):
            return Leaf(inner, required)
        if is_object_type(inner):
            return Object(self._below(inner, details), required)
        assert is_abstract_type(inner), "there are no other types of output"
        possible = self._schema.get_possible_types(inner)
        if not all(_tells_rows(own) for own in possible) or _decides_itself(inner):
            raise NotCoveredError(f"{inner} is told by something else than is_type_of.")
        return OneOf(inner, {own.name: self._below(own, details) for own in possible}, required)

    def _below(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Selection:
        if iscoroutinefunction(type_.is_type_of):
            raise NotCoveredError(f"{type_} takes its time to recognise a row.")
        collected = collect_subfields(self._schema, self._fragments, self._variables, self._operation, type_, details)
        return self._selection(type_, collected.grouped_field_set)


def _source(definition: StrawberryField | None, name: str) -> Source:
    if definition is None:
        raise NotCoveredError(f"{name} is not a field that we have made.")  # introspection
    if definition.extensions or definition.permission_classes:
        raise NotCoveredError(f"{name} has extensions of Strawberry's.")
    for key, kind in _KINDS.items():
        if key in definition.metadata:
            return kind(definition.metadata[key])
    if definition.base_resolver or definition.default_resolver is not getattr:
        raise NotCoveredError(f"{name} has a resolver of its own.")
    return Column(definition.python_name)


def _tells_rows(type_: GraphQLObjectType) -> bool:
    """Whether a type has an `is_type_of` that is not of Strawberry's making, for its own instances."""
    return type_.extensions["strawberry-definition"].is_type_of is not None


def _decides_itself(type_: GraphQLAbstractType) -> bool:
    return getattr(type_.extensions["strawberry-definition"], "resolve_type", None) is not None


_KINDS: dict[str, Callable[[Any], Source]] = {COMPUTE: Computed, BATCH: Batch, ROOT: Root}
