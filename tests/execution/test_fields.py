"""Fields over rows, on a toy schema: what is read how often, and what the schema says of it."""

import asyncio
from collections.abc import Hashable
from typing import Annotated, Any, NamedTuple

import pytest
import strawberry
from graphql import GraphQLSchema, graphql

from execution.fields import BATCH, COMPUTE, ROOT, computed, edge, root
from execution.loaders import Loaders, key_of


class AuthorRow(NamedTuple):
    id: int
    name: str


class BookRow(NamedTuple):
    id: int
    author_id: int
    title: str


AUTHORS = {1: AuthorRow(1, "Le Guin"), 2: AuthorRow(2, "Lem")}
BOOKS = [
    BookRow(1, 1, "The Dispossessed"),
    BookRow(2, 2, "Solaris"),
    BookRow(3, 1, "The Lathe of Heaven"),
    BookRow(4, 2, "The Cyberiad"),
]


class Shelf:
    """A context that notes what its batch functions were asked."""

    def __init__(self) -> None:
        self.loaders = Loaders()
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def expect(self, functions: object) -> None:
        """Reads nothing ahead."""

    def note(self, name: str, parents: list[Any], **arguments: Any) -> None:
        self.calls.append((name, tuple(parents), arguments))

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


async def authors_of(shelf: Shelf, books: list[BookRow]) -> list[AuthorRow]:
    shelf.note("authors", books)
    return [AUTHORS[book.author_id] for book in books]


async def books_of(
    shelf: Shelf,
    authors: list[AuthorRow],
    *,
    first: Annotated[int | None, "How many."] = None,
    skip: Annotated[int, "How many to leave out before."] = 0,
) -> list[list[BookRow]]:
    shelf.note("books", authors, first=first, skip=skip)
    return [[book for book in BOOKS if book.author_id == author.id][skip:][:first] for author in authors]


async def fall_over(shelf: Shelf, books: list[BookRow]) -> list[str]:
    shelf.note("fall_over", books)
    raise LookupError("the shelf fell over")


async def too_few(shelf: Shelf, books: list[BookRow]) -> list[str]:
    return ["only one"]


async def all_books(shelf: Shelf, *, by: Annotated[str | None, "Whose."] = None) -> list[BookRow]:
    shelf.note("all", [by])
    return [book for book in BOOKS if by is None or AUTHORS[book.author_id].name == by]


async def given_arguments(shelf: Shelf, *, by: Annotated[str | None, "Whose."] = None, **rest: Any) -> str:
    shelf.note("given", [by])
    return "null" if by is None else by


def shouted(book: BookRow, *, times: Annotated[int, "How loud."] = 1) -> str:
    return book.title.upper() + "!" * times


@strawberry.type(description="An author.")
class Author:
    name: str = strawberry.field(description="The name.")
    books: list["Book"] = edge(books_of, "What they wrote.")


@strawberry.type(description="A book.")
class Book:
    title: str = strawberry.field(description="The title.")
    shout: str = computed(shouted, "The title, loud.")
    author: Author = edge(authors_of, "Who wrote it.")
    lost: str | None = edge(fall_over, "Never there, and no harm.")
    few: str | None = edge(too_few, "One value for all.")


@strawberry.type(description="All that can be read.")
class Query:
    books: list[Book] = root(all_books, "The books.")
    given: str = root(given_arguments, "What was given.")


core: GraphQLSchema = strawberry.Schema(Query)._schema


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


async def ask(shelf: Shelf, query: str) -> dict[str, Any]:
    result = await graphql(core, query, context_value=shelf)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


async def test_a_column_is_the_attribute_of_its_row(shelf: Shelf) -> None:
    data = await ask(shelf, "{ books { title } }")
    assert [book["title"] for book in data["books"]] == [book.title for book in BOOKS]


async def test_a_computed_field_is_a_function_of_its_row_and_arguments(shelf: Shelf) -> None:
    data = await ask(shelf, '{ books(by: "Lem") { shout loud: shout(times: 3) } }')
    assert data["books"][0] == {"shout": "SOLARIS!", "loud": "SOLARIS!!!"}


async def test_an_edge_is_one_call_for_each_level_however_many_rows(shelf: Shelf) -> None:
    await ask(shelf, "{ books { author { books { title } } } }")
    assert shelf.names() == ["all", "authors", "books"]


async def test_what_one_level_has_read_of_a_row_no_other_level_reads_again(shelf: Shelf) -> None:
    data = await ask(shelf, "{ books { author { books { author { name } } } } }")
    assert data["books"][1]["author"]["books"][0]["author"]["name"] == "Lem"
    assert shelf.names() == ["all", "authors", "books"]


async def test_the_same_edge_of_one_level_on_two_paths_is_one_call(shelf: Shelf) -> None:
    data = await ask(shelf, "{ a: books { author { name } } b: books { author { name } } }")
    assert data["a"] == data["b"]
    assert shelf.names() == ["all", "all", "authors"]


async def test_a_parent_asked_about_twice_is_looked_up_once(shelf: Shelf) -> None:
    await ask(shelf, "{ books { a: author { name books { title } } b: author { name } } }")
    [(_, books, _), (_, authors, _)] = [call for call in shelf.calls if call[0] != "all"]
    assert books == tuple(BOOKS)
    assert sorted(authors) == sorted(AUTHORS.values())  # four books, but two authors


async def test_one_who_waits_no_longer_takes_the_value_from_nobody(shelf: Shelf) -> None:
    async def author() -> Any:
        return await shelf.loaders.load(authors_of, shelf, BOOKS[1], {})

    tasks = [asyncio.create_task(author()) for _ in range(2)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # as graphql-core does where an error has made null of what is above
    assert await tasks[1] == AUTHORS[2]
    assert tasks[0].cancelled()


async def test_values_come_back_to_their_own_rows(shelf: Shelf) -> None:
    data = await ask(shelf, "{ books { title author { name books { title } } } }")
    for book, row in zip(data["books"], BOOKS, strict=True):
        author = AUTHORS[row.author_id]
        assert book["author"]["name"] == author.name
        assert [other["title"] for other in book["author"]["books"]] == [
            other.title for other in BOOKS if other.author_id == author.id
        ]


async def test_other_arguments_are_another_call(shelf: Shelf) -> None:
    data = await ask(shelf, "{ books { author { one: books(first: 1) { title } all: books { title } } } }")
    assert len(data["books"][0]["author"]["one"]) == 1
    assert len(data["books"][0]["author"]["all"]) == 2
    assert [arguments for name, _, arguments in shelf.calls if name == "books"] == [
        {"first": 1, "skip": 0},
        {"first": None, "skip": 0},
    ]


async def test_the_order_of_arguments_and_spelled_out_defaults_make_no_other_call(shelf: Shelf) -> None:
    await ask(
        shelf,
        "{ books { author { a: books(first: 1, skip: 0) { title } b: books(skip: 0, first: 1) { title }"
        " c: books(first: 1) { title } } } }",
    )
    assert shelf.names().count("books") == 1


def test_json_objects_and_lists_tell_calls_apart() -> None:
    def key(value: Any) -> Hashable:
        return key_of(books_of, {"value": value})

    assert len({key(value) for value in ({}, {"a": 1}, {"a": 2}, {"a": {"a": 1}}, {"a": [1]}, [{"a": 1}])}) == 6
    assert key({"a": [{"b": 1}]}) == key({"a": [{"b": 1}]})


async def test_after_forget_everything_is_looked_up_anew(shelf: Shelf) -> None:
    await ask(shelf, "{ books { author { name } } }")
    await ask(shelf, "{ books { author { name } } }")
    assert shelf.names().count("authors") == 1
    shelf.loaders.forget()
    await ask(shelf, "{ books { author { name } } }")
    assert shelf.names().count("authors") == 2


async def test_a_batch_that_fails_fails_each_of_its_fields_and_no_other(shelf: Shelf) -> None:
    result = await graphql(core, "{ books { title lost author { name } } }", context_value=shelf)
    assert result.data is not None
    assert [book["lost"] for book in result.data["books"]] == [None] * len(BOOKS)
    assert all(book["author"]["name"] for book in result.data["books"])
    assert result.errors is not None
    assert [error.path for error in result.errors] == [["books", n, "lost"] for n in range(len(BOOKS))]
    assert all(isinstance(error.original_error, LookupError) for error in result.errors)
    assert shelf.names().count("fall_over") == 1


async def test_a_batch_with_too_few_values_is_an_error_not_another_rows_value(shelf: Shelf) -> None:
    result = await graphql(core, "{ books { few } }", context_value=shelf)
    assert result.data == {"books": [{"few": None}] * len(BOOKS)}
    assert result.errors is not None
    assert len(result.errors) == len(BOOKS)


async def test_an_argument_that_is_left_out_takes_the_functions_default(shelf: Shelf) -> None:
    assert await ask(shelf, "{ given }") == {"given": "null"}
    assert await ask(shelf, "{ given(by: null) }") == {"given": "null"}
    assert await ask(shelf, '{ given(by: "Lem") }') == {"given": "Lem"}


def test_arguments_stand_in_the_schema_with_type_default_and_description() -> None:
    arguments = core.type_map["Author"].fields["books"].args  # type: ignore[attr-defined]
    described = {name: (str(argument.type), argument.description) for name, argument in arguments.items()}
    assert described == {"first": ("Int", "How many."), "skip": ("Int!", "How many to leave out before.")}
    assert "first: Int\n" in str(strawberry.Schema(Query)), "None means not given: it is no default in the schema"
    assert "skip: Int! = 0" in str(strawberry.Schema(Query))


@pytest.mark.parametrize(
    ("type_name", "field", "kind", "function"),
    [
        ("Book", "author", BATCH, authors_of),
        ("Author", "books", BATCH, books_of),
        ("Book", "shout", COMPUTE, shouted),
        ("Query", "books", ROOT, all_books),
    ],
)
def test_a_planner_finds_the_function_behind_a_field(type_name: str, field: str, kind: str, function: Any) -> None:
    definition = core.type_map[type_name].fields[field].extensions["strawberry-definition"]  # type: ignore[attr-defined]
    assert definition.metadata == {kind: function}
