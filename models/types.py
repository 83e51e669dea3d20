"""Column types with one Python value and a fitting form on each database.

SQLite's tables are STRICT, so every type maps to one of its few storage classes.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID  # a subclass of uuid.UUID, built in C
from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Constraint,
    Dialect,
    Integer,
    LargeBinary,
    Text,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import Boolean, TypeEngine

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class _Portable(TypeDecorator[Any]):
    """A type that says how it is stored on SQLite and converts nothing on PostgreSQL."""

    cache_ok = True
    impl = Text
    on_sqlite: type[TypeEngine[Any]] = Text

    def on_postgresql(self) -> TypeEngine[Any]:
        return Text()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(self.on_sqlite())
        return dialect.type_descriptor(self.on_postgresql())

    def to_sqlite(self, value: Any) -> Any:
        return value

    def from_sqlite(self, value: Any) -> Any:
        return value

    def column_from_sqlite(self, values: Sequence[Any]) -> list[Any]:
        """All values of a column, or None where there are none."""
        return [None if value is None else self.from_sqlite(value) for value in values]

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        if dialect.name != "sqlite" or type(self).to_sqlite is _Portable.to_sqlite:
            return None
        convert = self.to_sqlite
        return lambda value: None if value is None else convert(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        if dialect.name != "sqlite" or type(self).from_sqlite is _Portable.from_sqlite:
            return None
        convert = self.from_sqlite
        return lambda value: None if value is None else convert(value)


class Id(_Portable):
    """A 128-bit id: uuid on PostgreSQL, 16 bytes on SQLite, where it sorts the same way."""

    on_sqlite = LargeBinary

    def on_postgresql(self) -> TypeEngine[Any]:
        return Uuid(as_uuid=True)

    def to_sqlite(self, value: UUID) -> bytes:
        return value.bytes

    def from_sqlite(self, value: bytes) -> UUID:
        return FastUUID(value)

    def column_from_sqlite(self, values: Sequence[bytes | None]) -> list[UUID | None]:
        return [None if value is None else FastUUID(value) for value in values]


class Ids(_Portable):
    """A list of ids as one parameter: uuid[] on PostgreSQL, their bytes in a row on SQLite."""

    on_sqlite = LargeBinary

    def on_postgresql(self) -> TypeEngine[Any]:
        return ARRAY(Uuid(as_uuid=True))

    def to_sqlite(self, value: Sequence[UUID]) -> bytes:
        return b"".join([key.bytes for key in value])


class Texts(_Portable):
    """A list of texts as one parameter: text[] on PostgreSQL, a JSON array on SQLite."""

    def on_postgresql(self) -> TypeEngine[Any]:
        return ARRAY(Text())

    def to_sqlite(self, value: Sequence[str]) -> str:
        return json.dumps(value)


class Numbers(_Portable):
    """A list of 64-bit integers as one parameter: bigint[] on PostgreSQL, a JSON array on SQLite."""

    def on_postgresql(self) -> TypeEngine[Any]:
        return ARRAY(BigInteger())

    def to_sqlite(self, value: Sequence[int]) -> str:
        return json.dumps(value)


class Timestamp(_Portable):
    """A moment in UTC: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    on_sqlite = Integer

    def on_postgresql(self) -> TypeEngine[Any]:
        return TIMESTAMP(timezone=True)

    def to_sqlite(self, value: datetime) -> int:
        return (value - EPOCH) // MICROSECOND

    def from_sqlite(self, value: int) -> datetime:
        return EPOCH + timedelta(microseconds=value)

    def column_from_sqlite(self, values: Sequence[int | None]) -> list[datetime | None]:
        return [None if value is None else EPOCH + timedelta(0, 0, value) for value in values]


class Flag(_Portable):
    """True or false; 1 or 0 on SQLite."""

    on_sqlite = Integer

    def on_postgresql(self) -> TypeEngine[Any]:
        return Boolean()

    def to_sqlite(self, value: bool) -> int:
        return int(value)

    def from_sqlite(self, value: int) -> bool:
        return bool(value)


class Choice(TypeDecorator[Any]):
    """One value of an enumeration, stored as its text. Pair it with `one_of_check`."""

    cache_ok = True
    impl = Text

    def __init__(self, choices: type[StrEnum]) -> None:
        super().__init__()
        self.choices = choices

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        members = {str(member): member for member in self.choices}
        return lambda value: None if value is None else members[value]


BigInt: Any = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer on both databases."""


def column_processor(type_: TypeEngine[Any], dialect: Dialect) -> Callable[[Sequence[Any]], list[Any]] | None:
    """What makes Python's values of those that a driver gives for a column; None where they are the same."""
    process = type_.dialect_impl(dialect).result_processor(dialect, None)
    if process is None:
        return None
    if isinstance(type_, _Portable):
        return type_.column_from_sqlite  # a call for each value would cost as much as what it does
    return lambda values: list(map(process, values))


def choice(choices: type[StrEnum]) -> Any:
    """A column type for one of these choices, as `Field(sa_type=…)` takes it."""
    return Choice(choices)


def one_of_check(column: str, choices: type[StrEnum]) -> CheckConstraint:
    """The check that a `Choice` column holds one of its choices."""
    listed = ", ".join(f"'{member}'" for member in choices)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_is_known")


def table_args(*items: Any) -> tuple[Any, ...]:
    """What every table shares (STRICT on SQLite), after its own constraints and indexes."""
    return (*items, {"sqlite_strict": True})


ConstraintType = TypeVar("ConstraintType", bound=Constraint)


def held_by_trigger(constraint: ConstraintType) -> ConstraintType:
    """A constraint of SQLite alone. On PostgreSQL triggers hold it, for all rows of a statement at once."""
    constraint.ddl_if(dialect="sqlite")
    constraint.info["only_on"] = "sqlite"
    return constraint
