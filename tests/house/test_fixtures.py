"""The fixtures that stories stand on."""

from typing import NamedTuple

from sqlalchemy import Integer, text

from models.database import Database, Query
from models.ids import new_id
from tests.conftest import Counted
from tests.harness.client import Client
from tests.harness.server import Server


class Nothing(NamedTuple):
    one: int


async def test_counts_statements_of_its_block_alone(database: Database, counted: Counted) -> None:
    nothing = Query(Nothing, text("SELECT 1 WHERE 1 = 0").columns(one=Integer()))
    await database.fetch(nothing)
    with counted() as count:
        await database.fetch(nothing)
        await database.fetch(nothing)
        assert count.statements == 2
    await database.fetch(nothing)
    assert count.statements == 2


def test_the_server_answers_on_the_tests_database(server: Server, client: Client) -> None:
    answer = client.run("query ($handle: String!) { user(handle: $handle) { id } }", {"handle": "nobody"})
    assert answer.data == {"user": None}
    assert client.run("{ nonsense }").codes == ["GRAPHQL_VALIDATION_FAILED"]
    assert server.stop() == 0


def test_a_visitor_of_the_shared_server_can_sign_in_with_a_token(visitor: Client) -> None:
    refused = visitor.run("{ viewer { user { id } } }", token=new_id().hex)
    assert (refused.status, refused.codes) == (401, ["UNAUTHENTICATED"])
    assert visitor.run("{ viewer { user { id } } }").data == {"viewer": None}
