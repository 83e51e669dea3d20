"""TypeScript that graphql-codegen writes for the documents of README and GraphiQL: tsc finds no fault in it."""

import json
import shutil
from pathlib import Path

import pytest

from tests.harness import node
from tests.stories.test_readme import CURLS, DOCUMENTS, Curl

HOUSE = Path(__file__).parents[2]
SCHEMA = HOUSE / "schema" / "schema.graphql"
EXAMPLES = HOUSE / "web" / "examples"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder with the operations that we show to people."""
    folder = tmp_path / "documents"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns("*.json"))
    shown = [json.loads(Curl(example.text).data)["query"] for example in CURLS]
    for number, text in enumerate(shown + [example.text for example in DOCUMENTS]):
        (folder / f"readme-{number}.graphql").write_text(text)
    return folder


def test_an_app_with_generated_types_is_right(documents: Path, tmp_path: Path) -> None:
    app = shutil.copytree(node.CLIENTS / "typescript", tmp_path / "app")
    (app / "node_modules").symlink_to(node.PACKAGES)
    node.run(node.CLIENTS / "codegen.mjs", SCHEMA, documents, app)
    assert "export type TipMutation = " in (app / "operations.ts").read_text()
    assert node.run(node.tool("tsc"), "--project", app) == ""
