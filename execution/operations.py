"""Runs operations: parse and validate once, execute with graphql-core, present errors."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any, Generic, TypeVar

from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)

MAX_CHARACTERS = 200_000
MAX_TOKENS = 10_000
MAX_COMMENTS = 1_000
MAX_DOCUMENTS = 1_000

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Request:
    """One operation to run. A `read_only` request, such as one by GET, may only query."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """The answer, ready for JSON. `executed` is False when the request was refused before anything ran."""

    body: dict[str, Any]
    executed: bool


class ReadOnlyError(GraphQLError):
    """A mutation in a request that may only query."""


class Operations:
    """Runs operations against one schema.

    `present` is given each error before it leaves, and returns what may be shown of it.
    """

    def __init__(self, schema: GraphQLSchema, present: Callable[[GraphQLError], GraphQLError]) -> None:
        self._schema = schema
        self._present = present
        self._documents: _Recent[str, DocumentNode | list[GraphQLError]] = _Recent(MAX_DOCUMENTS)

    async def run(self, request: Request, context: Any) -> Response:
        """Runs one operation. Raises ReadOnlyError; every other fault is in the response's errors."""
        document = self._document(request.query)
        if isinstance(document, list):
            return self._refused(document)
        operation = get_operation_ast(document, request.operation_name)
        if operation is None:
            return self._refused([_coded(_unknown_operation(request, document), "BAD_USER_INPUT")])
        if operation.operation is not OperationType.QUERY and request.read_only:
            raise ReadOnlyError("Only queries can be sent this way; send mutations by POST.")
        result = execute(
            self._schema,
            document,
            variable_values=request.variables,
            operation_name=request.operation_name,
            context_value=context,
        )
        return self._answer(await result if isawaitable(result) else result)

    def _document(self, query: str) -> DocumentNode | list[GraphQLError]:
        found = self._documents.get(query)
        if found is None:
            found = _prepared(self._schema, query)
            if len(query) <= MAX_CHARACTERS:
                self._documents.put(query, found)
        return found

    def _answer(self, result: ExecutionResult) -> Response:
        if result.data is None and result.errors and all(error.path is None for error in result.errors):
            return self._refused([_coded(error, "BAD_USER_INPUT") for error in result.errors])
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [self._present(error).formatted for error in result.errors]
        return Response(body, executed=True)

    def _refused(self, errors: list[GraphQLError]) -> Response:
        return Response({"errors": [self._present(error).formatted for error in errors]}, executed=False)


def _prepared(schema: GraphQLSchema, query: str) -> DocumentNode | list[GraphQLError]:
    try:
        document = parse(
            query, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS, max_source_length=MAX_CHARACTERS
        )
    except GraphQLError as error:
        return [_coded(error, "GRAPHQL_PARSE_FAILED")]
    except RecursionError:
        return [_coded(GraphQLError("The document is nested too deeply."), "GRAPHQL_PARSE_FAILED")]
    errors = validate(schema, document, specified_rules, max_errors=20)
    if errors:
        return [_coded(error, "GRAPHQL_VALIDATION_FAILED") for error in errors]
    return document


def _unknown_operation(request: Request, document: DocumentNode) -> GraphQLError:
    names = [
        node.name.value for node in document.definitions if isinstance(node, OperationDefinitionNode) and node.name
    ]
    if request.operation_name is not None:
        return GraphQLError(f"The document has no operation named {request.operation_name!r}.")
    if names:
        return GraphQLError("The document has several operations: say which in operationName.")
    return GraphQLError("The document has no operation.")


def _coded(error: GraphQLError, code: str) -> GraphQLError:
    error.extensions = {"code": code, **(error.extensions or {})}
    return error


class _Recent(Generic[Key, Value]):
    """The values of the keys that were asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
