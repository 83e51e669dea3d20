"""Values from outside, made into what functions are given: coercers that are put together once and then only called.

They take what is right and nothing else. Whatever they decline goes through graphql-core and Strawberry once more,
which know how to say what is wrong with it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from graphql import (
    FieldNode,
    GraphQLBoolean,
    GraphQLError,
    GraphQLField,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    ValueNode,
    VariableNode,
    is_required_argument,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, get_argument_values, get_variable_values
from graphql.language import visit
from graphql.language.visitor import Visitor
from graphql.utilities.coerce_input_value import coerce_default_value, coerce_input_literal
from strawberry import UNSET
from strawberry.relay.types import GlobalID
from strawberry.scalars import is_scalar
from strawberry.types.arguments import convert_argument, convert_arguments
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional, has_object_definition
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType

MAX_ERRORS = 50
_WHOLE = re.compile(r"(,? [Ff]ound)?: [\[{].*$", re.DOTALL)

Coerce = Callable[[Any], Any]
MIN_INT, MAX_INT = -(1 << 31), (1 << 31) - 1


class CoercionError(Exception):
    """A value was declined here. What is wrong with it, graphql-core tells."""


class Variables:
    """One request's variables, coerced."""

    __slots__ = ("_given", "_signature", "_values", "coerced")

    def __init__(self, signature: "Signature", given: Mapping[str, Any], coerced: dict[str, Any]) -> None:
        self.coerced = coerced
        self._signature = signature
        self._given = given
        self._values: VariableValues | None = None

    @property
    def values(self) -> VariableValues:
        """The same as graphql-core has them."""
        if self._values is None:
            values = self._signature.values(self._given)
            assert isinstance(values, VariableValues), "what has been coerced once can be coerced again"
            self._values = values
        return self._values


class Signature:
    """The variables that an operation declares."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode, *, suggestions: bool = True) -> None:
        self._schema = schema
        self._suggestions = suggestions
        self._definitions = operation.variable_definitions or ()
        self._slots = [self._slot(node) for node in self._definitions]

    def coerce(self, given: Mapping[str, Any]) -> Variables | list[GraphQLError]:
        """The variables of a request, or what is wrong with them."""
        try:
            return Variables(self, given, self._coerced(given))
        except (CoercionError, RecursionError):
            values = self.values(given)
        return values if isinstance(values, list) else Variables(self, given, values.coerced)

    def values(self, given: Mapping[str, Any]) -> VariableValues | list[GraphQLError]:
        """The variables of a request by graphql-core."""
        values = get_variable_values(
            self._schema, self._definitions, dict(given), MAX_ERRORS, hide_suggestions=not self._suggestions
        )
        return [_discreet(error) for error in values] if isinstance(values, list) else values

    def _slot(self, node: Any) -> tuple[str, Coerce, Any, bool]:
        signature = get_variable_signature(self._schema, node)
        assert not isinstance(signature, GraphQLError), "a valid operation's variables have input types"
        default = Undefined if signature.default is None else coerce_default_value(signature)
        return signature.name, coercer(signature.type), default, isinstance(signature.type, GraphQLNonNull)

    def _coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        coerced = {}
        for name, coerce, default, required in self._slots:
            if name in given:
                coerced[name] = coerce(given[name])
            elif default is not Undefined:
                coerced[name] = default
            elif required:
                raise CoercionError
        return coerced


class Arguments:
    """The arguments of one field: what it is given of constants and of variables."""

    def __init__(self, schema: GraphQLSchema, definition: GraphQLField, node: FieldNode) -> None:
        self._definition = definition
        self._node = node
        self._strawberry = schema.extensions["strawberry-definition"]
        self._field: StrawberryField = definition.extensions["strawberry-definition"]
        self._variable = {
            name: argument.value
            for argument in node.arguments or ()
            if _has_variables(argument.value) and (name := argument.name.value)
        }
        self.constant = not self._variable
        """Whether they are the same in every request."""
        self.constants = self._of_constants()
        """Those that are the same in every request, defaults included."""
        self._slots = [self._slot(name, value) for name, value in self._variable.items()]

    def __bool__(self) -> bool:
        """Whether the function may be given any."""
        return bool(self.constants or self._slots)

    def of(self, variables: Variables) -> dict[str, Any]:
        """The arguments in one request. Raises CoercionError for what `checked` tells more about."""
        if self.constant:
            return self.constants
        values = dict(self.constants)
        for python_name, read in self._slots:
            value = read(variables)
            if value is not Undefined and value is not UNSET:
                values[python_name] = value
        return values

    def checked(self, variables: Variables) -> dict[str, Any]:
        """The arguments in one request, by graphql-core and Strawberry. Raises GraphQLError."""
        values = get_argument_values(self._definition, self._node, variables.values)
        return self._converted(values)

    def _converted(self, values: dict[str, Any]) -> dict[str, Any]:
        registry = self._strawberry.schema_converter.scalar_registry
        converted = convert_arguments(values, self._field.arguments, registry, self._strawberry.config)
        return {name: value for name, value in converted.items() if value is not UNSET}

    def _of_constants(self) -> dict[str, Any]:
        constant = FieldNode(
            name=self._node.name,
            arguments=tuple(node for node in self._node.arguments or () if node.name.value not in self._variable),
        )
        others = {name: arg for name, arg in self._definition.args.items() if name not in self._variable}
        values = get_argument_values(GraphQLField(self._definition.type, args=others), constant)
        return self._converted(values)

    def _slot(self, name: str, node: ValueNode) -> tuple[str, Callable[[Variables], Any]]:
        argument = self._definition.args[name]
        own = argument.extensions["strawberry-definition"]
        registry, config = self._strawberry.schema_converter.scalar_registry, self._strawberry.config
        convert = converter(own.type, registry, config)
        default = coerce_default_value(argument)
        required, nullable = is_required_argument(argument), not isinstance(argument.type, GraphQLNonNull)

        def of_variable(variables: Variables) -> Any:
            value = variables.coerced.get(variable, Undefined)
            if value is Undefined:
                if required:
                    raise CoercionError
                value = default
                if value is Undefined:
                    return Undefined
            if value is None and not nullable:
                raise CoercionError
            return convert(value)

        def of_literal(variables: Variables) -> Any:
            value = coerce_input_literal(node, argument.type, variables.values)
            if value is Undefined:
                raise CoercionError
            return convert(value)

        if isinstance(node, VariableNode):
            variable = node.name.value
            return own.python_name, of_variable
        return own.python_name, of_literal


def _discreet(error: GraphQLError) -> GraphQLError:
    """The error without a whole object or list that was given: beside what is wrong, a password may be in it."""
    return GraphQLError(_WHOLE.sub(".", error.message), error.nodes)


def _has_variables(node: ValueNode) -> bool:
    found = False

    class Find(Visitor):
        def enter_variable(self, *_: Any) -> None:
            nonlocal found
            found = True

    visit(node, Find())
    return found


# What JSON holds, made into what graphql-core gives to a resolver


def coercer(type_: GraphQLInputType) -> Coerce:
    """What makes JSON into a value of this type, or raises CoercionError."""
    return _coercer(type_, frozenset())


def _coercer(type_: GraphQLInputType, within: frozenset[str]) -> Coerce:
    if isinstance(type_, GraphQLNonNull):
        return _not_null(_coercer(type_.of_type, within))
    if isinstance(type_, GraphQLList):
        return _nullable(_list_of(_coercer(type_.of_type, within)))
    if isinstance(type_, GraphQLInputObjectType):
        # A type that holds itself would be put together for ever.
        known = type_.name in within
        return _decline if known else _nullable(_object_of(type_, within | {type_.name}))
    return _nullable(_LEAVES.get(type_.name) or _leaf_of(type_))


def _decline(_: Any) -> Any:
    raise CoercionError


def _not_null(coerce: Coerce) -> Coerce:
    def not_null(value: Any) -> Any:
        if value is None:
            raise CoercionError
        return coerce(value)

    return not_null


def _nullable(coerce: Coerce) -> Coerce:
    return lambda value: None if value is None else coerce(value)


def _list_of(coerce: Coerce) -> Coerce:
    # One value stands for a list of it.
    return lambda value: [coerce(item) for item in value] if isinstance(value, list) else [coerce(value)]


def _object_of(type_: GraphQLInputObjectType, within: frozenset[str]) -> Coerce:
    slots = [
        (
            name,
            field.out_name or name,
            _coercer(field.type, within),
            coerce_default_value(field),
            is_required_input_field(field),
        )
        for name, field in type_.fields.items()
    ]
    names = set(type_.fields)

    def of_object(value: Any) -> Any:
        if not isinstance(value, dict) or not value.keys() <= names:
            raise CoercionError
        if type_.is_one_of and (len(value) != 1 or None in value.values()):
            raise CoercionError
        fields = {}
        for name, out_name, coerce, default, required in slots:
            if name in value:
                fields[out_name] = coerce(value[name])
            elif default is not Undefined:
                fields[out_name] = default
            elif required:
                raise CoercionError
        return type_.out_type(fields)

    return of_object


def _leaf_of(type_: Any) -> Coerce:
    def leaf(value: Any) -> Any:
        try:
            coerced = type_.coerce_input_value(value)
        except Exception:  # noqa: BLE001 - a scalar may raise what it likes
            raise CoercionError from None
        if coerced is Undefined:
            raise CoercionError
        return coerced

    return leaf


def _exactly(kind: type, other: Coerce) -> Coerce:
    return lambda value: value if value.__class__ is kind else other(value)


def _int(value: Any) -> Any:
    return value if value.__class__ is int and MIN_INT <= value <= MAX_INT else _other_int(value)


_other_int = _leaf_of(GraphQLInt)
_LEAVES: dict[str, Coerce] = {
    "String": _exactly(str, _leaf_of(GraphQLString)),
    "ID": _exactly(str, _leaf_of(GraphQLID)),
    "Boolean": _exactly(bool, _leaf_of(GraphQLBoolean)),
    "Int": _int,
}


# What graphql-core gives to a resolver, made into what Strawberry gives to a function


def converter(type_: Any, registry: Any, config: Any) -> Coerce:
    """What makes a coerced value into the Python value of a Strawberry type, as `convert_argument` does."""
    if isinstance(type_, LazyType):
        return converter(type_.resolve_type(), registry, config)
    if isinstance(type_, StrawberryOptional) and not isinstance(type_, StrawberryMaybe):
        return converter(type_.of_type, registry, config)
    if type_ is not GlobalID and (isinstance(type_, StrawberryEnumDefinition) or is_scalar(type_, registry)):
        return _same
    if isinstance(type_, StrawberryList):
        return _each(converter(type_.of_type, registry, config))
    if _is_plain_input(type_):
        return _instance_of(type_, registry, config)
    return lambda value: convert_argument(value, type_, registry, config)


def _same(value: Any) -> Any:
    return value


def _each(convert: Coerce) -> Coerce:
    def each(value: Any) -> Any:
        return None if value is None else [convert(item) for item in value]

    return each


def _is_plain_input(type_: Any) -> bool:
    if not has_object_definition(type_):
        return False
    definition = type_.__strawberry_definition__
    return definition.is_input and definition.from_input is None


def _instance_of(type_: Any, registry: Any, config: Any) -> Coerce:
    # Fields are looked at when the first value comes: a type may hold itself.
    slots: list[tuple[str, str, Coerce]] = []
    missing: dict[str, None] = {}

    def prepare() -> None:
        definition = type_.__strawberry_definition__
        for field in definition.fields:
            convert = converter(field.resolve_type(type_definition=definition), registry, config)
            slots.append((config.name_converter.from_field(field), field.python_name, convert))
            if field.default_value is MISSING and field.default_factory is MISSING:
                missing[field.python_name] = None

    def instance(value: Any) -> Any:
        if value is None or value is UNSET:
            return value
        if not slots:
            prepare()
        given = {python_name: convert(value[name]) for name, python_name, convert in slots if name in value}
        return type_(**{**missing, **given})

    return instance
