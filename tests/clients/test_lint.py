"""The schema as graphql-eslint sees it; eslint.config.mjs says which rules do not fit, and why."""

from pathlib import Path

import pytest

from tests.harness import node

HOUSE = Path(__file__).parents[2]
CONFIG = node.CLIENTS / "eslint.config.mjs"
SCHEMA = "schema/schema.graphql"


def lint(folder: Path) -> str:
    """What ESLint says of the schema that lies in this folder. Fails the test when it finds a fault."""
    return node.run(node.tool("eslint"), "--config", CONFIG, "--max-warnings=0", SCHEMA, folder=folder)


def test_the_schema_follows_the_rules_for_schemas_and_relay() -> None:
    assert lint(HOUSE) == ""


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        ("tipCount: Int!", "tip_count: Int!", "naming-convention"),
        ("hasNextPage: Boolean!", "hasNextPage: Boolean", "relay-page-info"),
        ('"""What a tip would do, by the same rules; nothing is written."""\n', "", "require-description"),
    ],
)
def test_a_fault_in_the_schema_is_found(right: str, wrong: str, rule: str, tmp_path: Path) -> None:
    schema = (HOUSE / SCHEMA).read_text()
    assert right in schema
    (tmp_path / "schema").mkdir()
    (tmp_path / SCHEMA).write_text(schema.replace(right, wrong))
    with pytest.raises(AssertionError, match=rule):
        lint(tmp_path)
