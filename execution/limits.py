"""What a document may ask for, found out in one pass over it: how deep, how much, at what cost, under how many names.

A fragment is looked at once, and counts wherever it is spread: thirty fragments that each spread the next one twice are
thirty small sums, not a thousand million fields. So a document is refused in the time that it takes to read it.
"""

import re
from itertools import islice
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    get_named_type,
    is_composite_type,
)

from execution.costs import FREE, ONE, VALUE, Cost, is_list, length_of, total

MAX_CHARACTERS = 200_000
MAX_TOKENS = 10_000
MAX_COMMENTS = 1_000
MAX_DEPTH = 50
MAX_FIELDS = 5_000
MAX_ALIASES = 1_000
MAX_ROOT_FIELDS = 100
MAX_DIRECTIVES = 5
"""How many may stand at one place; there is use for two."""
MAX_INTROSPECTION_FIELDS = 300
"""How many fields may stand below `__schema` and `__type`: each is asked of hundreds of types and fields."""
MAX_COMPARISONS = 20_000
"""How much is compared to find fields that share a key and differ: some milliseconds' worth."""

MAX_COST = 500_000
"""How many values an answer may have: some megabytes. graphql-core takes seconds to make them, and a plan much less."""
MAX_TOLD = 10**15
"""A cost beyond this is told as this: JSON has no larger numbers that everybody can read."""

INTROSPECTION = {"__schema", "__type"}
TOO_EXPENSIVE = "QUERY_TOO_EXPENSIVE"
TOO_LARGE = "DOCUMENT_TOO_LARGE"
TOO_DEEP = "The document is nested too deeply."

# Strings and comments are one token, or none; whatever else there is, the parser will say.
_TOKENS = re.compile(r'"""(?:\\"""|(?!""").)*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|\.\.\.|[-\w.]+|[^\s,\ufeff]', re.DOTALL)


class Size(NamedTuple):
    """How large a selection is, the fragments in it included."""

    width: int
    """How many fields stand in it directly."""
    depth: int
    fields: int
    aliases: int
    once: Cost
    """What it costs, without its lists."""
    each: Cost
    """What its lists cost for each item, as far as their length is told by the field above: that of a connection."""
    introspection: int = 0
    """How many of the fields ask about the schema."""


NOTHING = Size(0, 0, 0, 0, FREE, FREE)


def check_text(text: str) -> None:
    """Raises GraphQLError for a text that is too long to be parsed."""
    if len(text) > MAX_CHARACTERS:
        raise _too_large(f"The document has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed.")
    if next(islice(_TOKENS.finditer(text), MAX_TOKENS + MAX_COMMENTS, None), None):
        raise _too_large(f"The document has too many tokens; {MAX_TOKENS:,} are allowed.")


def check_size(schema: GraphQLSchema, document: DocumentNode) -> dict[str | None, Cost]:
    """What each operation of a document costs, by its name.

    Raises GraphQLError for a document of which an operation asks for too much whatever its variables are. The document
    need not be valid: what the schema does not know has no cost.
    """
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes = _Sizes(schema, fragments)
    costs = {}
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            try:
                size = sizes.of(node.selection_set, schema.get_root_type(node.operation))
            except RecursionError:
                raise _too_large(TOO_DEEP) from None
            _check(size)
            costs[node.name.value if node.name else None] = total([size.once, size.each])
    return costs


def too_expensive(cost: int) -> GraphQLError:
    """The refusal of an operation that costs more than `MAX_COST`."""
    told = min(cost, MAX_TOLD)
    message = f"The answer may have {told:,} values; {MAX_COST:,} are allowed. Ask for smaller pages."
    return GraphQLError(message, extensions={"code": TOO_EXPENSIVE, "cost": told, "maximum": MAX_COST})


def _check(size: Size) -> None:
    if size.depth > MAX_DEPTH:
        raise _too_large(f"The operation is {size.depth:,} levels deep; {MAX_DEPTH:,} are allowed.")
    if size.width > MAX_ROOT_FIELDS:
        raise _too_large(f"The operation has {size.width:,} root fields; {MAX_ROOT_FIELDS:,} are allowed.")
    if size.aliases > MAX_ALIASES:
        raise _too_large(f"The operation has {size.aliases:,} aliases; {MAX_ALIASES:,} are allowed.")
    if size.fields > MAX_FIELDS:
        raise _too_large(f"The operation asks for {size.fields:,} fields; {MAX_FIELDS:,} are allowed.")
    if size.introspection > MAX_INTROSPECTION_FIELDS:
        asked, allowed = size.introspection, MAX_INTROSPECTION_FIELDS
        raise _too_large(f"The operation asks for {asked:,} fields of the schema; {allowed:,} are allowed.")


def _check_directives(node: SelectionNode) -> None:
    if node.directives and len(node.directives) > MAX_DIRECTIVES:
        raise _too_large(f"There are {len(node.directives):,} directives at one place; {MAX_DIRECTIVES:,} are allowed.")


def _too_large(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": TOO_LARGE})


class _Sizes:
    """The sizes of selections; of each fragment only once."""

    def __init__(self, schema: GraphQLSchema, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._known: dict[str, Size] = {}

    def of(self, selections: SelectionSetNode, type_: GraphQLNamedType | None) -> Size:
        """The size of a selection on a type; on None if the schema does not know the type."""
        sizes = [self._of_node(node, type_) for node in selections.selections]
        return Size(
            width=sum(size.width for size in sizes),
            depth=max((size.depth for size in sizes), default=0),
            fields=sum(size.fields for size in sizes),
            aliases=sum(size.aliases for size in sizes),
            once=total(size.once for size in sizes),
            each=total(size.each for size in sizes),
            introspection=sum(size.introspection for size in sizes),
        )

    def _of_node(self, node: SelectionNode, type_: GraphQLNamedType | None) -> Size:
        _check_directives(node)
        match node:
            case FieldNode():
                return self._of_field(node, type_)
            case InlineFragmentNode():
                on = node.type_condition
                return self.of(node.selection_set, self._schema.get_type(on.name.value) if on else type_)
            case FragmentSpreadNode():
                return self._of_fragment(node.name.value)
            case _:
                return NOTHING

    def _of_field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Size:
        field = self._schema.get_field(parent, node.name.value) if is_composite_type(parent) else None
        type_ = None if field is None else get_named_type(field.type)
        below = self.of(node.selection_set, type_) if node.selection_set else NOTHING
        length = None if field is None else length_of(field, node)
        listed = field is not None and is_list(field)
        if listed:
            cost = total([VALUE, below.once, below.each]).times(length or ONE)
        else:
            cost = total([VALUE, below.once, below.each.times(length or ONE)])
        # A list without a length of its own may be a connection's, whose field is above.
        once, each = (FREE, cost) if listed and length is None else (cost, FREE)
        asked = below.fields if node.name.value in INTROSPECTION else below.introspection
        return Size(1, below.depth + 1, below.fields + 1, below.aliases + bool(node.alias), once, each, asked)

    def _of_fragment(self, name: str) -> Size:
        known = self._known.get(name)
        if known is None:
            self._known[name] = NOTHING  # one that spreads itself is refused when the document is validated
            node = self._fragments.get(name)
            if node is None:
                return NOTHING
            own = self.of(node.selection_set, self._schema.get_type(node.type_condition.name.value))
            known = self._known[name] = own._replace(once=own.once.shared(), each=own.each.shared())
        return known


class OverlappingFields(OverlappingFieldsCanBeMergedRule):
    """The rule that fields with one key must be the same, with less patience than it has of its own.

    It compares fields pair by pair: a thousand of the same field would take it more than a second.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MAX_COMPARISONS
