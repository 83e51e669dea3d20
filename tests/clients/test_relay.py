"""Relay: its compiler accepts the schema, and what it makes of an app's documents does what Relay expects."""

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from graphql import OperationDefinitionNode, parse

from server.trusted import trusted_documents
from tests.harness import node
from tests.harness.client import Client
from tests.stories.people import Person

SCHEMA = Path(__file__).parents[2] / "schema" / "schema.graphql"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The operations that relay-compiler writes for the app in relay/, by their names.

    Its file of persisted operations is one of trusted documents: each text stands by its SHA-256 hash.
    """
    app = shutil.copytree(node.CLIENTS / "relay", tmp_path_factory.mktemp("relay"), dirs_exist_ok=True)
    shutil.copy(SCHEMA, app)
    (app / "__generated__").mkdir()
    (app / "operations.json").write_text("{}")
    node.run(node.tool("relay-compiler"), "relay.config.json", folder=app)
    return {_name_of(text): text for text in trusted_documents(app / "operations.json").values()}


def _name_of(text: str) -> str:
    [name] = [one.name for one in parse(text).definitions if isinstance(one, OperationDefinitionNode)]
    assert name
    return name.value


def test_the_compiler_accepts_the_schema(compiled: dict[str, str]) -> None:
    assert compiled.keys() == {
        "feedPageQuery",
        "feedQuery",
        "postCardQuery",
        "postRemoveMutation",
        "postRepliesQuery",
        "postReplyMutation",
        "postTipMutation",
    }


def test_a_connection_goes_on_where_its_page_ends(compiled: dict[str, str], visitor: Client) -> None:
    ada = Person(visitor, "ada")
    texts = ["one", "two", "three"]
    for text in texts:
        ada.posts(text)
    pages: list[Any] = []
    for _ in texts:
        after = pages[-1]["pageInfo"]["endCursor"] if pages else None
        pages.append(ada.ask(compiled["feedPageQuery"], kind="FOLLOWING", first=1, after=after).data["feed"])
    edges = [edge for page in pages for edge in page["edges"]]
    assert [edge["node"]["text"] for edge in edges] == texts[::-1]
    assert [page["pageInfo"]["hasNextPage"] for page in pages] == [True, True, False]


def test_a_post_is_read_again_by_its_id_alone(compiled: dict[str, str], visitor: Client) -> None:
    ada, ben = Person(visitor, "ada"), Person(visitor, "ben")
    post = ben.posts("Spring!")
    reply = {"text": "At last.", "replyToId": post}
    ada.ask(compiled["postReplyMutation"], input=reply)
    card = ada.ask(compiled["postCardQuery"], id=post).data["node"]
    assert (card["__typename"], card["id"], card["text"]) == ("Post", post, "Spring!")
    replies = ada.ask(compiled["postRepliesQuery"], id=post).data["node"]["replies"]
    assert [edge["node"]["text"] for edge in replies["edges"]] == ["At last."]


def test_a_mutation_answers_with_the_records_that_it_changed(compiled: dict[str, str], visitor: Client) -> None:
    ada, ben = Person(visitor, "ada"), Person(visitor, "ben")
    ada.tops_up("20.00")
    post = ben.posts("Spring!")
    given = {"postId": post, "amount": {"amount": "2.50"}, "idempotencyKey": uuid4().hex}
    payload = ada.ask(compiled["postTipMutation"], input=given).data["tipPost"]
    assert payload["userErrors"] == []
    assert (payload["post"]["id"], payload["post"]["tipTotal"]) == (post, {"formatted": "$2.50"})
    assert payload["wallet"]["id"]
    assert payload["wallet"]["balance"]["available"] == {"formatted": "$17.50"}
    removed = ben.ask(compiled["postRemoveMutation"], input={"id": post}).data["deletePost"]
    assert removed == {"deletedId": post}
