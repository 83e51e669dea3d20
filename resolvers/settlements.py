"""Settlements: what the networks' books say of what we asked of them, and what does not fit.

Each line is written down as it is told. What fits an intent is posted: the bank has the money, or has taken it back.
What does not fit is a finding and changes nothing: people look at it. It is looked at again the next time, because an
intent may have come further since then. A line is taken once, however often it is told.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, select, update
from sqlmodel import col

from ledger import Line, Order, Write
from ledger.kinds import top_up, withdrawal
from models.database import Command, Query, columns_of, insert
from models.ids import HOUSE, new_id
from models.money import Currency
from models.rails import Direction, Finding, IntentState, RailIntent, SettlementKind, SettlementRow
from models.transfers import Rail
from models.types import Id, Timestamp
from rails import Declined, RailAdapter, Settlement
from resolvers import intents
from resolvers.chargebacks import charged_back
from resolvers.context import App, Context
from resolvers.intents import Taken
from resolvers.outcomes import IntentRow, Step
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
    """How many lines fitted, that did not before."""
    findings: list[TakenLine]
    """Lines that do not fit."""
    overdue: list[IntentRow]
    """What should have been booked by now, and has not been."""


class _MomentRow(NamedTuple):
    moment: datetime | None


_LINE = select(*columns_of(TakenLine, SettlementRow))
_OF_RAIL = col(SettlementRow.rail) == bindparam("on_rail")
_IS_OPEN = col(SettlementRow.finding) != Finding.MATCHED
_open = Query(TakenLine, _LINE.where(_OF_RAIL, _IS_OPEN))
_last = Query(_MomentRow, select(func.max(col(SettlementRow.booked_at)).label("moment")).where(_OF_RAIL))
_insert = Command(
    insert(SettlementRow).values({name: bindparam(name) for name in TakenLine._fields}).on_conflict_do_nothing()
)
_found = Command(
    update(SettlementRow)
    .where(_OF_RAIL, col(SettlementRow.line) == bindparam("told"), _IS_OPEN)
    .values(finding=bindparam("finding"), intent_id=bindparam("intent_id", type_=Id()))
)
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

_OPEN = {IntentState.CREATED, IntentState.SUBMITTING, IntentState.PENDING, IntentState.UNKNOWN}
_UNDONE = {IntentState.REVERSED, IntentState.DECLINED}
_ORDER = {kind: place for place, kind in enumerate(SettlementKind)}


async def reconcile(app: App, rail: Rail, now: datetime) -> Report:
    """Takes what a network has booked since the last time, and says what does not fit.

    What did not fit before is looked at again: a line may be about something that the network had not named yet.
    Raises UnreachableError when the network cannot be asked; what was taken before stays taken.
    """
    adapter = app.rails.adapters[rail]
    await _write_down(app, rail, await _told(app, adapter))
    taken = 0
    for line in await _open_lines(app, rail):
        taken += await _take(app, line, now)
    return (await outstanding(app, rail, now))._replace(taken=taken)


async def outstanding(app: App, rail: Rail, now: datetime) -> Report:
    """What does not fit of what a network has booked before, without asking it."""
    adapter = app.rails.adapters.get(rail)
    settles = adapter is not None and adapter.capabilities.settles
    findings = [line for line in await _open_lines(app, rail) if line.finding is not Finding.EARLY]
    overdue = await app.database.fetch(_overdue, on_rail=rail, before=now - OVERDUE) if settles else []
    return Report(0, findings, overdue)


async def _told(app: App, adapter: RailAdapter) -> list[Settlement]:
    last = await app.database.first(_last, on_rail=adapter.rail)
    since = EVER if last is None or last.moment is None else last.moment - OVERLAP
    return list(await adapter.settlements(since))


async def _write_down(app: App, rail: Rail, told: list[Settlement]) -> None:
    if not told:
        return
    rows = [
        TakenLine(
            rail,
            line.line,
            line.network_ref,
            line.kind,
            line.amount.minor_units,
            line.amount.currency,
            line.code,
            line.booked_at,
            None,
            Finding.EARLY,
        )
        for line in told
    ]
    async with app.database.transaction() as transaction:
        await transaction.run_many(_insert, [row._asdict() for row in rows])


async def _open_lines(app: App, rail: Rail) -> list[TakenLine]:
    """What has not fitted so far, in the order in which it happened."""
    lines = await app.database.fetch(_open, on_rail=rail)
    return sorted(lines, key=lambda line: (line.booked_at, _ORDER[line.kind], line.line))


async def _take(app: App, line: TakenLine, now: datetime) -> bool:
    """Takes a line, if it fits by now. Whether it does."""
    intent = await app.database.first(_by_ref, on_rail=line.rail, ref=line.network_ref)
    finding = _finding(intent, line)
    if intent is not None and finding is Finding.EARLY:
        await _hurry(app, intent, line, now)
    found = line._replace(finding=finding, intent_id=None if intent is None else intent.id)
    if found == line:
        return False
    order = None if intent is None or finding is not Finding.MATCHED else await _order(app, intent, found, now)
    if order is not None:
        await app.ledger.submit(order)
        return True
    async with app.database.transaction() as transaction:
        await transaction.run(_found, **_told_of(found))
    return finding is Finding.MATCHED


def _finding(intent: IntentRow | None, line: TakenLine) -> Finding:
    if intent is None:
        return Finding.UNMATCHED
    if _is_early(intent, line):
        return Finding.EARLY
    if (line.amount, line.currency) != (intent.moved or intent.amount, intent.currency):
        return Finding.WRONG_AMOUNT
    expected = {
        SettlementKind.SETTLED: intent.settled_at is None and intent.moved > 0,
        SettlementKind.RETURNED: not intent.returned,
        SettlementKind.RETURN_SETTLED: intent.settled_at is not None and (intent.returned or intent.state in _UNDONE),
    }
    return Finding.MATCHED if expected[line.kind] else Finding.UNEXPECTED


def _is_early(intent: IntentRow, line: TakenLine) -> bool:
    """Whether a line is about what is still under way. The bank may have money before the network is sure of it."""
    if line.kind is SettlementKind.SETTLED:
        return intent.state in _OPEN and not intent.suspended
    return intent.state in _OPEN or intent.state is IntentState.REVERSING


async def _hurry(app: App, intent: IntentRow, line: TakenLine, now: datetime) -> None:
    """The books know more than we do: a bank that gives a debit back has said so, all else the network is asked."""
    if intent.suspended and intent.state in _OPEN and line.kind is SettlementKind.RETURNED:
        answer = Declined(line.code or "RETURNED", "The bank has given it back.")
        await intents.take_in(app, Taken(intent, Step.QUERY), answer, now)
        return
    await intents.hurry(app, intent.rail, [line.network_ref], now)


async def _order(app: App, intent: IntentRow, line: TakenLine, now: datetime) -> Order | None:
    """What a line that fits does to the books. None: they have it already."""
    taken = Write(_found, _told_of(line))
    request = Request(HOUSE, f"{line.rail} {line.line}", b"")
    if line.kind is SettlementKind.RETURNED:
        if intent.state in _UNDONE:
            return None
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


def _told_of(line: TakenLine) -> dict[str, object]:
    return {"on_rail": line.rail, "told": line.line, "finding": line.finding, "intent_id": line.intent_id}


def _booked(intent: IntentRow, line: TakenLine) -> tuple[str, tuple[Line, ...]]:
    pulls, settled = intent.direction is Direction.PULL, line.kind is SettlementKind.SETTLED
    amount = intent.money(line.amount)
    if pulls:
        lines = top_up.settled(amount) if settled else top_up.return_settled(amount)
        return top_up.SETTLED if settled else top_up.RETURN_SETTLED, lines
    lines = withdrawal.settled(amount) if settled else withdrawal.return_settled(amount)
    return withdrawal.SETTLED if settled else withdrawal.RETURN_SETTLED, lines


async def _return(app: App, intent: IntentRow, request: Request) -> Order:
    ctx = Context(app, None)
    transfer: TransferRow = (await transfers_by_id(ctx, [intent.id]))[intent.id]
    if intent.direction is Direction.PULL:
        return charged_back(ctx, request, transfer, intent.money())
    return returned(ctx, request, transfer)
