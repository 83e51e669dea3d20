"""Security events: what has happened with an account, for its owner to read. Nobody changes them, nor deletes them.

Where a request came from is kept for `ADDRESSES_KEPT`; then the address is erased, and the event stays.

What changes something has its event in its own transaction. What was refused is noted in the context, and written when
the request has been answered: so nobody can tell by the time whether a handle that was tried is somebody's.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlmodel import col

from ledger import Write
from models.database import Command, Database, PageQuery, Query, Transaction, any_of, insert_rows
from models.ids import first_id_at
from models.security import SecurityEvent
from models.types import Id, Timestamp
from resolvers.context import Context, SecurityEventRow
from resolvers.pagination import After, First, Listing, Page, window
from resolvers.users import IdRow, ViewerRow

MOST_REFUSALS = 20
"""So many refusals of one kind are written for one account in `REFUSALS_WITHIN`."""
REFUSALS_WITHIN = timedelta(hours=1)
ADDRESSES_KEPT = timedelta(days=90)
ERASED_AT_ONCE = 1_000

_COLUMNS = tuple(getattr(SecurityEvent, name) for name in SecurityEventRow._fields)
_OWNER = col(SecurityEvent.user_id) == bindparam("owner_id", type_=Id())
_insert = insert_rows(SecurityEvent, SecurityEventRow)
_listed: Listing[SecurityEventRow] = Listing(
    PageQuery(SecurityEventRow, _COLUMNS, parent=SecurityEvent.user_id, order=SecurityEvent.id),
    order=lambda event: event.id,
    parent=lambda event: event.user_id,
)
_by_ids = Query(SecurityEventRow, select(*_COLUMNS).where(_OWNER, any_of(SecurityEvent.id)))
_refusals = Query(
    IdRow,
    select(col(SecurityEvent.id))
    .where(
        _OWNER,
        col(SecurityEvent.id) >= bindparam("since", type_=Id()),
        col(SecurityEvent.kind) == bindparam("kind"),
    )
    .limit(MOST_REFUSALS),
)

_old = (
    select(col(SecurityEvent.id))
    .where(
        col(SecurityEvent.address).is_not(None),
        col(SecurityEvent.id) < bindparam("bound", type_=Id()),
        col(SecurityEvent.created_at) < bindparam("moment", type_=Timestamp()),
    )
    .order_by(col(SecurityEvent.id))
    .limit(ERASED_AT_ONCE)
)
_erase = Command(
    update(SecurityEvent)
    .where(col(SecurityEvent.id).in_(_old), col(SecurityEvent.address).is_not(None))
    .values(address=None)
)


async def security_events_of(
    ctx: Context, viewers: list[ViewerRow], *, first: First = None, after: After = None
) -> list[Page[SecurityEventRow]]:
    """What has happened with each user's account, newest first."""
    pages = await _listed.pages(ctx.database, [viewer.id for viewer in viewers], window(first, after))
    return [pages[viewer.id] for viewer in viewers]


async def events_by_id(ctx: Context, owner_id: UUID, ids: list[UUID]) -> dict[UUID, SecurityEventRow]:
    """Those of the events with these ids that are the owner's."""
    rows = await ctx.database.fetch(_by_ids, owner_id=owner_id, keys=ids) if ids else []
    return {row.id: row for row in rows}


def as_write(event: SecurityEventRow) -> Write:
    """The event as a write that goes with an order to the ledger."""
    return Write(_insert, event)


async def write(transaction: Transaction, *events: SecurityEventRow) -> None:
    """Writes events in a transaction that is open."""
    await transaction.run_many(_insert, [event._asdict() for event in events])


async def write_refusals(ctx: Context) -> None:
    """Writes what the request has noted: at most `MOST_REFUSALS` of a kind for one account in an hour.

    Beyond that an attempt costs a read. Attempts of one moment may see the same count and pass it by their own number.
    """
    since = first_id_at(ctx.now() - REFUSALS_WITHIN)
    refusals, ctx.refusals = ctx.refusals, []
    for event in refusals:
        known = await ctx.app.database.fetch(_refusals, owner_id=event.user_id, since=since, kind=event.kind)
        if len(known) < MOST_REFUSALS:
            async with ctx.app.database.transaction() as transaction:
                await write(transaction, event)


async def erase_old_addresses(database: Database, now: datetime) -> int:
    """Erases the addresses of all events that are older than `ADDRESSES_KEPT`. Returns how many there were."""
    erased, moment = 0, now - ADDRESSES_KEPT
    while True:
        async with database.transaction() as transaction:
            count = await transaction.run(_erase, bound=first_id_at(moment), moment=moment)
        erased += count
        if count < ERASED_AT_ONCE:
            return erased
