"""What an operation costs: as many values as its answer may have, told before anything runs."""

from typing import Annotated, Any

import pytest
import strawberry
from graphql import get_introspection_query

from execution.costs import DEFAULT_SIZE, MAX_SIZE
from execution.documents import Document, Operation, prepared
from execution.fields import computed, edge, root
from execution.limits import MAX_COST, TOO_EXPENSIVE, too_expensive
from execution.loaders import Loaders
from execution.operations import Operations, Request, Response
from resolvers import pagination
from schema import core_schema

First = Annotated[int | None, "How many from the start."]
Last = Annotated[int | None, "How many from the end."]
B = " fragment B on Books { nodes { title } }"
LAZY = strawberry.lazy("tests.execution.test_costs")


class Shelf:
    """A context that notes what was read."""

    def __init__(self) -> None:
        self.loaders = Loaders()
        self.reads = 0

    def expect(self, functions: object) -> None:
        """Reads nothing ahead."""


def pages(shelf: Shelf, rows: list[Any], *, first: First = None, last: Last = None) -> list[Any]:
    shelf.reads += 1
    return [range(first or 0) for _ in rows]


def library(shelf: Shelf) -> tuple[()]:
    shelf.reads += 1
    return ()


def some(shelf: Shelf, *, ids: Annotated[list[strawberry.ID], "Which."]) -> list[tuple[()]]:
    shelf.reads += 1
    return [() for _ in ids]


@strawberry.type(description="A page.")
class Books:
    nodes: list[Annotated["Book", LAZY]] = computed(lambda page: [() for _ in page], "What is on it.")
    count: int = computed(len, "How many there are.")


@strawberry.interface(description="What has pages.")
class Paper:
    title: str = computed(lambda row: "A", "What it is called.")
    refers_to: Books = edge(pages, "To what it refers.")
    words: list[str] = computed(lambda row: ["a", "b"], "What it says.")


@strawberry.type(description="A book.")
class Book(Paper):
    is_type_of = lambda row, _: True  # noqa: E731


@strawberry.type(description="Everything.")
class Query:
    library: Book = root(library, "The first book.")
    some: list[Book] = root(some, "Those with these ids.")


SCHEMA = strawberry.Schema(Query, types=[Book])._schema


def operation(query: str, name: str | None = None) -> Operation:
    document = prepared(SCHEMA, query)
    assert isinstance(document, Document), document
    found = document.operation(name)
    assert found is not None
    return found


def cost(query: str, **given: Any) -> int:
    found = operation(query)
    variables = found.signature.coerce(given)
    assert not isinstance(variables, list), variables
    return found.cost(variables)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ __typename }", 1),
        ("{ library { title } }", 2),
        ("{ library { title title: title words } }", 4),
        ("{ library { refersTo(first: 3) { nodes { title } count } } }", 1 + 1 + 3 * 2 + 1),
        ("{ library { refersTo(last: 3) { nodes { title words } } } }", 2 + 3 * 3),
        ("{ library { refersTo { nodes { title } } } }", 2 + DEFAULT_SIZE * 2),
        ("{ library { refersTo(first: null) { nodes { title } } } }", 2 + DEFAULT_SIZE * 2),
        ("{ library { refersTo(first: 0) { nodes { title } count } } }", 3),
        ("{ library { refersTo(first: -5) { nodes { title } } } }", 2),
        ("{ library { refersTo(first: 2000000000) { nodes { title } } } }", 2 + MAX_SIZE * 2),
        ("{ library { refersTo(first: 3, last: 5) { nodes { title } } } }", 2 + 5 * 2),
        (
            "{ library { refersTo(first: 3) { nodes { refersTo(first: 4) { nodes { title } } } } } }",
            2 + 3 * (2 + 4 * 2),
        ),
        ("{ library { refersTo(first: 3) { ... { ... on Books { nodes { title } } } } } }", 2 + 3 * 2),
        ("{ library { ...P } } fragment P on Paper { refersTo(first: 3) { ...B } }" + B, 2 + 3 * 2),
        ('{ some(ids: ["a", "b", "c"]) { title } }', 3 * 2),
        ('{ some(ids: "a") { title } }', 2),
        ("{ some(ids: []) { title } }", 0),
        ("{ library @skip(if: true) { title @include(if: false) } }", 2),
    ],
)
def test_sizes_multiply_what_is_listed(query: str, expected: int) -> None:
    assert cost(query) == expected
    assert operation(query).fixed_cost == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, 2 + DEFAULT_SIZE * (1 + 1 + 2 * 2)),
        ({"n": None}, 2 + DEFAULT_SIZE * (1 + 1 + 2 * 2)),
        ({"n": 0}, 2),
        ({"n": -1}, 2),
        ({"n": 5}, 2 + 5 * (1 + 1 + 2 * 2)),
        ({"n": 5, "m": 7}, 2 + 5 * (1 + 1 + 7 * 2)),
        ({"n": 5, "m": None}, 2 + 5 * (1 + 1 + DEFAULT_SIZE * 2)),
        ({"n": 1 << 30, "m": 1 << 30}, 2 + MAX_SIZE * (1 + 1 + MAX_SIZE * 2)),
    ],
)
def test_sizes_in_variables_count_as_they_are_given(given: dict[str, Any], expected: int) -> None:
    query = """query ($n: Int, $m: Int = 2) { library { refersTo(first: $n) { nodes { ...P } } } }
        fragment P on Paper { refersTo(last: $m) { nodes { title } } }"""
    assert operation(query).fixed_cost is None
    assert cost(query, **given) == expected


def test_ids_in_a_variable_count() -> None:
    query = "query ($ids: [ID!]!) { some(ids: $ids) { title } }"
    assert cost(query, ids=["a", "b"]) == 2 * 2
    assert cost(query, ids="a") == 2
    assert cost(query, ids=["a"] * 1_000) == MAX_SIZE * 2


def test_each_operation_of_a_document_has_its_own_cost() -> None:
    query = "query A { library { title } } query B { library { title words } }"
    assert (operation(query, "A").fixed_cost, operation(query, "B").fixed_cost) == (2, 3)


def test_fragments_count_wherever_they_are_spread() -> None:
    double = " ".join(f"fragment F{n} on Book {{ ...F{n + 1} ...F{n + 1} }}" for n in range(10))
    lists = "refersTo(first: $n) { nodes { title } } words"
    query = f"query ($n: Int) {{ library {{ ...F0 }} }} {double} fragment F10 on Book {{ {lists} }}"
    assert cost(query, n=3) == 1 + 2**10 * (1 + 3 * 2 + 1)


async def run(query: str, shelf: Shelf, *, plans: bool = True, show: bool = True, **given: Any) -> Response:
    request = Request(query, given, show_cost=show)
    return await Operations(SCHEMA, lambda error: error, plans=plans).run(request, shelf)


LIST = "refersTo(first: $n) {{ nodes {{ {} }} }}"
NESTED = f"query ($n: Int) {{ library {{ {LIST.format(LIST.format(LIST.format('title')))} }} }}"


@pytest.mark.parametrize("plans", [True, False], ids=["plans", "core"])
@pytest.mark.parametrize("query", [NESTED, NESTED.replace("first: $n", "first: 100").replace("($n: Int)", "")])
async def test_what_costs_too_much_is_refused_before_anything_runs(query: str, plans: bool) -> None:
    shelf = Shelf()
    response = await run(query, shelf, plans=plans, n=100)
    assert not response.executed
    [error] = response.body["errors"]
    expected = 2 + 100 * (2 + 100 * (2 + 100 * 2))
    assert error["extensions"] == {"code": TOO_EXPENSIVE, "cost": expected, "maximum": MAX_COST}
    assert shelf.reads == 0


@pytest.mark.parametrize("plans", [True, False], ids=["plans", "core"])
async def test_an_answer_shows_its_cost_to_whoever_asks(plans: bool) -> None:
    query = "query ($n: Int) { library { refersTo(first: $n) { nodes { title } } } }"
    shown = await run(query, Shelf(), plans=plans, n=2)
    assert shown.body["extensions"] == {"cost": {"requested": 6, "maximum": MAX_COST}}
    assert list(shown.body) == ["data", "extensions"]
    silent = await run(query, Shelf(), plans=plans, show=False, n=2)
    assert silent.body == {"data": shown.body["data"]}


def test_an_endless_cost_is_told_as_a_number_that_json_has() -> None:
    query = "{ library { " + "refersTo(first: 100) { nodes { " * 20 + "title" + " } }" * 20 + " } }"
    error = too_expensive(operation(query).fixed_cost or 0)
    assert error.extensions == {"code": TOO_EXPENSIVE, "cost": 10**15, "maximum": MAX_COST}


def test_costs_know_the_sizes_of_the_product_s_pages() -> None:
    assert (DEFAULT_SIZE, MAX_SIZE) == (pagination.DEFAULT_SIZE, pagination.MAX_SIZE)


def test_introspection_is_cheap() -> None:
    document = prepared(core_schema, get_introspection_query())
    assert isinstance(document, Document)
    found = document.operation(None)
    assert found is not None
    assert (found.fixed_cost or MAX_COST) < 1_000
