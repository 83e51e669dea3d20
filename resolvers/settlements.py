"""Settlements: what the networks' books say of what we asked of them, and what does not fit.

What fits an intent is posted: the bank has the money, or has taken it back. What does not fit is written down as a
finding and changes nothing: people look at it. A line is taken once, however often it is told.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, select, update
from sqlmodel import col

from ledger import Line, Order, Write
from ledger.kinds import top_up, withdrawal
from models.database import Command, Query, UniqueError, columns_of, insert_rows
from models.ids import HOUSE, new_id
from models.money import Currency
from models.rails import Direction, Finding, IntentState, RailIntent, SettlementKind, SettlementRow
from models.transfers import Rail
from models.types import Id, Timestamp
from rails import Declined, RailAdapter, Settlement
from resolvers import intents
from resolvers.chargebacks import charged_back
from resolvers.context import App, Context
from resolvers.intents import IntentRow, Step, Taken
from resolvers.transfers import Request, TransferRow, transfers_by_id
from resolvers.withdrawals import returned

OVERLAP = timedelta(days=7)
"""How far back lines are asked for again: a network may book something late, as of an earlier day."""
OVERDUE = timedelta(days=5)
"""What was approved so long ago should have been booked."""
EVER = datetime(1970, 1, 1, tzinfo=UTC)


class TakenLine(NamedTuple):
    """A line of a network's books, and what it was found to be. Amounts are minor units of `currency`."""

    rail: Rail
    line: str
    network_ref: str
    kind: SettlementKind
    amount: int
    currency: Currency
    code: str | None
    booked_at: datetime
    intent_id: UUID | None
    finding: Finding


class Report(NamedTuple):
    """What a look at a network's books has brought."""

    taken: int
    """How many lines fitted."""
    findings: list[TakenLine]
    """Lines that do not fit."""
    overdue: list[IntentRow]
    """What should have been booked by now, and has not been."""


class _MomentRow(NamedTuple):
    moment: datetime | None


_LINE = select(*columns_of(TakenLine, SettlementRow))
_OF_RAIL = col(SettlementRow.rail) == bindparam("on_rail")
_known = Query(TakenLine, _LINE.where(_OF_RAIL, col(SettlementRow.line) == bindparam("told")))
_findings = Query(
    TakenLine,
    _LINE.where(_OF_RAIL, col(SettlementRow.finding) != Finding.MATCHED).order_by(col(SettlementRow.booked_at)),
)
_last = Query(_MomentRow, select(func.max(col(SettlementRow.booked_at)).label("moment")).where(_OF_RAIL))
_insert = insert_rows(SettlementRow, TakenLine)
_INTENT = select(*columns_of(IntentRow, RailIntent)).where(col(RailIntent.rail) == bindparam("on_rail"))
_by_ref = Query(IntentRow, _INTENT.where(col(RailIntent.network_ref) == bindparam("ref")))
_overdue = Query(
    IntentRow,
    _INTENT.where(
        col(RailIntent.state) == IntentState.APPROVED,
        col(RailIntent.submitted_at) < bindparam("before", type_=Timestamp()),
    ),
)
_THIS = col(RailIntent.id) == bindparam("intent_id", type_=Id())
# Whoever asks the network at this moment writes other columns, so neither waits for the other's turn.
_settled = Command(
    update(RailIntent)
    .where(_THIS)
    .values(
        settled_at=bindparam("moment", type_=Timestamp()),
        state=case((col(RailIntent.state) == IntentState.APPROVED, IntentState.SETTLED), else_=col(RailIntent.state)),
    )
)
_returned = Command(
    update(RailIntent).where(_THIS).values(returned=bindparam("is_returned"), state=IntentState.RETURNED)
)
_due = Command(update(RailIntent).where(_THIS).values(due_at=bindparam("moment", type_=Timestamp())))

_OPEN = {IntentState.CREATED, IntentState.SUBMITTING, IntentState.PENDING, IntentState.UNKNOWN}


async def reconcile(app: App, rail: Rail, now: datetime) -> Report:
    """Takes what a network has booked since the last time, and says what does not fit.

    Raises UnreachableError when the network cannot be asked; what was taken before stays taken.
    """
    taken = 0
    for line in await _told(app, app.rails.adapters[rail]):
        known = await app.database.first(_known, on_rail=rail, told=line.line)
        if known is not None:
            continue
        with suppress(UniqueError):  # another process has taken it at this moment
            found = await _take(app, rail, line, now)
            taken += found is not None and found.finding is Finding.MATCHED
    return (await outstanding(app, rail, now))._replace(taken=taken)


async def outstanding(app: App, rail: Rail, now: datetime) -> Report:
    """What does not fit of what a network has booked before, without asking it."""
    adapter = app.rails.adapters.get(rail)
    settles = adapter is not None and adapter.capabilities.settles
    findings = await app.database.fetch(_findings, on_rail=rail)
    overdue = await app.database.fetch(_overdue, on_rail=rail, before=now - OVERDUE) if settles else []
    return Report(0, findings, overdue)


async def _told(app: App, adapter: RailAdapter) -> list[Settlement]:
    last = await app.database.first(_last, on_rail=adapter.rail)
    since = EVER if last is None or last.moment is None else last.moment - OVERLAP
    return list(await adapter.settlements(since))


async def _take(app: App, rail: Rail, line: Settlement, now: datetime) -> TakenLine | None:
    """Takes one line. None: it is about something that is still under way, and will be taken another time."""
    intent = await app.database.first(_by_ref, on_rail=rail, ref=line.network_ref)
    if intent is not None and intent.state in _OPEN and not (intent.suspended and line.kind is SettlementKind.SETTLED):
        await _hurry(app, intent, line, now)
        return None
    finding = _finding(intent, line)
    row = TakenLine(
        rail,
        line.line,
        line.network_ref,
        line.kind,
        line.amount.minor_units,
        line.amount.currency,
        line.code,
        line.booked_at,
        None if intent is None else intent.id,
        finding,
    )
    if finding is not Finding.MATCHED:
        async with app.database.transaction() as transaction:
            await transaction.run_many(_insert, [row._asdict()])
        return row
    assert intent is not None, "what fits fits an intent"
    await app.ledger.submit(await _order(app, intent, line, row, now))
    return row


def _finding(intent: IntentRow | None, line: Settlement) -> Finding:
    if intent is None:
        return Finding.UNMATCHED
    if line.amount != intent.money(intent.moved):
        return Finding.WRONG_AMOUNT
    expected = {
        SettlementKind.SETTLED: intent.settled_at is None and intent.moved > 0,
        SettlementKind.RETURNED: not intent.returned and intent.state in (IntentState.APPROVED, IntentState.SETTLED),
        SettlementKind.RETURN_SETTLED: intent.returned or intent.state is IntentState.REVERSED,
    }
    return Finding.MATCHED if expected[line.kind] else Finding.UNEXPECTED


async def _hurry(app: App, intent: IntentRow, line: Settlement, now: datetime) -> None:
    """The books know more than we do: a bank that gives a debit back has said so, all else the network is asked."""
    if intent.suspended and line.kind is SettlementKind.RETURNED:
        answer = Declined(line.code or "RETURNED", "The bank has given it back.")
        await intents.take_in(app, Taken(intent, Step.QUERY), answer, now)
        return
    async with app.database.transaction() as transaction:
        await transaction.run(_due, intent_id=intent.id, moment=now)


async def _order(app: App, intent: IntentRow, line: Settlement, row: TakenLine, now: datetime) -> Order:
    taken = Write(_insert, row)
    request = Request(HOUSE, f"{row.rail} {row.line}", b"")
    if line.kind is SettlementKind.RETURNED:
        order = await _return(app, intent, request)
        mark = Write(_returned, {"intent_id": intent.id, "is_returned": True})
        return replace(order, writes=(*order.writes, taken, mark))
    kind, lines = _booked(intent, line)
    marks = (Write(_settled, {"intent_id": intent.id, "moment": now}),) if line.kind is SettlementKind.SETTLED else ()
    return Order(
        id=new_id(),
        kind=kind,
        actor_id=request.actor_id,
        key=request.key,
        request_hash=request.hash,
        created_at=now,
        lines=lines,
        writes=(taken, *marks),
    )


def _booked(intent: IntentRow, line: Settlement) -> tuple[str, tuple[Line, ...]]:
    pulls, settled = intent.direction is Direction.PULL, line.kind is SettlementKind.SETTLED
    if pulls:
        lines = top_up.settled(line.amount) if settled else top_up.return_settled(line.amount)
        return top_up.SETTLED if settled else top_up.RETURN_SETTLED, lines
    lines = withdrawal.settled(line.amount) if settled else withdrawal.return_settled(line.amount)
    return withdrawal.SETTLED if settled else withdrawal.RETURN_SETTLED, lines


async def _return(app: App, intent: IntentRow, request: Request) -> Order:
    ctx = Context(app, None)
    transfer: TransferRow = (await transfers_by_id(ctx, [intent.id]))[intent.id]
    if intent.direction is Direction.PULL:
        return charged_back(ctx, request, transfer, intent.money())
    return returned(ctx, request, transfer)
