"""The three ways to run an operation: as a compiled plan, carefully value by value, and on graphql-core."""

import json
import re
from collections.abc import Callable
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLSchema

from execution import careful
from execution.documents import Document, prepared
from execution.operations import Operations, Request

Present = Callable[[GraphQLError], GraphQLError]
Answer = dict[str, Any]


class Engines:
    """Runs an operation in every way, and compares the answers: they must be equal to the order of their keys."""

    def __init__(self, schema: GraphQLSchema, present: Present, new_context: Callable[[], Any]) -> None:
        self.schema = schema
        self._present = present
        self._new_context = new_context
        self._planned = Operations(schema, present)
        self._on_core = Operations(schema, present, plans=False)
        self.planned = 0
        self.failed = 0
        """How many of the operations had a plan, and how many gave errors after they had begun."""

    async def agree(self, query: str, variables: dict[str, Any] | None = None, *, exactly: bool = False) -> Answer:
        """What all engines answer to a query. It fails where one answers something else."""
        request = Request(query, variables)
        told = await self._on_core.run(request, self._new_context())
        got = await self._planned.run(request, self._new_context())
        slow = await self.run_carefully(request)
        self.planned += slow is not None
        self.failed += told.executed and "errors" in told.body
        assert got.executed == told.executed, request
        assert_equal(got.body, told.body, request, exactly=exactly)
        if slow is not None:
            assert_equal(slow, told.body, request, exactly=exactly)
        return told.body

    async def run_carefully(self, request: Request) -> Answer | None:
        """The answer of the careful way alone; None if the operation has no plan, or is refused."""
        document = prepared(self.schema, request.query or "")
        operation = document.operation(request.operation_name) if isinstance(document, Document) else None
        variables = [] if operation is None else operation.signature.coerce(request.variables or {})
        if operation is None or isinstance(variables, list):
            return None
        ready = operation.ready(variables)
        if ready is None:
            return None
        context = self._new_context()
        body: Answer = {"data": {}}
        errors: list[GraphQLError] = []
        for part in ready.parts:
            data, found = await careful.run(ready.plan, part.selection, context, variables, [])
            errors += found
            if data is None:
                body["data"] = None
                break
            body["data"].update(data)
        return {**body, "errors": [self._present(error).formatted for error in errors]} if errors else body


def assert_equal(got: Answer, told: Answer, why: object, *, exactly: bool = False) -> None:
    """Fails unless two answers are equal: as they go out, and in their errors, whose order no engine promises.

    Where errors further down have made a place null, those are told that came to light first. Functions that run side
    by side leave that open, so both must tell some there, but not the same, unless they must be equal `exactly`.
    """
    assert _without_errors(got) == _without_errors(told), why
    got_at, told_at = _by_place(got), _by_place(told)
    assert got_at.keys() == told_at.keys(), why
    for place, errors in told_at.items():
        if exactly or not _is_above(place, errors | got_at[place]):
            assert errors == got_at[place], why


def _without_errors(answer: Answer) -> bytes:
    return orjson.dumps({key: value for key, value in answer.items() if key != "errors"})


def _by_place(answer: Answer) -> dict[str, set[str]]:
    """The errors, by the path of the null that each has led to."""
    places: dict[str, set[str]] = {}
    for error in answer.get("errors", []):
        value: Any = answer.get("data")
        place: list[str | int] = []
        for key in error.get("path", []):
            if value is None:
                break
            value = value[key]
            place.append(key)
        # An engine may ask for rows of a place that an error is about to make null, so the numbers can differ.
        text = re.sub(r"expected: \d+, received: \d+", "expected: more", json.dumps(error, sort_keys=True))
        places.setdefault(json.dumps(place), set()).add(text)
    return places


def _is_above(place: str, errors: set[str]) -> bool:
    """Whether one of the errors was further down than the null is."""
    return any(json.loads(error).get("path") != json.loads(place) for error in errors)
