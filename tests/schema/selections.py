"""Selections that are made from the schema, so that a new field is in them without being asked."""

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from schema import core_schema

NODE = core_schema.type_map["Node"]


def everything(name: str, depth: int) -> str:
    """A selection of every field of a type; of what has an id of its own, no more than `depth` levels.

    A connection's nodes are selected once, not below its edges again.
    """
    return _selection(core_schema.type_map[name], depth)


def _selection(kind: GraphQLNamedType, depth: int, known: frozenset[str] = frozenset()) -> str:
    assert isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
    fields = {} if isinstance(kind, GraphQLUnionType) else kind.fields
    words = ["__typename"]
    for name, field in fields.items():
        if kind.name.endswith("Edge") and name == "node":
            continue
        if name not in known and not any(map(is_required_argument, field.args.values())):
            words += _field(name, field, depth)
    if not isinstance(kind, GraphQLObjectType):
        for member in core_schema.get_possible_types(kind):
            words.append(f"... on {member.name} {_selection(member, depth, known | frozenset(fields))}")
    return "{ " + " ".join(words) + " }"


def _field(name: str, field: GraphQLField, depth: int) -> list[str]:
    kind = get_named_type(field.type)
    if is_leaf_type(kind):
        return [name]
    deeper = depth - 1 if _has_id(kind) else depth
    if deeper < 0 or (deeper == 0 and kind.name.endswith("Connection")):
        return []
    return [f"{name} {_selection(kind, deeper)}"]


def _has_id(kind: GraphQLNamedType) -> bool:
    return kind is NODE or (isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and NODE in kind.interfaces)
