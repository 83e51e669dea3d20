"""Who may see and do what: a table in `authorisation.txt`, with each field of the schema in it, against what is so."""

import re
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    extend_schema,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
    parse,
)

from schema import core_schema
from tests.harness.town import Answer, Town
from tests.schema.askers import ARGUMENTS, CAPPED, COLUMNS, WAYS, Scene, scene

TABLE = Path(__file__).with_name("authorisation.txt")
_START = re.compile(r"(?P<type>\w+)(?P<way>@\w+)?(?:\[(?P<holder>\w+)\])?\.(?P<field>.+)")
NOTHING = object()

WORDS = {
    "UNAUTHENTICATED": "sign-in",
    "FORBIDDEN": "scope",
    "NOT_PERMITTED": "denied",
    "BLOCKED": "blocked",
    "NOT_FOUND": "unknown",
    "INVALID": "invalid",
}
"""What the table calls the codes of errors."""


class Row(NamedTuple):
    """What becomes of one field for each who asks."""

    type: str
    way: str
    """How its object is come to: one of WAYS."""
    holder: str
    """Whose the tokens are."""
    field: str
    arguments: str
    outcomes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The field's name in the schema."""
        return f"{self.type}.{self.field}"

    @property
    def is_main(self) -> bool:
        """Whether it is the row that the field must have; the others look at it in another way."""
        return self.way == self.type and self.holder != CAPPED and not self.arguments


def table() -> list[Row]:
    """The rows of the table, one for each field."""
    rows: list[Row] = []
    for line in TABLE.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        outcomes, _, names = line.partition("|")
        first, *others = names.split()
        start = _START.fullmatch(first)
        assert start is not None, f"{first} is no Type.field"
        assert len(outcomes.split()) == len(COLUMNS), line
        for name in (start["field"], *others):
            field, bracket, arguments = name.partition("(")
            way = start["type"] + (start["way"] or "")
            rows.append(
                Row(start["type"], way, start["holder"] or "owner", field, bracket + arguments, tuple(outcomes.split()))
            )
    return rows


def fields_of(schema: GraphQLSchema) -> set[str]:
    """The names of all fields of all object types."""
    return {
        f"{kind.name}.{name}"
        for kind in schema.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not is_introspection_type(kind)
        for name in kind.fields
    }


def missing_from(rows: list[Row], schema: GraphQLSchema) -> list[str]:
    """The fields that the table does not say anything of."""
    return sorted(fields_of(schema) - {row.name for row in rows if row.is_main})


def test_each_field_and_each_mutation_has_a_row_in_the_table() -> None:
    assert missing_from(table(), core_schema) == []


def test_a_new_field_or_mutation_is_missed_by_its_name() -> None:
    more = parse("extend type User { shoeSize: Int } extend type Mutation { buyShoes: Int } type Shoe { id: ID }")
    assert missing_from(table(), extend_schema(core_schema, more)) == ["Mutation.buyShoes", "Shoe.id", "User.shoeSize"]


def test_the_table_names_each_field_once_and_nothing_else() -> None:
    named = Counter(row.name for row in table() if row.is_main)
    assert [name for name, times in named.items() if times > 1] == []
    assert {row.name for row in table()} - fields_of(core_schema) == set()


@pytest.mark.usefixtures("quick_passwords")
async def test_everybody_sees_and_does_what_the_table_says(town: Town) -> None:
    """Prints the rows as they should be, where they are not."""
    where = await scene(town)
    wrong = []
    for row in sorted(table(), key=_upheaval):
        found = tuple([await outcome(town, where, row, column) for column in COLUMNS])
        if found != row.outcomes:
            wrong.append(
                f"{''.join(f'{each:<9}' for each in found)}| {row.way}[{row.holder}].{row.field}{row.arguments}"
            )
    assert not wrong, "the table should say:\n" + "\n".join(wrong)


def _upheaval(row: Row) -> int:
    """What only reads comes first; who has blocked somebody can do nothing else to them, so that comes last."""
    return 2 if row.name == "Mutation.blockUser" else WAYS[row.way].startswith("mutation")


async def outcome(town: Town, where: Scene, row: Row, column: str) -> str:
    """What one who asks gets."""
    arguments = row.arguments or ARGUMENTS.get(row.name, "")
    document = await where.document(row.way, f"it: {row.field}{arguments}{_selection(row)}")
    answer = await town.ask(document, where.asker(column, row.holder))
    if answer.codes:
        return WORDS[answer.codes[0]]
    if row.type == "Mutation":
        return _done(answer)
    if _find(answer.body, "whose") not in (NOTHING, {"id": where.ada.public_id}):
        return "own"
    return _seen(_find(answer.body["data"], "it"))


def _selection(row: Row) -> str:
    if row.type == "Mutation":
        return " { userErrors { ... on UserError { code } } }"
    holder = core_schema.type_map[row.type]
    assert isinstance(holder, GraphQLObjectType), "the table is of object types"
    kind = get_named_type(holder.fields[row.field].type)
    if is_leaf_type(kind):
        return ""
    return " { nodes { __typename } }" if kind.name.endswith("Connection") else " { __typename }"


def _done(answer: Answer) -> str:
    errors = answer.data["it"]["userErrors"]
    return WORDS[errors[0]["code"]] if errors else "ok"


def _seen(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case list():
            return str(len(value))
        case {"nodes": list(nodes)}:
            return str(len(nodes))
        case _:
            return "-" if value is NOTHING else "value"


def _find(value: Any, key: str) -> Any:
    """The first value under a key, however deep; NOTHING if there is none."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if not isinstance(value, list):
        return NOTHING
    found = (_find(each, key) for each in value)
    return next((each for each in found if each is not NOTHING), NOTHING)
