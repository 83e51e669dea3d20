"""The sandbox's books. It has none of its own: they say what a bank would have booked of what was asked of it.

A minute after it was asked for, money has reached its end. From a few test numbers it comes back a minute later, and
after another minute that is booked, too.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlmodel import col

from models.database import Database, DatabaseError, Query, columns_of, is_one_of
from models.funding import FundingSource
from models.money import Currency, Money
from models.rails import Direction, IntentState, RailIntent, SettlementKind, SettlementRow
from models.transfers import Rail
from models.types import Timestamp
from rails.interface import Settlement, UnreachableError
from rails.sandbox import BEHAVIOURS

BOOKED_AFTER = timedelta(minutes=1)
COMES_BACK_WITHIN = timedelta(days=1)
AT_ONCE = 500


class _Moved(NamedTuple):
    id: UUID
    amount: int
    currency: Currency
    network_ref: str
    submitted_at: datetime


class _Settled(NamedTuple):
    id: UUID
    direction: Direction
    amount: int
    currency: Currency
    network_ref: str
    reference: str
    booked_at: datetime


_COMING_BACK = [name for name, behaviour in BEHAVIOURS.items() if behaviour.comes_back]
_unbooked = Query(
    _Moved,
    select(*columns_of(_Moved, RailIntent))
    .where(
        col(RailIntent.rail) == Rail.SANDBOX,
        col(RailIntent.state) == IntentState.APPROVED,
        col(RailIntent.network_ref).is_not(None),
        col(RailIntent.submitted_at) <= bindparam("until", type_=Timestamp()),
    )
    .order_by(col(RailIntent.submitted_at))
    .limit(AT_ONCE),
)
_booked = Query(
    _Settled,
    select(
        col(RailIntent.id),
        col(RailIntent.direction),
        col(RailIntent.amount),
        col(RailIntent.currency),
        col(RailIntent.network_ref),
        col(FundingSource.reference),
        col(SettlementRow.booked_at),
    )
    .join(RailIntent, col(RailIntent.id) == col(SettlementRow.intent_id))
    .join(FundingSource, col(FundingSource.id) == col(RailIntent.source_id))
    .where(
        col(SettlementRow.rail) == Rail.SANDBOX,
        col(SettlementRow.kind) == SettlementKind.SETTLED,
        col(SettlementRow.booked_at) > bindparam("since", type_=Timestamp()),
        is_one_of(col(FundingSource.reference), _COMING_BACK),
    ),
)


class SandboxBooks:
    """What of the money over the sandbox would have been booked by now."""

    def __init__(self, database: Database, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._now = now

    async def booked(self) -> Sequence[Settlement]:
        """What has reached its end and is not known to have, and what has come back within a day, oldest first.

        Raises UnreachableError.
        """
        now = self._now()
        try:
            moved = await self._database.fetch(_unbooked, until=now - BOOKED_AFTER)
            settled = await self._database.fetch(_booked, since=now - COMES_BACK_WITHIN)
        except DatabaseError as error:
            raise UnreachableError("The database does not answer.") from error
        lines = [_line(row, SettlementKind.SETTLED, row.submitted_at + BOOKED_AFTER) for row in moved]
        lines += [line for row in settled for line in _given_back(row)]
        return sorted((line for line in lines if line.booked_at <= now), key=lambda line: line.booked_at)


def _given_back(row: _Settled) -> list[Settlement]:
    code = BEHAVIOURS[row.reference].comes_back.get(row.direction)
    if code is None:
        return []
    returned = row.booked_at + BOOKED_AFTER
    return [
        _line(row, SettlementKind.RETURNED, returned, code),
        _line(row, SettlementKind.RETURN_SETTLED, returned + BOOKED_AFTER),
    ]


def _line(row: _Moved | _Settled, kind: SettlementKind, booked_at: datetime, code: str | None = None) -> Settlement:
    amount = Money(row.amount, row.currency)
    return Settlement(f"{row.network_ref} {kind}", row.network_ref, kind, amount, booked_at, code)
