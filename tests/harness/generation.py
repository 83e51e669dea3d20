"""Operations that are generated from a schema, as many as one likes, the same for the same seed."""

from collections.abc import Mapping
from random import Random
from typing import Any

import hypothesis
import hypothesis_graphql
from graphql import GraphQLSchema
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from tests.harness.twists import Fill, Variables, twisted

AT_ONCE = 200


def generated(
    schema: GraphQLSchema,
    count: int,
    seed: int,
    *,
    mutations: bool = False,
    scalars: Mapping[str, st.SearchStrategy[Any]] | None = None,
    fill: Fill | None = None,
) -> list[tuple[str, Variables]]:
    """Different operations with their variables: queries, or mutations."""
    random = Random(seed)
    texts = written(schema, count, random.getrandbits(32), mutations=mutations, scalars=scalars)
    return [twisted(schema, text, random, fill) for text in texts]


def written(
    schema: GraphQLSchema,
    count: int,
    seed: int,
    *,
    mutations: bool = False,
    scalars: Mapping[str, st.SearchStrategy[Any]] | None = None,
    fields: list[str] | None = None,
) -> list[str]:
    """Different operations without variables, as they come: there are twenty or so in a second.

    They have some of these fields of the root, or of all.
    """
    strategy = hypothesis_graphql.mutations if mutations else hypothesis_graphql.queries
    made: dict[str, None] = {}
    random = Random(seed)

    @hypothesis.settings(
        max_examples=min(AT_ONCE, count + count // 3),
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(strategy(schema, fields=fields, custom_scalars=dict(scalars or {})))
    def gather(query: str) -> None:
        if len(made) < count:
            made[query] = None

    while len(made) < count:
        hypothesis.seed(random.getrandbits(32))(gather)()
    return list(made)
