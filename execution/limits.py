"""What a document may ask for, found out in one pass over it: how deep, how much, and under how many names.

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
    InlineFragmentNode,
    OperationDefinitionNode,
    OverlappingFieldsCanBeMergedRule,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
)

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

INTROSPECTION = {"__schema", "__type"}
TOO_LARGE = "DOCUMENT_TOO_LARGE"
TOO_DEEP = "The document is nested too deeply."

# Strings and comments are one token, or none; whatever else there is, the parser will say.
_TOKENS = re.compile(r'"""(?:\\"""|(?!""").)*"""|"(?:\\.|[^"\\\n])*"|#[^\n]*|\.\.\.|[-\w.]+|[^\s,\ufeff]', re.DOTALL)


class Size(NamedTuple):
    """How large a selection is, the fragments in it included. What a field costs would be summed up beside `fields`."""

    width: int
    """How many fields stand in it directly."""
    depth: int
    fields: int
    aliases: int
    introspection: int = 0
    """How many of the fields ask about the schema."""


NOTHING = Size(0, 0, 0, 0)


def check_text(text: str) -> None:
    """Raises GraphQLError for a text that is too long to be parsed."""
    if len(text) > MAX_CHARACTERS:
        raise _too_large(f"The document has {len(text):,} characters; {MAX_CHARACTERS:,} are allowed.")
    if next(islice(_TOKENS.finditer(text), MAX_TOKENS + MAX_COMMENTS, None), None):
        raise _too_large(f"The document has too many tokens; {MAX_TOKENS:,} are allowed.")


def check_size(document: DocumentNode) -> None:
    """Raises GraphQLError for a document of which an operation asks for too much."""
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    sizes = _Sizes(fragments)
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            try:
                size = sizes.of(node.selection_set)
            except RecursionError:
                raise _too_large(TOO_DEEP) from None
            _check(size)


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

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Size] = {}

    def of(self, selections: SelectionSetNode) -> Size:
        width = depth = fields = aliases = introspection = 0
        for node in selections.selections:
            _check_directives(node)
            match node:
                case FieldNode():
                    below = self.of(node.selection_set) if node.selection_set else NOTHING
                    asked = below.fields if node.name.value in INTROSPECTION else below.introspection
                    own = Size(1, below.depth + 1, below.fields + 1, below.aliases + bool(node.alias), asked)
                case InlineFragmentNode():
                    own = self.of(node.selection_set)
                case FragmentSpreadNode():
                    own = self._of_fragment(node.name.value)
                case _:
                    own = NOTHING
            width += own.width
            depth = max(depth, own.depth)
            fields += own.fields
            aliases += own.aliases
            introspection += own.introspection
        return Size(width, depth, fields, aliases, introspection)

    def _of_fragment(self, name: str) -> Size:
        known = self._known.get(name)
        if known is None:
            self._known[name] = NOTHING  # one that spreads itself is refused when the document is validated
            node = self._fragments.get(name)
            known = self._known[name] = NOTHING if node is None else self.of(node.selection_set)
        return known


class OverlappingFields(OverlappingFieldsCanBeMergedRule):
    """The rule that fields with one key must be the same, with less patience than it has of its own.

    It compares fields pair by pair: a thousand of the same field would take it more than a second.
    """

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MAX_COMPARISONS
