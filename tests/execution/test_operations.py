"""Operations, on a toy schema: what is refused before anything runs, what runs, and what leaves of an error."""

from collections.abc import Callable
from typing import Annotated, Any

import pytest
import strawberry
from graphql import GraphQLError

from execution import documents, operations
from execution.fields import root
from execution.limits import MAX_CHARACTERS, MAX_TOKENS, TOO_LARGE
from execution.loaders import Loaders
from execution.operations import Operations, ReadOnlyError, Request, Response


class Bell:
    """A context that notes how often it was rung."""

    def __init__(self) -> None:
        self.loaders = Loaders()
        self.rings = 0

    def expect(self, functions: object) -> None:
        """Reads nothing ahead."""


class JammedError(Exception):
    """Its text is for nobody."""


class PoliteError(Exception):
    """Its extensions are for everybody."""

    extensions = {"code": "POLITE"}  # noqa: RUF012 - it stands in for the resolvers' errors


async def echo(bell: Bell, *, word: Annotated[str, "Anything."] = "hello", times: Annotated[int, "Any."] = 1) -> str:
    bell.rings += 1
    return word * times


async def jam(bell: Bell) -> str:
    raise JammedError("password=hunter2")


async def decline(bell: Bell) -> str:
    raise PoliteError("No, thank you.")


async def ring(bell: Bell) -> int:
    bell.rings += 1
    return bell.rings


async def itself(bell: Bell) -> tuple[()]:
    return ()


@strawberry.type(description="What can be read.")
class Query:
    echo: str = root(echo, "Says it again.")
    jammed: str | None = root(jam, "Fails.")
    stuck: str = root(jam, "Fails, and takes everything with it.")
    polite: str | None = root(decline, "Fails politely.")
    nest: Annotated["Query", strawberry.lazy("tests.execution.test_operations")] = root(itself, "The same again.")


@strawberry.type(description="What can be changed.")
class Mutation:
    ring: int = root(ring, "Rings.")


CORE = strawberry.Schema(Query, Mutation)._schema


def shown(error: GraphQLError) -> GraphQLError:
    return error


@pytest.fixture
def bell() -> Bell:
    return Bell()


async def run(
    bell: Bell, query: str, *, present: Callable[[GraphQLError], GraphQLError] = shown, **rest: Any
) -> Response:
    return await Operations(CORE, present).run(Request(query, **rest), bell)


def codes(response: Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.body["errors"]]


def is_refused(response: Response, code: str) -> bool:
    return not response.executed and "data" not in response.body and set(codes(response)) == {code}


async def test_a_query_is_answered(bell: Bell) -> None:
    response = await run(bell, "query ($w: String!) { echo(word: $w) }", variables={"w": "tip"})
    assert response == Response({"data": {"echo": "tip"}}, executed=True)


async def test_a_mutation_is_run_once(bell: Bell) -> None:
    response = await run(bell, "mutation { ring }")
    assert response.body == {"data": {"ring": 1}}
    assert bell.rings == 1


async def test_mutations_of_one_document_run_in_their_order(bell: Bell) -> None:
    response = await run(bell, "mutation { a: ring b: ring c: ring }")
    assert response.body == {"data": {"a": 1, "b": 2, "c": 3}}


@pytest.mark.parametrize(
    "query",
    [
        "",
        " ",
        "#",
        "{",
        "{ echo",
        "}",
        "{ echo( }",
        "query query query",
        "\x00",
        "{ echo }\x00",
        '{ echo(word: "\ud800") ',
        '{ echo(word: "unterminated) }',
        "{ echo } }",
        "\ufeff",
    ],
)
async def test_what_is_not_graphql_is_refused_as_such(bell: Bell, query: str) -> None:
    assert is_refused(await run(bell, query), "GRAPHQL_PARSE_FAILED")


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{ echo { of } }",
        "{ nest }",
        "{ echo(word: 1) }",
        "{ echo(words: 1) }",
        "{ echo(times: 1.5) }",
        "{ echo(times: 2147483648) }",
        "query ($w: Nothing) { echo(word: $w) }",
        "query ($w: String) { echo }",
        "{ echo(word: $w) }",
        "{ ...nowhere }",
        "fragment F on Query { echo }",
        "{ ...F } fragment F on Query { ...F }",
        "query A { echo } query A { echo }",
        "{ echo } query A { echo }",
        "{ echo @nothing }",
        "subscription { echo }",
        "type Query { echo: String }",
    ],
)
async def test_what_does_not_fit_the_schema_is_refused_as_such(bell: Bell, query: str) -> None:
    assert is_refused(await run(bell, query), "GRAPHQL_VALIDATION_FAILED")
    assert bell.rings == 0


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"w": None},
        {"w": 1},
        {"w": ["a"]},
        {"w": {"a": 1}},
        {"w": "a", "n": "1"},
        {"w": "a", "n": 1.5},
        {"w": "a", "n": 1 << 31},
    ],
)
async def test_variables_of_another_type_are_refused_before_anything_runs(
    bell: Bell, variables: dict[str, Any]
) -> None:
    query = "query ($w: String!, $n: Int! = 1) { echo(word: $w, times: $n) }"
    assert is_refused(await run(bell, query, variables=variables), "BAD_USER_INPUT")
    assert bell.rings == 0


async def test_variables_that_nobody_asked_for_do_no_harm(bell: Bell) -> None:
    assert (await run(bell, "{ echo }", variables={"other": 1})).body == {"data": {"echo": "hello"}}


async def test_the_named_one_of_several_operations_is_run(bell: Bell) -> None:
    query = 'query A { echo(word: "a") } query B { echo(word: "b") }'
    assert (await run(bell, query, operation_name="B")).body == {"data": {"echo": "b"}}


@pytest.mark.parametrize("name", [None, "C", "", "a"])
async def test_which_of_several_operations_must_be_said(bell: Bell, name: str | None) -> None:
    query = "query A { echo } query B { echo }"
    assert is_refused(await run(bell, query, operation_name=name), "BAD_USER_INPUT")
    assert bell.rings == 0


async def test_an_operation_of_another_name_is_not_run_even_if_it_is_the_only_one(bell: Bell) -> None:
    assert is_refused(await run(bell, "query A { echo }", operation_name="B"), "BAD_USER_INPUT")
    assert bell.rings == 0


async def test_a_read_only_request_runs_no_mutation(bell: Bell) -> None:
    with pytest.raises(ReadOnlyError):
        await run(bell, "mutation { ring }", read_only=True)
    assert bell.rings == 0


async def test_a_read_only_request_runs_a_query_that_has_a_mutation_beside_it(bell: Bell) -> None:
    query = "query Q { echo } mutation M { ring }"
    assert (await run(bell, query, operation_name="Q", read_only=True)).body == {"data": {"echo": "hello"}}
    with pytest.raises(ReadOnlyError):
        await run(bell, query, operation_name="M", read_only=True)


async def test_each_error_is_presented_and_the_rest_is_answered(bell: Bell) -> None:
    seen: list[Exception | None] = []

    def masked(error: GraphQLError) -> GraphQLError:
        seen.append(error.original_error)
        return GraphQLError("masked", path=error.path, extensions={"code": "INTERNAL"})

    response = await run(bell, "{ echo jammed again: jammed }", present=masked)
    assert response.executed
    assert response.body["data"] == {"echo": "hello", "jammed": None, "again": None}
    assert [error["message"] for error in response.body["errors"]] == ["masked", "masked"]
    assert sorted(error["path"] for error in response.body["errors"]) == [["again"], ["jammed"]]
    assert [type(error) for error in seen] == [JammedError, JammedError]
    assert "hunter2" not in str(response.body)


async def test_an_error_that_takes_all_data_with_it_was_still_executed(bell: Bell) -> None:
    response = await run(bell, "{ stuck }")
    assert response.executed
    assert response.body["data"] is None


async def test_an_exceptions_extensions_reach_the_client(bell: Bell) -> None:
    response = await run(bell, "{ polite }")
    assert codes(response) == ["POLITE"]
    assert response.body["errors"][0]["message"] == "No, thank you."


@pytest.mark.parametrize("query", ["{", "{ nothing }", "query ($w: String!) { echo(word: $w) }"])
async def test_errors_from_before_the_run_are_presented_too(bell: Bell, query: str) -> None:
    def renamed(error: GraphQLError) -> GraphQLError:
        return GraphQLError("presented", extensions=error.extensions)

    response = await run(bell, query, present=renamed)
    assert [error["message"] for error in response.body["errors"]] == ["presented"]


class Preparations:
    """Counts how often a document is parsed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        prepare = documents.prepared

        def counting(*given: Any) -> Any:
            self.count += 1
            return prepare(*given)

        monkeypatch.setattr(operations, "prepared", counting)


async def test_a_document_is_prepared_once(bell: Bell, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = Preparations(monkeypatch)
    running = Operations(CORE, shown)
    for word in ("a", "b"):
        request = Request("query ($w: String!) { echo(word: $w) }", {"w": word})
        assert (await running.run(request, bell)).body == {"data": {"echo": word}}
    assert prepared.count == 1


async def test_a_document_that_is_refused_is_prepared_once_and_refused_each_time(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = Preparations(monkeypatch)
    running = Operations(CORE, shown)
    first, second = [await running.run(Request("{ nothing }"), bell) for _ in range(2)]
    assert first == second
    assert is_refused(second, "GRAPHQL_VALIDATION_FAILED")
    assert prepared.count == 1


async def test_no_more_documents_are_kept_than_the_bound_and_those_used_last_stay(
    bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MAX_DOCUMENTS", 3)
    prepared = Preparations(monkeypatch)
    running = Operations(CORE, shown)

    async def ask(name: str) -> bool:
        """Whether the document had to be prepared."""
        before = prepared.count
        await running.run(Request(f"query {name} {{ echo }}"), bell)
        return prepared.count > before

    assert [await ask(name) for name in "ABC"] == [True, True, True]
    assert not await ask("A")
    assert await ask("D")  # B was used longest ago, and goes
    assert not await ask("A")
    assert not await ask("C")
    assert await ask("B")
    assert len(running._documents._values) == 3


async def test_a_document_that_is_too_long_is_refused_and_not_kept(bell: Bell) -> None:
    running = Operations(CORE, shown)
    response = await running.run(Request("{ echo }" + " " * MAX_CHARACTERS), bell)
    assert is_refused(response, TOO_LARGE)
    assert not running._documents._values


@pytest.mark.parametrize(
    "query",
    [
        "{ " + "echo " * MAX_TOKENS + "}",
        "{ nest " * 3_000 + "}" * 3_000,
        "{ echo(word: " + "[" * 5_000 + "]" * 5_000 + ") }",
        "{ echo " + "#\n" * 5_000 + "}",
    ],
    ids=["tokens", "depth", "lists", "comments"],
)
async def test_a_document_made_to_tire_the_parser_is_refused(bell: Bell, query: str) -> None:
    response = await run(bell, query)
    assert is_refused(response, "GRAPHQL_PARSE_FAILED") or is_refused(response, TOO_LARGE)


@pytest.mark.parametrize("depth", [10, 50, 100, 150, 200, 300, 400])
async def test_a_deep_document_is_answered_or_refused_never_a_crash(bell: Bell, depth: int) -> None:
    query = "{ nest " * depth + "{ echo }" + "}" * depth
    response = await run(bell, query)
    if response.executed:
        assert "errors" not in response.body
        assert bell.rings == 1
    else:
        assert is_refused(response, "GRAPHQL_PARSE_FAILED") or is_refused(response, TOO_LARGE)


async def test_many_mistakes_are_not_all_listed(bell: Bell) -> None:
    response = await run(bell, "{ nest { " + " ".join(f"wrong{n}" for n in range(500)) + " } }")
    assert is_refused(response, "GRAPHQL_VALIDATION_FAILED")
    assert len(response.body["errors"]) <= 21
