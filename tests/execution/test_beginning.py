"""What is below a value that is at hand begins with it, and a query says beforehand what its edges will ask for."""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
import strawberry

from execution.fields import edge, root
from execution.loaders import Loaders
from execution.operations import Operations, Request

BOTH = pytest.mark.parametrize("plans", [True, False], ids=["plans", "core"])


class OwlRow(NamedTuple):
    """An owl, which has many friends."""

    n: int


class Wood:
    """A context in which somebody calls and somebody hears it."""

    def __init__(self) -> None:
        self.loaders = Loaders()
        self.called = asyncio.Event()
        self.expected: frozenset[Callable[..., Any]] = frozenset()
        self.read: list[list[int]] = []

    def expect(self, functions: frozenset[Callable[..., Any]]) -> None:
        """Notes the functions."""
        self.expected = functions


async def hears(wood: Wood) -> str:
    await wood.called.wait()
    return "whoo"


def owl(wood: Wood) -> OwlRow:
    return OwlRow(1)


async def calls(wood: Wood, owls: list[OwlRow]) -> list[int]:
    await asyncio.sleep(0)
    wood.called.set()
    return [owl.n for owl in owls]


async def friends_of(wood: Wood, owls: list[OwlRow]) -> list[OwlRow]:
    await asyncio.sleep(0.001 * owls[0].n)
    wood.read.append([owl.n for owl in owls])
    return [OwlRow(owl.n + 1) for owl in owls]


def fails(wood: Wood, owls: list[OwlRow]) -> list[int]:
    raise ValueError("no")


@strawberry.type
class Owl:
    """An owl."""

    n: int
    calls: int = edge(calls, "Wakes who listens.")
    friend: "Owl" = edge(friends_of, "Somebody it knows.")
    nothing: int | None = edge(fails, "Is never there.")


@strawberry.type
class Query:
    """The wood."""

    hears: str = root(hears, "What was called.")
    owl: Owl = root(owl, "An owl that is at hand.")


@strawberry.type
class Mutation:
    """What changes in the wood."""

    owl: Owl = root(owl, "An owl that is at hand.")


async def answer(wood: Wood, query: str, *, plans: bool) -> dict[str, Any]:
    operations = Operations(strawberry.Schema(Query, Mutation)._schema, lambda error: error, plans=plans)
    return (await asyncio.wait_for(operations.run(Request(query), wood), timeout=5)).body


@BOTH
async def test_what_is_below_a_value_that_is_at_hand_waits_for_nobody(plans: bool) -> None:
    data = (await answer(Wood(), "{ hears owl { n calls friend { n } } }", plans=plans))["data"]
    assert data == {"hears": "whoo", "owl": {"n": 1, "calls": 1, "friend": {"n": 2}}}


@BOTH
async def test_what_fails_at_once_leaves_nothing_unread_and_nothing_read_twice(plans: bool) -> None:
    wood = Wood()
    body = await answer(wood, "{ owl { calls nothing friend { n nothing } } hears }", plans=plans)
    assert body["data"] == {"owl": {"calls": 1, "nothing": None, "friend": {"n": 2, "nothing": None}}, "hears": "whoo"}
    assert [error["path"] for error in body["errors"]] == [["owl", "nothing"], ["owl", "friend", "nothing"]]
    assert wood.read == [[1]]


@BOTH
async def test_rows_that_are_asked_the_same_at_several_depths_are_asked_once(plans: bool) -> None:
    wood = Wood()
    body = await answer(wood, "{ owl { friend { friend { n } } } again: owl { friend { n } } }", plans=plans)
    assert body["data"] == {"owl": {"friend": {"friend": {"n": 3}}}, "again": {"friend": {"n": 2}}}
    assert wood.read == [[1], [2]]


async def test_a_query_says_beforehand_what_its_edges_ask_and_a_mutation_does_not() -> None:
    wood = Wood()
    await answer(wood, "{ owl { friend { calls } } }", plans=True)
    assert wood.expected == {owl, friends_of, calls}
    wood = Wood()
    await answer(wood, "mutation { owl { friend { calls } } }", plans=True)
    assert wood.expected == frozenset()
