"""The schema against what is agreed with its clients, which stands in agreed.graphql: no promise is broken."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    ast_from_value,
    build_schema,
    is_introspection_type,
    is_required_argument,
    is_required_input_field,
    is_specified_scalar_type,
    print_ast,
)

from schema import core_schema, sdl

HERE = Path(__file__).parent
COMMITTED = HERE.parents[1] / "schema" / "schema.graphql"
AGREED = build_schema((HERE / "agreed.graphql").read_text())

NOT_BUILT_YET = {
    "Notification",
    "NotificationConnection",
    "NotificationEdge",
    "SearchConnection",
    "SearchEdge",
    "SearchResult",
    "Subscription",
    "Upload",
    "FeedKind.FOR_YOU",
    "FeedKind.TOP_TIPPED",
    "Payment.expiresAt",
    "Query.search",
    "TransferStatus.PENDING_ACCEPT",
    "UserErrorCode.EXPIRED",
    "UserErrorCode.STALE",
    "Viewer.notifications",
}
"""What is agreed and has an issue of its own. A line leaves this list when it is built, and none ever comes back."""


KINDS = {
    "type": GraphQLObjectType,
    "interface": GraphQLInterfaceType,
    "union": GraphQLUnionType,
    "enum": GraphQLEnumType,
    "input": GraphQLInputObjectType,
    "scalar": GraphQLScalarType,
}


class Element(NamedTuple):
    """One thing in a schema: what it promises, and what the documentation says of it."""

    promise: str
    description: str | None


def types_of(schema: GraphQLSchema) -> Iterator[GraphQLNamedType]:
    for kind in schema.type_map.values():
        if not is_introspection_type(kind) and not is_specified_scalar_type(kind):
            yield kind


def elements_of(schema: GraphQLSchema) -> dict[str, Element]:
    found: dict[str, Element] = {}
    for kind in types_of(schema):
        found[kind.name] = Element(_promise_of_type(kind), kind.description)
        found.update({f"{kind.name}{place}": element for place, element in _parts_of(kind)})
    return found


def _parts_of(kind: GraphQLNamedType) -> Iterator[tuple[str, Element]]:
    match kind:
        case GraphQLEnumType():
            for name, value in kind.values.items():
                yield f".{name}", Element("value", value.description)
        case GraphQLUnionType():
            for member in kind.types:
                yield f"|{member.name}", Element("member", member.description)
        case GraphQLInputObjectType():
            for name, given in kind.fields.items():
                yield f".{name}", Element(_promise_of_input(given), given.description)
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, field in kind.fields.items():
                yield f".{name}", Element(str(field.type), field.description)
                for argument, taken in field.args.items():
                    yield f".{name}({argument}:)", Element(_promise_of_input(taken), taken.description)


def _promise_of_type(kind: GraphQLNamedType) -> str:
    words = [next(word for word, meant in KINDS.items() if isinstance(kind, meant))]
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        words += sorted(interface.name for interface in kind.interfaces)
    if isinstance(kind, GraphQLInputObjectType) and kind.is_one_of:
        words.append("@oneOf")
    return " ".join(words)


def _promise_of_input(given: GraphQLArgument | GraphQLInputField) -> str:
    default = _default_of(given)
    return str(given.type) if default is None else f"{given.type} = {default}"


def _default_of(given: GraphQLArgument | GraphQLInputField) -> str | None:
    if given.default is not None and given.default.literal is not None:
        return print_ast(given.default.literal)
    value = given.default_value if given.default is None else given.default.value
    if value is Undefined:
        return None
    ast = ast_from_value(value, given.type)
    return None if ast is None else print_ast(ast)


def type_of(place: str) -> str:
    return place.partition(".")[0].partition("|")[0]


def surroundings(place: str) -> list[str]:
    """The type and the field within which something stands."""
    return [around for around in (type_of(place), place.partition("(")[0]) if around != place]


OURS, THEIRS = elements_of(core_schema), elements_of(AGREED)


def test_what_is_built_keeps_its_promise() -> None:
    both = THEIRS.keys() & OURS.keys()
    assert {place: OURS[place].promise for place in both} == {place: THEIRS[place].promise for place in both}


def test_all_that_is_agreed_is_built_or_known_to_be_missing() -> None:
    missing = THEIRS.keys() - OURS.keys()
    assert {place for place in missing if not missing & set(surroundings(place))} == NOT_BUILT_YET


def test_agreed_enumerations_and_unions_have_no_member_that_clients_do_not_know() -> None:
    more = {place for place in OURS.keys() - THEIRS.keys() if type_of(place) in THEIRS}
    closed = GraphQLEnumType | GraphQLUnionType
    assert {place for place in more if isinstance(core_schema.type_map[type_of(place)], closed)} == set()


def test_nothing_is_demanded_that_is_not_agreed() -> None:
    demanded = set()
    for kind in types_of(core_schema):
        if kind.name not in THEIRS:
            continue
        if isinstance(kind, GraphQLInputObjectType):
            demanded |= {f"{kind.name}.{name}" for name, given in kind.fields.items() if is_required_input_field(given)}
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            demanded |= {
                f"{kind.name}.{name}({argument}:)"
                for name, field in kind.fields.items()
                for argument, given in field.args.items()
                # What a field demands that clients do not know yet harms none of them.
                if is_required_argument(given) and f"{kind.name}.{name}" in THEIRS
            }
    assert demanded - THEIRS.keys() == set()


def test_everything_is_described_in_sentences() -> None:
    wrong = [
        place
        for place, element in OURS.items()
        if not element.description or not re.fullmatch(r"[A-Z0-9](.|\n)*[^ ][.\"]", element.description)
    ]
    assert wrong == []


def test_the_schema_itself_is_described() -> None:
    assert core_schema.description


def test_the_committed_schema_is_that_of_the_code() -> None:
    assert COMMITTED.read_text() == sdl(), "Run: make schema"


def test_the_committed_schema_builds_the_same_schema() -> None:
    assert elements_of(build_schema(COMMITTED.read_text())) == OURS
