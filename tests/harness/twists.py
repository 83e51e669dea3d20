"""Makes a generated operation harder: variables, fragments, aliases, conditions, and fields that stand twice."""

from collections.abc import Callable
from random import Random
from typing import Any

from graphql import (
    ArgumentNode,
    BooleanValueNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLArgument,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    Node,
    NullValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    TypeInfo,
    TypeInfoVisitor,
    ValueNode,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    is_required_argument,
    parse,
    parse_type,
    print_ast,
    value_from_ast_untyped,
    visit,
)

Variables = dict[str, Any]
Fill = Callable[[str, GraphQLArgument, ValueNode, Random], ValueNode]
"""What stands in the place of a generated argument: `(name, argument, value, random) -> value`."""


def twisted(schema: GraphQLSchema, query: str, random: Random, fill: Fill | None = None) -> tuple[str, Variables]:
    """Another operation, made of a generated one, with its variables. It is as valid as the one that it is made of."""
    twist = _Twist(schema, random, fill)
    return twist.of(parse(query))


class _Twist:
    def __init__(self, schema: GraphQLSchema, random: Random, fill: Fill | None) -> None:
        self._schema = schema
        self._random = random
        self._fill = fill
        self._definitions: list[VariableDefinitionNode] = []
        self._fragments: list[FragmentDefinitionNode] = []
        self._variables: Variables = {}
        self._count = 0

    def of(self, document: DocumentNode) -> tuple[str, Variables]:
        document = self._visited(document, self._on_argument, None)
        document = self._visited(document, None, self._on_selections)
        [operation] = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        whole = OperationDefinitionNode(
            operation=operation.operation,
            name=NameNode(value="Twisted"),
            variable_definitions=tuple(self._definitions),
            directives=(),
            selection_set=operation.selection_set,
        )
        return print_ast(DocumentNode(definitions=(whole, *self._fragments))), self._variables

    def _visited(self, document: DocumentNode, on_argument: Any, on_selections: Any) -> DocumentNode:
        info = TypeInfo(self._schema)

        class Walk(Visitor):
            def leave_argument(self, node: ArgumentNode, *_: Any) -> Any:
                return on_argument(node, info.get_argument()) if on_argument and info.get_argument() else None

            def leave_selection_set(self, node: SelectionSetNode, *_: Any) -> Any:
                return on_selections(node, info.get_parent_type()) if on_selections else None

        changed: DocumentNode = visit(document, TypeInfoVisitor(info, Walk()))
        return changed

    # Arguments

    def _on_argument(self, node: ArgumentNode, argument: GraphQLArgument) -> Node | None:
        value = node.value if self._fill is None else self._fill(node.name.value, argument, node.value, self._random)
        if self._random.random() < 0.5:
            value = self._variable(argument, value)
        return ArgumentNode(name=node.name, value=value)

    def _variable(self, argument: GraphQLArgument, value: ValueNode) -> VariableNode:
        name = self._new("v")
        given = value_from_ast_untyped(value)
        default = None
        chance = self._random.random()
        if chance < 0.2 and not isinstance(value, NullValueNode):
            default = value
            if self._random.random() < 0.5:
                self._variables[name] = given
        elif chance < 0.25:
            self._variables[name] = self._random.choice([None, [], {}, "x", -1, 1 << 40, [given], {"x": given}, 1.5])
        elif chance < 0.95 or is_required_argument(argument):
            self._variables[name] = given
        self._define(name, str(argument.type), default)
        return VariableNode(name=NameNode(value=name))

    # Selections

    def _on_selections(self, node: SelectionSetNode, parent: Any) -> Node | None:
        selections = [twist for selection in node.selections for twist in self._selections(selection)]
        chance = self._random.random()
        if parent is not None and chance < 0.15:
            selections.insert(self._random.randrange(len(selections) + 1), _field("__typename"))
        if parent is not None and chance > 0.75:
            cut = self._random.randrange(len(selections))
            selections[cut:] = [self._fragment(parent.name, tuple(selections[cut:]))]
        return SelectionSetNode(selections=tuple(selections))

    def _selections(self, selection: SelectionNode) -> list[SelectionNode]:
        if not isinstance(selection, FieldNode):
            return [selection]
        changed = FieldNode(
            alias=NameNode(value=self._new("a")) if self._random.random() < 0.15 else selection.alias,
            name=selection.name,
            arguments=selection.arguments,
            directives=(self._condition(),) if self._random.random() < 0.12 else (),
            selection_set=selection.selection_set,
        )
        # The same field twice is one field; what is selected in it comes together.
        return [changed, changed] if self._random.random() < 0.08 else [changed]

    def _fragment(self, parent: str, selections: tuple[SelectionNode, ...]) -> SelectionNode:
        directives = (self._condition(),) if self._random.random() < 0.3 else ()
        condition = NamedTypeNode(name=NameNode(value=parent))
        body = SelectionSetNode(selections=selections)
        chance = self._random.random()
        if chance < 0.4:
            return InlineFragmentNode(
                type_condition=condition if chance < 0.2 else None, directives=directives, selection_set=body
            )
        name = self._new("F")
        self._fragments.append(
            FragmentDefinitionNode(
                name=NameNode(value=name), type_condition=condition, directives=(), selection_set=body
            )
        )
        return FragmentSpreadNode(name=NameNode(value=name), directives=directives)

    def _condition(self) -> DirectiveNode:
        answer = self._random.random() < 0.5
        value: ValueNode = BooleanValueNode(value=answer)
        if self._random.random() < 0.7:
            name = self._new("c")
            value = VariableNode(name=NameNode(value=name))
            default = BooleanValueNode(value=answer) if self._random.random() < 0.3 else None
            if default is None or self._random.random() < 0.5:
                self._variables[name] = not answer
            self._define(name, "Boolean!", default)
        argument = ArgumentNode(name=NameNode(value="if"), value=value)
        return DirectiveNode(name=NameNode(value=self._random.choice(["skip", "include"])), arguments=(argument,))

    def _define(self, name: str, type_: str, default: Any) -> None:
        self._definitions.append(
            VariableDefinitionNode(
                variable=VariableNode(name=NameNode(value=name)),
                type=parse_type(type_),
                default_value=default,
                directives=(),
            )
        )

    def _new(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"


def _field(name: str) -> FieldNode:
    return FieldNode(name=NameNode(value=name), arguments=(), directives=(), selection_set=None)
