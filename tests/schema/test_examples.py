"""GraphiQL's worked examples fit the schema."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import OperationDefinitionNode, get_variable_values, parse, validate

from execution.costs import MAX_SIZE
from execution.limits import MAX_COST, check_size
from schema import core_schema

EXAMPLES = sorted((Path(__file__).parents[2] / "web" / "examples").glob("*.graphql"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_and_its_variables_fit_the_schema(path: Path) -> None:
    document = parse(path.read_text())
    assert validate(core_schema, document) == []
    [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    assert operation.name
    variables = filled(json.loads(path.with_suffix("").with_suffix(".variables.json").read_text()))
    coerced: Any = get_variable_values(core_schema, operation.variable_definitions or (), variables)
    assert not isinstance(coerced, list), coerced
    assert set(variables) <= {node.variable.name.value for node in operation.variable_definitions or ()}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_costs_little_even_with_the_largest_pages(path: Path) -> None:
    [cost] = check_size(core_schema, parse(path.read_text())).values()
    assert cost.of(dict.fromkeys(("first", "last"), MAX_SIZE)) < MAX_COST / 10


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


def filled(value: Any) -> Any:
    """The variables as the page fills them in."""
    if isinstance(value, dict):
        return {name: filled(inner) for name, inner in value.items()}
    return {"$fresh": uuid4().hex, "$demoPost": f"post_{uuid4().hex}"}.get(value, value)
