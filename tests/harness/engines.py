"""The three ways in which an operation can be run: as a compiled plan, carefully value by value, and on graphql-core."""

import json
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

    async def agree(self, query: str, variables: dict[str, Any] | None = None, *, name: str | None = None) -> Answer:
        """What all engines answer to a query. It fails where one answers something else."""
        request = Request(query, variables, name)
        told = await self._on_core.run(request, self._new_context())
        got = await self._planned.run(request, self._new_context())
        slow = await self.run_carefully(request)
        self.planned += slow is not None
        self.failed += told.executed and "errors" in told.body
        assert got.executed == told.executed, request
        assert comparable(got.body) == comparable(told.body), request
        if slow is not None:
            assert comparable(slow) == comparable(told.body), request
        return told.body

    async def run_carefully(self, request: Request) -> Answer | None:
        """The answer of the careful way alone; None if the operation has no plan, or is refused."""
        document = prepared(self.schema, request.query)
        operation = document.operation(request.operation_name) if isinstance(document, Document) else None
        variables = [] if operation is None else operation.signature.coerce(request.variables or {})
        if operation is None or isinstance(variables, list):
            return None
        ready = operation.ready(variables)
        if ready is None:
            return None
        whole: Answer | None = {}
        errors: list[GraphQLError] = []
        for part in ready.parts:
            data, found = await careful.run(ready.plan, part.selection, self._new_context(), variables, [])
            errors += found
            whole = None if whole is None or data is None else {**whole, **data}
        body: Answer = {"data": whole}
        return {**body, "errors": [self._present(error).formatted for error in errors]} if errors else body


def comparable(body: Answer) -> tuple[bytes, list[str]]:
    """An answer as it goes out, and its errors without their order, which no engine promises."""
    data = orjson.dumps({key: value for key, value in body.items() if key != "errors"})
    return data, sorted(json.dumps(error, sort_keys=True) for error in body.get("errors", []))
