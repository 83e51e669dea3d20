"""Runs operations: by a compiled plan, or on graphql-core where there is none; and presents errors."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType, execute

from execution import running
from execution.coercion import Variables
from execution.deadlines import Deadlines
from execution.documents import EVERYTHING, Document, Operation, Telling, coded, prepared
from execution.limits import MAX_CHARACTERS, MAX_COST, too_expensive
from execution.persisted import Persisted
from execution.recent import Recent

MAX_DOCUMENTS = 1_000
MAX_SECONDS = 10.0
"""How long a query may run. A mutation is never cut: what it has begun may be money on its way."""


@dataclass(frozen=True, slots=True)
class Request:
    """One operation to run: its document's text, or `sha256` for one that is known, or both.

    A `read_only` request, such as one by GET, may only query. One that is to `show_cost` finds it in its answer.
    """

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    read_only: bool = False
    sha256: str | None = None
    show_cost: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The answer, ready for JSON. `executed` is False when the request was refused before anything ran."""

    body: dict[str, Any]
    executed: bool


class ReadOnlyError(GraphQLError):
    """A mutation in a request that may only query."""


class Operations:
    """Runs operations against one schema.

    `present` is given each error before it leaves, and returns what may be shown of it. Without `plans` everything
    runs on graphql-core, through the same functions and to the same answers.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        present: Callable[[GraphQLError], GraphQLError],
        *,
        plans: bool = True,
        persisted: Persisted | None = None,
        telling: Telling = EVERYTHING,
    ) -> None:
        self._schema = schema
        self._present = present
        self._plans = plans
        self._persisted = persisted or Persisted()
        self._telling = telling
        self._deadlines = Deadlines(MAX_SECONDS)
        self._documents: Recent[str, Document | list[GraphQLError]] = Recent(MAX_DOCUMENTS)

    async def run(self, request: Request, context: Any) -> Response:
        """Runs one operation. Raises ReadOnlyError; every other fault is in the response's errors."""
        try:
            document = self._document(self._persisted.text(request.query, request.sha256))
        except GraphQLError as error:
            return self._refused([error])
        if isinstance(document, list):
            return self._refused(document)
        operation = document.operation(request.operation_name)
        if operation is None:
            return self._refused([coded(_unknown_operation(request, document), "BAD_USER_INPUT")])
        if operation.node.operation is not OperationType.QUERY and request.read_only:
            raise ReadOnlyError("Only queries can be sent this way; send mutations by POST.")
        variables = operation.signature.coerce(request.variables or {})
        if isinstance(variables, list):
            return self._refused([coded(error, "BAD_USER_INPUT") for error in variables])
        cost = operation.fixed_cost
        if cost is None:
            cost = operation.cost(variables)
        if cost > MAX_COST:
            return self._refused([too_expensive(cost)])
        response = await self._in_time(operation, request, variables, context)
        if request.show_cost and response.executed:
            response.body["extensions"] = {"cost": {"requested": cost, "maximum": MAX_COST}}
        return response

    async def _in_time(self, operation: Operation, request: Request, variables: Variables, context: Any) -> Response:
        if operation.node.operation is not OperationType.QUERY:
            return await self._execute(operation, request, variables, context)
        try:
            return await self._deadlines.keep(self._execute(operation, request, variables, context))
        except TimeoutError:  # ours: those of a field are errors in the answer
            return self._executed(None, [_timeout()])

    async def _execute(self, operation: Operation, request: Request, variables: Variables, context: Any) -> Response:
        ready = operation.ready(variables) if self._plans else None
        if ready is None:
            return await self._run_on_core(operation, request, context)
        if operation.node.operation is OperationType.QUERY:  # what a mutation reads before it writes is old after it
            [query] = ready.parts
            context.expect(query.functions)
        data, errors = await running.run(ready.plan, ready.parts, context, variables)
        return self._executed(data, errors)

    async def _run_on_core(self, operation: Operation, request: Request, context: Any) -> Response:
        result = execute(
            self._schema,
            operation.document,
            variable_values=request.variables,
            operation_name=request.operation_name,
            context_value=context,
            hide_suggestions=not self._telling.suggestions,
        )
        return self._answer(await result if isawaitable(result) else result)

    def _document(self, query: str) -> Document | list[GraphQLError]:
        found = self._documents.get(query)
        if found is None:
            found = prepared(self._schema, query, self._telling)
            if len(query) <= MAX_CHARACTERS:
                self._documents.put(query, found)
        return found

    def _answer(self, result: ExecutionResult) -> Response:
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return self._refused([coded(error, "BAD_USER_INPUT") for error in result.errors])
        return self._executed(result.data, result.errors)

    def _executed(self, data: dict[str, Any] | None, errors: list[GraphQLError] | None) -> Response:
        body: dict[str, Any] = {"data": data}
        if errors:
            body["errors"] = [self._present(error).formatted for error in errors]
        return Response(body, executed=True)

    def _refused(self, errors: list[GraphQLError]) -> Response:
        return Response({"errors": [self._present(error).formatted for error in errors]}, executed=False)


def _timeout() -> GraphQLError:
    message = f"The operation took longer than {MAX_SECONDS:g} seconds. Ask for less at once, or try again."
    return GraphQLError(message, extensions={"code": "OPERATION_TIMEOUT"})


def _unknown_operation(request: Request, document: Document) -> GraphQLError:
    if request.operation_name is not None:
        return GraphQLError(f"The document has no operation named {request.operation_name!r}.")
    if document.names:
        return GraphQLError("The document has several operations: say which in operationName.")
    return GraphQLError("The document has no operation.")
