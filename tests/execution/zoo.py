"""A schema in which everything is that execution knows, and in which everything can go wrong.

What a field does is in its name. Most of what fails is there twice: where null may stand, and where it may not.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NamedTuple, Optional

import strawberry

from execution.fields import Rows, computed, edge, root
from execution.loaders import Loaders


class Diet(Enum):
    """What an animal eats."""

    MEAT = "meat"
    PLANTS = "plants"


class CatRow(NamedTuple):
    """A cat."""

    id: int
    name: str
    diet: Any = Diet.MEAT
    friends: tuple[int, ...] = ()


class FishRow(NamedTuple):
    """A fish or a whale: their kind tells."""

    id: int
    name: str
    kind: str
    diet: Any = Diet.PLANTS
    friends: tuple[int, ...] = ()


class StoneRow(NamedTuple):
    """No animal."""

    id: int
    name: str = "stone"


ANIMALS: dict[int, Any] = {
    row.id: row
    for row in (
        CatRow(1, "Tom", friends=(2, 3)),
        FishRow(2, "Nemo", "fish", friends=(3,)),
        FishRow(3, "Moby", "whale", friends=(1, 2, 1)),
        CatRow(4, "Odd", diet="carrots", friends=(4, 9)),
        CatRow(5, "Kit", diet=Diet.PLANTS),
        CatRow(6, "Zed", friends=(4, 1, 4, 5, 1)),
    )
}


class Keeper:
    """A context that notes its calls."""

    def __init__(self) -> None:
        self.loaders = Loaders()
        self.calls: list[tuple[str, int]] = []

    def expect(self, functions: object) -> None:
        """Reads nothing ahead."""


class BrokenError(Exception):
    """A batch function's."""


class _PublicError(Exception):
    def __init__(self) -> None:
        super().__init__("Not today.")

    @property
    def extensions(self) -> dict[str, str]:
        return {"code": "CLOSED"}


def batch(value: Callable[[Any], Any], *, plain: bool = False) -> Any:
    """A batch function that gives each row a value; plain, it does not have to wait."""

    def values(keeper: Keeper, rows: list[Any]) -> list[Any]:
        keeper.calls.append((getattr(value, "__name__", ""), len(rows)))
        return [value(row) for row in rows]

    async def waits(keeper: Keeper, rows: list[Any]) -> list[Any]:
        return values(keeper, rows)

    return values if plain else waits


async def friends_of(
    keeper: Keeper,
    rows: list[Any],
    *,
    first: Annotated[int | None, "How many."] = None,
    skip: Annotated[int, "How many to leave out."] = 0,
) -> list[Any]:
    keeper.calls.append(("friends", len(rows)))
    if first is not None and first < 0:
        raise _PublicError
    return [[ANIMALS.get(key) for key in row.friends][skip:][:first] for row in rows]


def best_of(keeper: Keeper, rows: list[Any]) -> list[Any]:
    keeper.calls.append(("best", len(rows)))
    return [ANIMALS.get(row.friends[0]) if row.friends else BrokenError(f"{row.name} has no friend") for row in rows]


async def falls(keeper: Keeper, rows: list[Any]) -> list[Any]:
    raise BrokenError("all of them")


async def too_few(keeper: Keeper, rows: list[Any]) -> list[Any]:
    return []


def _raise(row: Any) -> Any:
    raise BrokenError(f"computed for {row.name}")


def _home_of(row: Any) -> Any:
    return {4: None, 5: "no home"}.get(row.id, row)


def described(
    row: Any,
    *,
    loud: Annotated[bool, "Whether to shout."] = False,
    prefix: Annotated[str | None, "What comes before."] = None,
) -> str:
    text = f"{prefix or 'the animal '}{row.name}"
    return text.upper() if loud else text


@strawberry.input(description="What to look for.")
class Filter:
    diet: Diet = strawberry.field(default=Diet.MEAT, description="What it eats.")
    names: list[str] | None = strawberry.field(default=strawberry.UNSET, description="Its names.")
    either: Optional["Filter"] = strawberry.field(default=strawberry.UNSET, description="Or else.")
    weight: Decimal | None = strawberry.field(default=None, description="How heavy.")


@strawberry.input(one_of=True, description="One way to name an animal.")
class Which:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="Its number.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="Its name.")


def _field(description: str = "A field.") -> Any:
    return strawberry.field(description=description)


LAZY = strawberry.lazy("tests.execution.zoo")


@strawberry.interface(description="What has a name.")
class Animal:
    id: strawberry.ID = _field()
    name: str = _field()
    diet: Diet = _field()
    described: str = computed(described, "In words.")
    friends: Annotated[list[Annotated["Animal", LAZY] | None], "x"] = edge(friends_of, "Its friends.")
    close: Annotated[list[Annotated["Animal", LAZY]] | None, "x"] = edge(friends_of, "Its friends, all of them.")
    best: Annotated["Animal", LAZY] = edge(best_of, "Its best friend.")
    best_or_none: Annotated["Animal", LAZY] | None = edge(best_of, "Its best friend, if it has one.")
    none_column: str | None = computed(lambda row: None, "Null.")
    none_required: str = computed(lambda row: None, "Null where none may be.")
    raises: str | None = computed(_raise, "Raises.")
    raises_required: str = computed(_raise, "Raises.")
    wrong: int | None = computed(lambda row: "not a number", "Of another kind.")
    wrong_list: list[str] | None = computed(lambda row: row.name, "No list.")
    missing: str | None = _field()
    numbers: list[list[int] | None] = computed(lambda row: [[1, row.id], None, []], "Lists in a list.")
    holes: list[list[int]] = computed(lambda row: [[row.id], [None]], "A hole where none may be.")
    holes_or_none: list[list[int] | None] | None = computed(lambda row: [[row.id], [None]], "A hole.")
    flag: bool = edge(batch(lambda row: row.id % 2 == 1), "Whether its number is odd.")
    level: int | None = edge(batch(lambda row: None if row.id == 2 else row.id, plain=True), "A number.")
    level_required: int = edge(batch(lambda row: None if row.id == 2 else row.id), "A number, or an error.")
    some_fail: str | None = edge(batch(lambda row: BrokenError(row.name) if row.id == 3 else row.name), "A name.")
    some_fail_required: str = edge(batch(lambda row: BrokenError(row.name) if row.id == 3 else row.name), "A name.")
    all_fail: str | None = edge(falls, "Nothing.")
    all_fail_required: str = edge(falls, "Nothing.")
    few: int | None = edge(too_few, "Too few, however few are asked about.")
    stone: Annotated["Animal", LAZY] | None = computed(lambda row: StoneRow(row.id), "Of no type.")
    itself: Annotated["Animal", LAZY] = computed(lambda row: row, "The same.")
    home: Annotated["Home", LAZY] = computed(_home_of, "Where it lives.")
    den: Annotated["Home", LAZY] | None = edge(batch(lambda row: BrokenError("den") if row.id == 3 else row), "A home.")
    huge: int | None = computed(lambda row: 1 << 40, "More than an Int holds.")
    zoo: Annotated["Query", LAZY] = computed(lambda row: (), "Everything.")


@strawberry.type(description="A cat.")
class Cat(Animal):
    is_type_of = Rows(CatRow)
    lives: int = computed(lambda row: 9 - row.id, "How many are left.")


@strawberry.type(description="A fish.")
class Fish(Animal):
    is_type_of = Rows(FishRow, kind="fish")


@strawberry.type(description="A whale.")
class Whale(Animal):
    @classmethod
    def is_type_of(cls, row: Any, _: Any) -> bool:
        return isinstance(row, FishRow) and row.kind == "whale"

    depth: Decimal = computed(lambda row: Decimal(row.id) / 4, "How deep it dives.")


@strawberry.type(description="A place.")
class Home:
    name: str = _field()
    keeper_name: str | None = edge(batch(lambda row: None), "Who looks after it.")
    animal: Animal = computed(lambda row: row, "Who lives there.")


Pet = Annotated[Cat | Fish, strawberry.union("Pet", description="What fits into a flat.")]


async def all_animals(keeper: Keeper, *, which: Annotated[Filter | None, "Which."] = None) -> list[Any]:
    keeper.calls.append(("animals", 1))
    if which is None:
        return list(ANIMALS.values())
    names = which.names if isinstance(which.names, list) else None
    return [row for row in ANIMALS.values() if row.diet == which.diet and (names is None or row.name in names)]


def one_animal(keeper: Keeper, *, id: Annotated[strawberry.ID, "Its number."]) -> Any:
    return ANIMALS.get(int(id)) if id.isdigit() else None


async def found(keeper: Keeper, *, by: Annotated[Which, "How."]) -> Any:
    if by.name is strawberry.UNSET:
        return one_animal(keeper, id=by.id or strawberry.ID(""))
    return next((row for row in ANIMALS.values() if row.name == by.name), None)


async def echo(
    keeper: Keeper,
    *,
    text: Annotated[str, "Any."] = "hello",
    number: Annotated[int | None, "Any."] = 7,
    real: Annotated[float, "Any."] = 0.5,
    diets: Annotated[list[Diet] | None, "Any."] = None,
    which: Annotated[Filter | None, "Any."] = None,
    many: Annotated[list[Filter | None] | None, "Any."] = None,
) -> str:
    return repr((text, number, real, diets, which, many))


async def numbered(keeper: Keeper, *, by: Annotated[int, "How many."]) -> Any:
    before = len(keeper.calls)
    await asyncio.sleep(0)  # two of these at once would count the same
    keeper.calls[before:] = [("numbered", by)]
    if by < 0:
        raise BrokenError("negative")
    return len(keeper.calls)


async def fails(keeper: Keeper) -> Any:
    raise BrokenError("root")


@strawberry.type(description="All that can be read.")
class Query:
    animals: list[Animal] = root(all_animals, "All of them.")
    animals_or_none: list[Animal] | None = root(all_animals, "All of them.")
    animal: Animal | None = root(one_animal, "One of them.")
    found: Animal | None = root(found, "One of them.")
    pets: list[Pet] | None = root(all_animals, "Those that are no pets are errors.")
    pet: Pet | None = root(one_animal, "One of them.")
    cats: list[Cat | None] = root(all_animals, "Those that are no cats are errors.")
    again_cats: list[Cat] = root(lambda keeper: [ANIMALS[key] for key in (6, 1, 6, 5, 1)], "Some of them twice.")
    echo: str = root(echo, "What was given.")
    nothing: str = root(fails, "Fails, and takes all with it.")
    nothing_or_none: str | None = root(fails, "Fails.")
    again: Annotated["Query", LAZY] = root(lambda keeper: (), "The same again.")


@strawberry.type(description="All that can be done.")
class Mutation:
    count: int | None = root(numbered, "Counts.")
    count_required: int = root(numbered, "Counts, or fails altogether.")
    rename: Animal | None = root(one_animal, "Does nothing.")


SCHEMA = strawberry.Schema(Query, Mutation, types=[Cat, Fish, Whale])._schema
SCHEMA.type_map["Which"].is_one_of = True  # type: ignore[attr-defined]  # as the product's schema does
