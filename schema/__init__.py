"""What a client sees: types, inputs, errors and root fields. A field's body is one line."""

import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    lexicographic_sort_schema,
    print_schema,
)
from strawberry.schema.config import StrawberryConfig

from schema import enums as enums  # its import describes the enumerations
from schema.context import OperationContext
from schema.funding import BankAccount, DebitCard
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.transfers import Payment, RailTransfer, Refund, Tip

__all__ = ["OperationContext", "breaking_changes", "core_schema", "sdl"]

_schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    types=[Tip, Payment, Refund, RailTransfer, DebitCard, BankAccount],
    config=StrawberryConfig(scalar_map=SCALARS),
)

core_schema: GraphQLSchema = _schema._schema
for _type in core_schema.type_map.values():
    if isinstance(_type, GraphQLInputObjectType):  # Strawberry checks one-of inputs itself and does not tell GraphQL
        _type.is_one_of = _type.extensions["strawberry-definition"].is_one_of
core_schema.description = (
    "A social feed in which any post can be tipped, and the wallet behind it. "
    "Sign in with `Authorization: Bearer`, or by the cookie that `signIn` sets."
)


def sdl() -> str:
    """The schema in GraphQL's schema definition language, sorted."""
    return print_schema(lexicographic_sort_schema(core_schema)) + "\n"


def breaking_changes(since: str) -> list[str]:
    """What clients of an earlier schema, given as SDL, would break on. Raises GraphQLError if it is none."""
    return [change.description for change in find_breaking_changes(build_schema(since), build_schema(sdl()))]
