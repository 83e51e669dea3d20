"""What clients are told of the schema: all of it, or nothing but the answers to what they ask; by both engines."""

from typing import Any

import pytest
from graphql import GraphQLError, get_introspection_query

from execution.documents import Telling
from execution.operations import Operations, Request, Response
from tests.execution.zoo import SCHEMA, Keeper

SILENT = Telling(introspection=False, suggestions=False)
ALMOST = ("{ animls { id } }", "{ __typename ...F } fragment F on Anmal { id }")
both_engines = pytest.mark.parametrize("plans", [True, False], ids=["plans", "core"])


async def answer(query: str, telling: Telling, variables: dict[str, Any] | None = None, *, plans: bool) -> Response:
    def shown(error: GraphQLError) -> GraphQLError:
        return error

    operations = Operations(SCHEMA, shown, plans=plans, telling=telling)
    return await operations.run(Request(query, variables), Keeper())


@both_engines
@pytest.mark.parametrize(
    "query", [get_introspection_query(), "{ __schema { types { name } } }", '{ a: __type(name: "Animal") { name } }']
)
async def test_the_schema_is_told_unless_that_is_switched_off(query: str, *, plans: bool) -> None:
    told = await answer(query, Telling(), plans=plans)
    assert told.executed
    assert "errors" not in told.body
    refused = await answer(query, Telling(introspection=False), plans=plans)
    assert not refused.executed
    assert {error["extensions"]["code"] for error in refused.body["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


@both_engines
async def test_what_type_an_object_is_of_is_always_told(*, plans: bool) -> None:
    told = await answer("{ __typename animals { __typename } }", SILENT, plans=plans)
    assert told.body["data"]["__typename"] == "Query"
    assert told.body["data"]["animals"]


@both_engines
@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ animls { id } }", None),
        ("{ animals { nme } }", None),
        ("{ animals(whch: null) { id } }", None),
        ("{ animals { ...F } } fragment F on Anmal { id }", None),
        ("query ($x: Fliter) { animals(which: $x) { id } }", None),
        ("{ animals(which: { die: MEAT }) { id } }", None),
        ("{ animals(which: { diet: MAET }) { id } }", None),
        ("{ animals @skip(iff: true, if: false) { id } }", None),
        ("query ($x: Filter) { animals(which: $x) { id } }", {"x": {"die": "MEAT"}}),
        ("query ($x: Filter) { animals(which: $x) { id } }", {"x": {"diet": "MAET"}}),
    ],
)
async def test_a_wrong_name_is_told_what_it_is_like_unless_that_is_switched_off(
    query: str, variables: dict[str, Any] | None, *, plans: bool
) -> None:
    told = await answer(query, Telling(), variables, plans=plans)
    assert "Did you mean" in str(told.body)
    silent = await answer(query, Telling(suggestions=False), variables, plans=plans)
    assert not silent.executed
    assert "Did you mean" not in str(silent.body)
    assert len(silent.body["errors"]) == len(told.body["errors"])


@both_engines
@pytest.mark.parametrize(
    "given", [{"diet": "MEAT", "sceret": "hunter2"}, {"die": "hunter2"}, [{"die": "hunter2"}], {"diet": ["hunter2"]}]
)
async def test_what_is_wrong_with_an_object_is_told_without_the_rest_of_it(given: Any, *, plans: bool) -> None:
    told = await answer("query ($x: Filter) { animals(which: $x) { id } }", Telling(), {"x": given}, plans=plans)
    assert not told.executed
    [error] = told.body["errors"]
    assert "hunter2" not in error["message"]
    assert error["message"].startswith("Variable '$x' has invalid value")
    assert error["message"].endswith(".")
    assert error["locations"] == [{"line": 1, "column": 8}]
