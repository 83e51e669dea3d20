"""A query that takes too long is cut, and lets go of what it reads. A mutation is not."""

import asyncio
from typing import Any, NamedTuple

import pytest
import strawberry
from graphql import GraphQLError
from sqlalchemy import func, literal, select

from execution import operations
from execution.fields import edge, root
from execution.loaders import Loaders
from execution.operations import Operations, Request, Response
from models.database import Database, Gathering, Query

NUMBERS = 200_000
BOTH = pytest.mark.parametrize("plans", [True, False], ids=["plans", "core"])


class Number(NamedTuple):
    """One number."""

    n: int


def _counted(most: int) -> Query[Number]:
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < most))
    return Query(Number, select(func.count().label("n")).select_from(numbers))


slow, quick = _counted(NUMBERS), _counted(1)


class Desk:
    """A context that notes what began and what ended."""

    def __init__(self, database: Database | None = None) -> None:
        self.loaders = Loaders()
        self.began: list[str] = []
        self.ended: list[str] = []
        self.database = database and Gathering(database)

    def expect(self, functions: object) -> None:
        """Reads nothing ahead."""


def waits(name: str, *, seconds: float) -> Any:
    async def wait(desk: Desk, rows: list[Any]) -> list[Any]:
        desk.began.append(name)
        try:
            await asyncio.sleep(seconds)
        finally:
            desk.ended.append(name)
        return [1 for _ in rows]

    return wait


async def desk(desk: Desk) -> tuple[()]:
    return ()


async def counts(desk: Desk) -> int:
    assert desk.database is not None
    desk.began.append("counts")
    [row] = await desk.database.fetch(slow)
    desk.ended.append("counts")
    return row.n


async def gives_up(desk: Desk) -> int:
    raise TimeoutError


async def pays(desk: Desk) -> int:
    desk.began.append("pays")
    await asyncio.sleep(0.05)
    desk.ended.append("pays")
    return 1


@strawberry.type(description="A desk.")
class Drawer:
    is_type_of = lambda row, _: True  # noqa: E731
    one: int | None = edge(waits("one", seconds=600), "Comes late.")
    other: int | None = edge(waits("other", seconds=600), "Comes late too.")
    soon: int | None = edge(waits("soon", seconds=0), "Comes soon.")


@strawberry.type(description="What can be read.")
class Read:
    desk: Drawer = root(desk, "The desk.")
    counts: int | None = root(counts, "Counts in the database.")
    gives_up: int | None = root(gives_up, "Gives up by itself.")


@strawberry.type(description="What can be done.")
class Write:
    pays: int | None = root(pays, "Takes its time.")


SCHEMA = strawberry.Schema(Read, Write)._schema


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MAX_SECONDS", 0.02)


async def run(query: str, context: Desk, *, plans: bool) -> Response:
    return await Operations(SCHEMA, _coded, plans=plans).run(Request(query), context)


def _coded(error: GraphQLError) -> GraphQLError:
    return GraphQLError(error.message, extensions={"code": "ANY", **(error.extensions or {})})


def code(response: Response) -> Any:
    assert response.executed
    assert response.body["data"] is None
    [error] = response.body["errors"]
    assert "0.02 seconds" in error["message"]
    return error["extensions"]["code"]


@BOTH
@pytest.mark.usefixtures("hasty")
async def test_a_query_that_takes_too_long_is_cut_and_waits_for_nothing_more(plans: bool) -> None:
    context = Desk()
    assert code(await run("{ desk { soon one other } }", context, plans=plans)) == "OPERATION_TIMEOUT"
    assert sorted(context.began) == ["one", "other", "soon"]
    await asyncio.sleep(0)
    assert sorted(context.ended) == ["one", "other", "soon"]


@BOTH
@pytest.mark.usefixtures("hasty")
async def test_a_mutation_is_never_cut(plans: bool) -> None:
    context = Desk()
    response = await run("mutation { a: pays b: pays }", context, plans=plans)
    assert response.body == {"data": {"a": 1, "b": 1}}
    assert context.ended == ["pays", "pays"]


@BOTH
async def test_what_gives_up_by_itself_is_an_error_of_its_field(plans: bool) -> None:
    response = await run("{ givesUp }", Desk(), plans=plans)
    assert response.body["data"] == {"givesUp": None}
    assert [error["extensions"]["code"] for error in response.body["errors"]] == ["ANY"]


@BOTH
@pytest.mark.usefixtures("hasty")
async def test_the_database_answers_others_while_a_read_is_let_go(database: Database, plans: bool) -> None:
    context = Desk(database)
    assert code(await run("{ counts }", context, plans=plans)) == "OPERATION_TIMEOUT"
    assert (context.began, context.ended) == (["counts"], [])
    found = await asyncio.gather(*(database.first(quick) for _ in range(3)))
    assert found == [Number(1)] * 3
    assert await database.first(slow) == Number(NUMBERS)
