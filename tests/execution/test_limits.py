"""What a document may ask for: large ones are refused by what they would become, in the time it takes to read them."""

import pytest
from graphql import FragmentDefinitionNode, GraphQLError, get_introspection_query, parse, validate

from execution.documents import Document, prepared
from execution.limits import (
    MAX_ALIASES,
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_DIRECTIVES,
    MAX_FIELDS,
    MAX_INTROSPECTION_FIELDS,
    MAX_ROOT_FIELDS,
    MAX_TOKENS,
    TOO_LARGE,
    OverlappingFields,
    Size,
    _Sizes,
    check_size,
)
from tests.execution.zoo import SCHEMA

SCHEMA_ASKED = "__schema { types { more } }"


def refusal(query: str) -> str:
    """Why a document is refused as too large."""
    found = prepared(SCHEMA, query)
    assert isinstance(found, list), "it is taken"
    [error] = found
    assert error.extensions == {"code": TOO_LARGE}, error
    return error.message


def is_taken(query: str) -> bool:
    return isinstance(prepared(SCHEMA, query), Document)


def size(query: str) -> Size:
    """The size of a document's first operation."""
    document = parse(query)
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    return _Sizes(SCHEMA, fragments).of(document.definitions[0].selection_set, None)  # type: ignore[attr-defined]


def doubling(body: str, times: int = 30) -> str:
    """Fragments of which each holds the next one twice."""
    return " ".join(f"fragment F{n} on Animal {{ {body.replace('F', f'F{n + 1}')} }}" for n in range(times))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ a }", (1, 1, 1, 0, 0)),
        ("{ a b { c x: d } }", (2, 2, 4, 1, 0)),
        ("{ ... { a ... { b { c } } } }", (2, 2, 3, 0, 0)),
        ("{ a { ...F } ...F } fragment F on T { x: b { y: c } }", (2, 3, 5, 4, 0)),
        ("{ ...F ...G } fragment F on T { ...G ...G } fragment G on T { a { b } }", (3, 2, 6, 0, 0)),
        ("{ a { ...Nowhere } }", (1, 1, 1, 0, 0)),
        ("{ a __schema { b { c } } d { ...F } } fragment F on T { __type { e f } }", (3, 3, 8, 0, 4)),
    ],
)
def test_a_fragment_counts_wherever_it_is_spread(query: str, expected: tuple[int, ...]) -> None:
    found = size(query)
    assert (found.width, found.depth, found.fields, found.aliases, found.introspection) == expected
    assert found.once.known == found.fields


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("{ " + "again { " * MAX_DEPTH + "__typename" + " }" * MAX_DEPTH + " }", "levels deep"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(MAX_ROOT_FIELDS + 1)) + " }", "root fields"),
        (f"{{ again {{ {' '.join(f'a{n}: __typename' for n in range(MAX_ALIASES + 1))} }} }}", "aliases"),
        (f"{{ again {{ {'__typename ' * MAX_FIELDS} }} }}", "fields"),
        ("{ " + " ".join(f"a{n}: __typename" for n in range(10_000)) + " }", "tokens"),
        ("{ " + "__typename " * MAX_TOKENS + "}" + "#\n" * 2_000, "tokens"),
        ("{ __typename }" + " " * MAX_CHARACTERS, "characters"),
        ("{ __typename " + "again { animals { id } } " * 500_000 + "}", "characters"),
        ("{ ...F0 } " + doubling("...F ...F") + " fragment F30 on Animal { id }", "root fields"),
        ("{ animals { ...F0 } } " + doubling("...F ...F") + " fragment F30 on Animal { id }", "fields"),
        (
            "{ animals { ...F0 } } " + doubling("a: best { ...F } b: best { ...F }") + " fragment F30 on Animal { id }",
            "al",
        ),
        ("{ __typename " + "@skip(if: false) " * (MAX_DIRECTIVES + 1) + "}", "directives"),
        ("{ again { ... " + "@nothing " * (MAX_DIRECTIVES + 1) + "{ __typename } } }", "directives"),
        ("{ ...F " + "@nothing " * (MAX_DIRECTIVES + 1) + "} fragment F on Query { __typename }", "directives"),
        ("{ again { " + SCHEMA_ASKED.replace("more", "name " * MAX_INTROSPECTION_FIELDS) + " } }", "of the schema"),
        (
            "{ " + " ".join(f"a{n}: {SCHEMA_ASKED}".replace("more", "name" + " name" * 3) for n in range(99)) + " }",
            "of the schema",
        ),
        ('{ __type(name: "Animal") { ...F ...F } } fragment F on __Type { ' + "name " * 151 + "}", "of the schema"),
        ("{ ...F0 } " + doubling("...F", 1_200) + " fragment F1200 on Animal { id }", "nested"),
    ],
)
def test_a_document_that_asks_for_too_much_is_refused(query: str, reason: str) -> None:
    assert reason in refusal(query)


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(
            specified_by_url=True, directive_is_repeatable=True, schema_description=True, input_value_deprecation=True
        ),
        "{ __typename @skip(if: false) @include(if: true) }",
        "{ " + "again { " * (MAX_DEPTH - 1) + "__typename" + " }" * (MAX_DEPTH - 1) + " }",
        "{ " + " ".join(f"a{n}: __typename" for n in range(MAX_ROOT_FIELDS)) + " }",
        '{ echo(text: "' + "{ a b c } " * 5_000 + '") }',
        '{ echo(text: """' + '\\""" a \\n ' * 5_000 + '""") }',
    ],
    ids=["GraphiQL's introspection", "directives", "depth", "root fields", "a long text", "a long block of text"],
)
def test_a_document_within_the_limits_is_taken(query: str) -> None:
    assert is_taken(query)


def test_a_fragment_that_spreads_itself_is_left_to_validation() -> None:
    query = "{ animals { ...F } } fragment F on Animal { id ...F }"
    check_size(SCHEMA, parse(query))
    found = prepared(SCHEMA, query)
    assert isinstance(found, list)
    assert "itself" in found[0].message


@pytest.mark.parametrize(
    "query",
    [
        "{ again { " + "animal(id: 1) { best { id } } " * 600 + "} }",
        f"{{ animal(id: 1) {{ {' '.join(f'...F{n}' for n in range(200))} }} }}"
        + " ".join(f" fragment F{n} on Animal {{ best {{ id name }} }}" for n in range(200)),
    ],
    ids=["one field many times", "fragments beside each other"],
)
def test_comparing_fields_with_each_other_comes_to_an_end(query: str) -> None:
    [error] = validate(SCHEMA, parse(query), [OverlappingFields])
    assert isinstance(error, GraphQLError)
    assert error.message == "Validation aborted."
