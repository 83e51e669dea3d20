"""Every column type gives back what was put in, on both databases."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select
from sqlmodel import SQLModel, col

from models.accounts import Token, TokenKind
from models.database import Command, Database, Query, insert
from models.funding import FundingSource, SourceKind
from models.ids import new_id
from models.money import Currency
from models.transfers import Rail

ids = st.uuids(allow_nil=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
moments = st.datetimes(datetime(1, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001
big_integers = st.integers(0, (1 << 63) - 1)

fresh_rows_each_time = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


class TokenRow(NamedTuple):
    id: UUID
    user_id: UUID
    kind: TokenKind
    name: str
    scopes: str
    secret_hash: bytes
    spend_limit: int | None
    spend_limit_currency: Currency | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class SourceRow(NamedTuple):
    id: UUID
    user_id: UUID
    kind: SourceKind
    rail: Rail
    label: str
    brand: str | None
    last4: str
    expires: str | None
    verified: bool
    reference: str
    created_at: datetime


tokens = st.builds(
    lambda limit, **values: TokenRow(
        id=new_id(),
        secret_hash=new_id().bytes + b"\0\xff",
        spend_limit=limit and limit[0],
        spend_limit_currency=limit and limit[1],
        **values,
    ),
    st.none() | st.tuples(big_integers, st.sampled_from(Currency)),
    user_id=ids,
    kind=st.sampled_from(TokenKind),
    name=texts,
    scopes=texts,
    created_at=moments,
    expires_at=st.none() | moments,
    last_used_at=st.none() | moments,
    revoked_at=st.none() | moments,
)
sources = st.builds(
    lambda **values: SourceRow(id=new_id(), label="", last4="4242", reference="", **values),
    user_id=ids,
    kind=st.sampled_from(SourceKind),
    brand=st.sampled_from(["Visa", None]),
    expires=st.sampled_from(["01/2030", None]),
    rail=st.sampled_from(Rail),
    verified=st.booleans(),
    created_at=moments,
)


async def stored(database: Database, table: type[SQLModel], row: Any) -> Any:
    columns: dict[str, Any] = {name: bindparam(name) for name in row._fields}
    query: Query[Any] = Query(
        type(row),
        select(*(getattr(table, name) for name in row._fields)).where(col(table.id) == bindparam("id")),  # type: ignore[attr-defined]
    )
    async with database.transaction() as transaction:
        assert await transaction.run(Command(insert(table).values(columns)), **row._asdict()) == 1
    return await database.first(query, id=row.id)


@given(tokens)
@fresh_rows_each_time
async def test_tokens_come_back_as_they_went_in(database: Database, token: TokenRow) -> None:
    found = await stored(database, Token, token)
    assert found == token
    assert type(found.kind) is TokenKind
    assert found.created_at.utcoffset() == token.created_at.utcoffset()


@given(sources)
@fresh_rows_each_time
async def test_funding_sources_come_back_as_they_went_in(database: Database, source: SourceRow) -> None:
    found = await stored(database, FundingSource, source)
    assert found == source
    assert found.verified is source.verified
    assert isinstance(found.id, UUID)
    assert type(found.rail) is Rail
    assert type(found.kind) is SourceKind


async def test_ids_and_moments_sort_the_same_way_as_in_python(database: Database) -> None:
    moments = [datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC), datetime(2024, 2, 29, 1, 2, 3, 4, UTC)]
    rows = [
        SourceRow(UUID(int=number), UUID(int=0), SourceKind.CARD, Rail.SANDBOX, "", "", "", "", True, "", moment)
        for number in (0, 1, 1 << 63, 1 << 127, (1 << 128) - 1)
        for moment in [moments[number % 2]]
    ]
    for row in reversed(rows):
        await stored(database, FundingSource, row)
    columns = [getattr(FundingSource, name) for name in SourceRow._fields]
    by_id = Query(SourceRow, select(*columns).order_by(col(FundingSource.id)))
    by_moment = Query(SourceRow, select(*columns).order_by(col(FundingSource.created_at), col(FundingSource.id)))
    assert await database.fetch(by_id) == rows
    assert await database.fetch(by_moment) == sorted(rows, key=lambda row: (row.created_at, row.id))
