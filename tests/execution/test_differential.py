"""Compiled plans, the careful way and graphql-core answer the same, whatever is asked and whatever fails."""

from typing import Any

import pytest

from tests.execution.zoo import SCHEMA, Keeper
from tests.harness.engines import Engines

ALL = "id name diet described"
EDGES = "flag level bestOrNone { name }"

QUERIES = [
    "{ __typename }",
    "{ a: __typename b: __typename animals { __typename } }",
    f"{{ animal(id: 1) {{ {ALL} {EDGES} }} }}",
    # objects, lists, nulls
    "{ animal(id: 7) { id } pet(id: 7) { __typename } }",
    "{ animals { numbers holesOrNone } }",
    "{ animals { id noneColumn missing } }",
    "{ animal(id: 1) { friends { id } close { id } } }",
    # interfaces and unions
    "{ animal(id: 1) { ... on Cat { lives } ... on Fish { id } ... on Animal { name } } }",
    "{ animal(id: 2) { ... on Cat { id } ... on Fish { name } } again { animal(id: 3) { ... on Whale { depth } } } }",
    "{ pet(id: 1) { __typename ... on Cat { lives name } ... on Fish { name level } } }",
    "{ pet(id: 2) { ... on Animal { id } ...F ...F } } fragment F on Fish { name friends { name } }",
    "{ pet(id: 3) { __typename } }",
    "{ pet(id: 1) { ... on Fish { id } } }",
    "{ pets { __typename } }",
    "{ animal(id: 1) { stone { id } } }",
    "{ cats { name } }",
    # the same key in several places
    "{ animal(id: 1) { friends { id } ... on Animal { friends { id } } ...F } } fragment F on Cat { friends { flag } }",
    "{ a: animal(id: 1) { x: name y: name x: name } a: animal(id: 1) { z: id } }",
    "{ animal(id: 1) { flag f: flag itself { flag g: flag } friends { flag best { flag } } } }",
    "{ animals { friends(first: 1) { id } f: friends(first: 1) { name } g: friends(first: 2, skip: 1) { id } } }",
    "{ animal(id: 6) { friends { ... on Cat { lives flag } } } }",
    "{ againCats { flag level } }",
    "{ animal(id: 3) { friends { id friends { someFail } } } }",
    # deeper levels
    "{ animal(id: 1) { friends { friends { friends { flag } } } best { best { best { home { keeperName } } } } } }",
    "{ animal(id: 3) { zoo { animal(id: 1) { name flag } again { animals { level } } } } }",
    # what fails where null may stand
    "{ animals { raises wrong wrongList } nothingOrNone }",
    "{ animals { someFail allFail few bestOrNone { name } } }",
    "{ animalsOrNone { someFail levelRequired } }",
    "{ animals { bestOrNone { raisesRequired } } }",
    "{ animal(id: 1) { friends { level someFail } close { levelRequired } } }",
    "{ animals { friends(first: -1) { id } } }",
    "{ animal(id: 1) { close { someFailRequired } } b: animal(id: 3) { close { someFailRequired } } }",
    "{ animal(id: 1) { holesOrNone } b: animal(id: 2) { name holes } }",
    "{ animals { den { __typename } } }",
    "{ animals { huge } }",
    # and where it may not
    "{ animalsOrNone { raisesRequired } }",
    "{ animal(id: 4) { home { __typename } } }",
    "{ animal(id: 1) { close { best { noneRequired } } } }",
    "{ animals { raisesRequired } }",
    "{ animals { id allFailRequired } }",
    "{ animal(id: 1) { noneRequired } b: animal(id: 2) { name } }",
    "{ animalsOrNone { best { levelRequired } } }",
    "{ nothing animals { id } }",
    "{ animals { diet } }",
    "{ animal(id: 5) { home { name } } b: animal(id: 1) { home { name animal { name } } } }",
    "{ animal(id: 5) { home { keeperName } } }",
]

CONDITIONS = """query ($a: Boolean!, $b: Boolean! = true) {
    animal(id: 1) { id @skip(if: $a) name @include(if: $a) ...F @include(if: $b) ... @skip(if: $b) { diet } id }
} fragment F on Cat { lives name }"""
WITH_VARIABLES: list[tuple[str, dict[str, Any]]] = [
    ("query ($i: ID!) { animal(id: $i) { name } }", {"i": 1}),
    ("query ($i: ID!) { animal(id: $i) { name } }", {"i": "2"}),
    ("query ($i: ID!) { animal(id: $i) { name } }", {}),
    ("query ($i: ID!) { animal(id: $i) { name } }", {"i": None}),
    ("query ($i: ID!) { animal(id: $i) { name } }", {"i": 1.5, "other": 1}),
    ("query ($i: ID! = 3) { animal(id: $i) { name } }", {}),
    ("query ($n: Int) { animal(id: 1) { friends(first: $n) { id } } }", {"n": 1}),
    ("query ($n: Int) { animal(id: 1) { friends(first: $n) { id } } }", {"n": None}),
    ("query ($n: Int) { animal(id: 1) { friends(first: $n) { id } } }", {}),
    ("query ($n: Int) { animals { friends(first: $n) { id } } }", {"n": -1}),
    ("query ($n: Int! = 1) { animal(id: 3) { friends(skip: $n) { id } f: friends(skip: 1) { id } } }", {}),
    ("query ($n: Int = 1) { animal(id: 3) { friends(skip: $n) { id } } }", {"n": None}),
    (
        "query ($p: String) { animal(id: 1) { described(prefix: $p, loud: true) d: described(prefix: $p) } }",
        {"p": "x "},
    ),
    ("query ($l: Boolean = true) { animal(id: 1) { described(loud: $l) } }", {"l": None}),
    ("query ($w: Filter) { animals(which: $w) { name } }", {"w": {"diet": "PLANTS"}}),
    ("query ($w: Filter) { animals(which: $w) { name } }", {"w": {"names": "Tom"}}),
    ("query ($w: Filter) { animals(which: $w) { name } }", {"w": {"names": ["Tom", None]}}),
    ("query ($w: Filter) { animals(which: $w) { name } }", {"w": {"diet": "FRUIT", "other": 1, "names": [1]}}),
    ("query ($w: Filter) { animals(which: $w) { name } }", {"w": [{"diet": "PLANTS"}]}),
    ("query ($w: Filter) { echo(which: $w) }", {"w": {"either": {"either": {"weight": "1.5"}}, "weight": 2}}),
    ("query ($w: [Filter]) { echo(many: $w) }", {"w": {"diet": "MEAT"}}),
    ("query ($w: [Filter]) { echo(many: $w) }", {"w": [{}, None, {"weight": "x"}]}),
    (
        'query ($d: Diet!, $s: String) { echo(which: { diet: $d, names: [$s, "b"], either: { names: null } }) }',
        {"d": "PLANTS", "s": "a"},
    ),
    ("query ($d: Diet, $n: [String!]) { echo(which: { names: $n }, diets: $d) }", {"d": "PLANTS"}),
    ("query ($r: Float!, $t: String!) { echo(real: $r, text: $t) }", {"r": 1, "t": "\ud83d\udc08"}),
    ("query ($r: Float!, $n: Int) { echo(real: $r, number: $n) }", {"r": float("inf"), "n": 1 << 31}),
    ("query ($n: Int) { echo(number: $n) }", {"n": True}),
    ("query ($n: Int) { echo(number: $n) }", {"n": 2.0}),
    ("query ($n: [Diet!]) { echo(diets: $n) }", {"n": "MEAT"}),
    ("query ($n: [Diet!]) { echo(diets: $n) }", {"n": ["meat"]}),
    ("query ($b: Which!) { found(by: $b) { name } }", {"b": {"id": 1}}),
    ("query ($b: Which!) { found(by: $b) { name } }", {"b": {"name": "Moby"}}),
    ("query ($b: Which!) { found(by: $b) { name } }", {"b": {"id": 1, "name": "Moby"}}),
    ("query ($b: Which!) { found(by: $b) { name } }", {"b": {"id": None}}),
    ("query ($b: Which!) { found(by: $b) { name } }", {"b": {}}),
    ("query ($b: String!) { found(by: { name: $b }) { name } }", {"b": "Tom"}),
    # conditions
    (CONDITIONS, {"a": True}),
    (CONDITIONS, {"a": False}),
    (CONDITIONS, {"a": True, "b": False}),
    (CONDITIONS, {"a": False, "b": False}),
    ("query ($a: Boolean = true) { animal(id: 1) { id name @skip(if: $a) } }", {"a": None}),
    ("query ($a: Boolean = true) { animal(id: 1) @skip(if: $a) { id } __typename @include(if: false) }", {}),
]

MUTATIONS = [
    "mutation { count(by: 1) }",
    "mutation { a: count(by: 1) b: count(by: 1) c: countRequired(by: 1) }",
    "mutation { a: count(by: -1) b: count(by: 1) }",
    "mutation { a: count(by: 1) b: countRequired(by: -1) c: count(by: 1) }",
    "mutation { rename(id: 1) { name flag zoo { animals { flag } } } b: rename(id: 3) { someFail best { name } } }",
    "mutation { __typename rename(id: 1) { raisesRequired } b: rename(id: 3) { name } }",
]


@pytest.fixture
def engines() -> Engines:
    return Engines(SCHEMA, lambda error: error, Keeper)


@pytest.mark.parametrize("query", [*QUERIES, *MUTATIONS])
async def test_engines_agree(engines: Engines, query: str) -> None:
    await engines.agree(query, exactly=True)
    assert engines.planned == 1


@pytest.mark.parametrize(("query", "variables"), WITH_VARIABLES)
async def test_engines_agree_on_variables(engines: Engines, query: str, variables: dict[str, Any]) -> None:
    await engines.agree(query, variables, exactly=True)


@pytest.mark.parametrize(
    "query",
    [
        "{ __schema { queryType { name } } animal(id: 1) { name } }",
        '{ __type(name: "Cat") { fields { name } } }',
    ],
)
async def test_what_has_no_plan_runs_on_graphql_core(engines: Engines, query: str) -> None:
    answer = await engines.agree(query)
    assert "errors" not in answer
    assert engines.planned == 0
