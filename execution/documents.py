"""Documents: parsed, counted and validated once for each text, with a plan for each operation that is asked for."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    VariableNode,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
    visit,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.language import Visitor

from execution.coercion import Signature, Variables
from execution.compiler import Compiled, compiled
from execution.costs import Cost
from execution.limits import (
    MAX_CHARACTERS,
    MAX_COMMENTS,
    MAX_TOKENS,
    TOO_DEEP,
    OverlappingFields,
    check_size,
    check_text,
)
from execution.plans import NotCoveredError, Plan, plan
from execution.recent import Recent

RULES = tuple(OverlappingFields if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules)
MAX_ERRORS = 20
"""How many faults of a document are told."""
MAX_VARIANTS = 8
"""For how many sets of answers to @skip and @include an operation keeps a plan."""


class Telling(NamedTuple):
    """What clients are told of the schema, besides the answers to what they ask."""

    introspection: bool = True
    """Whether they may ask for the schema itself; `__typename` they always may."""
    suggestions: bool = True
    """Whether they are told what they could have meant by a name that there is not."""


EVERYTHING = Telling()


class Ready(NamedTuple):
    """A plan and what it was compiled to."""

    plan: Plan
    parts: tuple[Compiled, ...]


class Operation:
    """One operation of a valid document."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        node: OperationDefinitionNode,
        cost: Cost,
        telling: Telling,
    ) -> None:
        self.document = document
        self.node = node
        self.signature = Signature(schema, node, suggestions=telling.suggestions)
        self.fixed_cost = None if cost.parts else cost.known
        """What it costs, if that is the same for all variables."""
        self._cost = cost
        self._schema = schema
        declared = {definition.variable.name.value for definition in node.variable_definitions or ()}
        self._conditions = sorted(_conditions(document) & declared)
        self._ready: Recent[tuple[Any, ...], Ready | NotCoveredError] = Recent(MAX_VARIANTS)

    def cost(self, variables: Variables) -> int:
        """What it costs with these variables: how many values its answer may have."""
        return self._cost.of(variables.coerced) if self.fixed_cost is None else self.fixed_cost

    def ready(self, variables: Variables) -> Ready | None:
        """The operation's plan for these variables, or None if it has to run on graphql-core."""
        conditions = tuple([variables.coerced.get(name) for name in self._conditions])
        if conditions and not all(isinstance(condition, bool) for condition in conditions):
            return None
        ready = self._ready.get(conditions)
        if ready is None:
            ready = self._prepare(dict(zip(self._conditions, map(bool, conditions), strict=True)))
            self._ready.put(conditions, ready)
        return None if isinstance(ready, NotCoveredError) else ready

    def _prepare(self, conditions: dict[str, bool]) -> Ready | NotCoveredError:
        fragments = {
            definition.name.value: FragmentDetails(definition, None)
            for definition in self.document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }
        try:
            own = plan(self._schema, self.node, fragments, conditions)
            return Ready(own, tuple(compiled(self._schema, part) for part in own.parts))
        except NotCoveredError as reason:
            return reason
        except RecursionError:
            return NotCoveredError("The operation is nested too deeply.")


class Document:
    """A valid document."""

    def __init__(
        self, schema: GraphQLSchema, node: DocumentNode, costs: Mapping[str | None, Cost], telling: Telling
    ) -> None:
        self._schema = schema
        self._node = node
        self._costs = costs
        self._telling = telling
        self._operations: dict[str | None, Operation] = {}

    @property
    def names(self) -> list[str]:
        """The names of its operations."""
        return [definition.name.value for definition in self._definitions() if definition.name]

    def operation(self, name: str | None) -> Operation | None:
        """The operation of this name; without a name, the only one."""
        found = self._operations.get(name)
        if found is None:
            definition = get_operation_ast(self._node, name)
            if definition is None:
                return None
            cost = self._costs[definition.name.value if definition.name else None]
            found = self._operations[name] = Operation(self._schema, self._node, definition, cost, self._telling)
        return found

    def _definitions(self) -> list[OperationDefinitionNode]:
        return [node for node in self._node.definitions if isinstance(node, OperationDefinitionNode)]


def prepared(schema: GraphQLSchema, query: str, telling: Telling = EVERYTHING) -> Document | list[GraphQLError]:
    """The document of a text, or why it is refused."""
    try:
        check_text(query)
        node = parse(query, max_lexical_tokens=MAX_TOKENS, max_comments=MAX_COMMENTS, max_source_length=MAX_CHARACTERS)
    except GraphQLError as error:
        return [coded(error, "GRAPHQL_PARSE_FAILED")]
    except RecursionError:
        return [coded(GraphQLError(TOO_DEEP), "GRAPHQL_PARSE_FAILED")]
    try:
        costs = check_size(schema, node)
    except GraphQLError as error:
        return [error]
    rules = RULES if telling.introspection else (*RULES, NoSchemaIntrospectionCustomRule)
    errors = validate(schema, node, rules, max_errors=MAX_ERRORS, hide_suggestions=not telling.suggestions)
    if errors:
        return [coded(error, "GRAPHQL_VALIDATION_FAILED") for error in errors]
    return Document(schema, node, costs, telling)


def coded(error: GraphQLError, code: str) -> GraphQLError:
    """The error, with a code for programs unless it has one."""
    error.extensions = {"code": code, **(error.extensions or {})}
    return error


def _conditions(document: DocumentNode) -> set[str]:
    """The variables on which @skip and @include depend."""
    names: set[str] = set()

    class Find(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in {"skip", "include"}:
                names.update(
                    argument.value.name.value
                    for argument in node.arguments or ()
                    if isinstance(argument.value, VariableNode)
                )

    visit(document, Find())
    return names
