"""Intents: money that is asked of a network outside, from the request until the network's books say that it is done.

    pull   CREATED -> SUBMITTING -> APPROVED -> SETTLED -> RETURNED
                                 -> PENDING | UNKNOWN -> (asked again)
                                 -> DECLINED
                                 -> REVERSING -> REVERSED
    push   CREATED -> SUBMITTING -> the same, without REVERSING; CREATED -> CANCELLED

Three rules protect the money. What a network is sent is written down before the first byte leaves. No transaction is
open while a network is asked. And what was sent is not sent again: whoever takes up an intent that somebody else may
have sent asks what has become of it.

Whoever takes up an intent puts `due_at` off for as long as the network may take, and so has it alone; if they die, it
is due again. `turn` tells an answer that comes too late. Each change of the books has a key of its own, so two who have
the same news post it once.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select, update
from sqlmodel import col

import ledger
from ledger import Line, Order, Resolution, Write
from ledger.kinds import top_up, withdrawal
from models.database import Command, Query, Transaction, any_of, columns_of, insert, is_one_of
from models.ids import HOUSE, new_id
from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed, RailIntent
from models.transfers import Rail, RailEnvironment, Transfer, TransferStatus
from models.types import Id, Timestamp
from rails import Answer, Approved, Call, Declined, NotSent, Pending, RailAdapter, Rejected, Source, Unknown
from resolvers import freezes, funding, limits
from resolvers.context import App

LEASE = timedelta(seconds=90)
"""For how long whoever takes up an intent has it: longer than a network may take to answer."""
POLLS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5))
"""How long it is until a network is asked again: the first time, the second, and from then on."""
BANK_POLL = timedelta(hours=1)
"""The same for what a bank takes days for."""
PATIENCE = timedelta(hours=24)
"""What is not known after so long is for the operator."""
MESSAGE, RETRYABLE = "message", "retryable"
"""Of the facts: what a network that declined says to people, and whether another try may go through."""


class IntentRow(NamedTuple):
    """An intent, as `models.rails.RailIntent` describes it. Amounts are minor units of `currency`."""

    id: UUID
    opened_by: UUID
    owner_id: UUID
    source_id: UUID
    direction: Direction
    speed: PayoutSpeed
    rail: Rail
    environment: RailEnvironment
    amount: int
    currency: Currency
    state: IntentState
    hold_id: UUID | None
    moved: int
    suspended: int
    trace: int
    network_ref: str | None
    network_code: str | None
    facts: str
    turn: int
    asked: int
    due_at: datetime | None
    created_at: datetime
    submitted_at: datetime | None
    reversed_at: datetime | None
    settled_at: datetime | None
    returned: bool
    drawn_in: datetime | None

    def money(self, units: int | None = None) -> Money:
        """The amount, or another one of its currency."""
        return Money(self.amount if units is None else units, self.currency)


class Step(StrEnum):
    """What is to be done about an intent."""

    SUBMIT = "SUBMIT"
    QUERY = "QUERY"
    REVERSE = "REVERSE"
    LET_GO = "LET_GO"


class Taken(NamedTuple):
    """An intent that the caller has to itself for a while, and what is to be done about it."""

    intent: IntentRow
    step: Step


_INTENT = select(*columns_of(IntentRow, RailIntent))
_by_ids = Query(IntentRow, _INTENT.where(any_of(RailIntent.id)))
_by_journals = Query(IntentRow, _INTENT.where(any_of(RailIntent.opened_by)))
_LOCKED = _INTENT.with_for_update(skip_locked=True)
_next_due = Query(
    IntentRow, _LOCKED.where(col(RailIntent.due_at) <= bindparam("now")).order_by(col(RailIntent.due_at)).limit(1)
)
_taken = Command(
    update(RailIntent)
    .where(col(RailIntent.id) == bindparam("intent_id", type_=Id()))
    .values({name: bindparam(name) for name in ("state", "turn", "asked", "due_at", "submitted_at", "reversed_at")})
)
_NEWS = (
    *("state", "hold_id", "moved", "suspended", "network_ref", "network_code", "facts", "asked", "due_at"),
    *("reversed_at", "settled_at", "returned"),
)
_changed = Command(
    update(RailIntent)
    .where(col(RailIntent.id) == bindparam("intent_id", type_=Id()), col(RailIntent.turn) == bindparam("its_turn"))
    .values({name: bindparam(name) for name in _NEWS})
)
_ASKED_ABOUT = is_one_of(col(RailIntent.state), (IntentState.PENDING, IntentState.UNKNOWN, IntentState.REVERSING))
_hurried = Command(
    update(RailIntent)
    .where(
        col(RailIntent.rail) == bindparam("on_rail"),
        col(RailIntent.network_ref) == bindparam("told_of"),
        _ASKED_ABOUT,
    )
    .values(due_at=bindparam("now", type_=Timestamp()))
)
_waiting = Query(
    IntentRow,
    _INTENT.where(
        col(RailIntent.due_at).is_(None),
        _ASKED_ABOUT,
    ).order_by(col(RailIntent.id)),
)
_retried = Command(
    update(RailIntent)
    .where(col(RailIntent.id) == bindparam("intent_id", type_=Id()))
    .values(due_at=bindparam("now", type_=Timestamp()), asked=0)
)
_marked = Command(
    update(Transfer)
    .where(col(Transfer.id) == bindparam("transfer_id", type_=Id()))
    .values(status=bindparam("status"), network_code=bindparam("network_code"))
)
_given = [name for name in IntentRow._fields if name != "trace"]
_of_all = select(func.coalesce(func.max(col(RailIntent.trace)), 0) + 1).scalar_subquery()
_insert = Command(insert(RailIntent).values({name: bindparam(name) for name in _given} | {"trace": _of_all}))

_STATUSES = {
    IntentState.APPROVED: TransferStatus.COMPLETED,
    IntentState.SETTLED: TransferStatus.COMPLETED,
    IntentState.DECLINED: TransferStatus.DECLINED,
    IntentState.REVERSED: TransferStatus.REVERSED,
    IntentState.CANCELLED: TransferStatus.REVERSED,
    IntentState.RETURNED: TransferStatus.RETURNED,
}


def status_of(intent: IntentRow) -> TransferStatus:
    """What a client is told of where an intent stands."""
    on_its_way = TransferStatus.PENDING_RAIL if intent.direction is Direction.PULL else TransferStatus.HELD
    return _STATUSES.get(intent.state, on_its_way)


async def intents_by_id(app: App, ids: list[UUID]) -> dict[UUID, IntentRow]:
    """The intents with these ids."""
    rows = await app.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows}


async def intent_opened_by(app: App, journal_id: UUID) -> IntentRow:
    """The intent that began with a journal."""
    row = await app.database.first(_by_journals, keys=[journal_id])
    assert row is not None, "it was written in the journal's transaction"
    return row


def as_write(intent: IntentRow) -> Write:
    """What writes a new intent, and gives it the next trace: of two who would take the same one, one tries again."""
    return Write(_insert, {name: getattr(intent, name) for name in _given})


async def hurry(app: App, rail: Rail, network_refs: Sequence[str], now: datetime) -> None:
    """Has a network asked at once what has become of these: somebody says that there is news."""
    async with app.database.transaction() as transaction:
        for network_ref in network_refs:
            await transaction.run(_hurried, on_rail=rail, told_of=network_ref, now=now)


# For the operator


async def waiting(app: App) -> list[IntentRow]:
    """What nobody asks a network about any more, because it did not say for too long: the operator decides."""
    return await app.database.fetch(_waiting)


async def retry(app: App, intent: IntentRow, now: datetime) -> None:
    """Has the network asked again."""
    async with app.database.transaction() as transaction:
        await transaction.run(_retried, intent_id=intent.id, now=now)


async def resolve(app: App, intent: IntentRow, answer: Approved | Declined, now: datetime) -> None:
    """Takes an operator's word for what has become of money that waits for one."""
    step = Step.REVERSE if intent.state is IntentState.REVERSING else Step.QUERY
    await take_in(app, Taken(intent, step), answer, now)


# Taking one up


async def take(app: App, now: datetime) -> Taken | None:
    """Takes up the intent that has been due for longest, if there is one; nobody else gets it for a while."""
    async with app.database.transaction() as transaction:
        intent = await transaction.first(_next_due, now=now)
        return None if intent is None else await _take(transaction, intent, now)


async def _take(transaction: Transaction, intent: IntentRow, now: datetime) -> Taken:
    step = _step(intent)
    changed = intent._replace(
        state=_UNDER_WAY.get(intent.state, intent.state),
        turn=intent.turn + 1,
        asked=intent.asked + 1,
        due_at=now + LEASE,
        submitted_at=intent.submitted_at or now,
        reversed_at=now if step is Step.REVERSE else intent.reversed_at,
    )
    await transaction.run(
        _taken,
        intent_id=changed.id,
        state=changed.state,
        turn=changed.turn,
        asked=changed.asked,
        due_at=changed.due_at,
        submitted_at=changed.submitted_at,
        reversed_at=changed.reversed_at,
    )
    return Taken(changed, step)


_UNDER_WAY = {IntentState.CREATED: IntentState.SUBMITTING, IntentState.SUBMITTING: IntentState.UNKNOWN}


def _step(intent: IntentRow) -> Step:
    match intent.state:
        case IntentState.CREATED:
            return Step.SUBMIT
        case IntentState.CANCELLED:
            return Step.LET_GO
        case IntentState.REVERSING if intent.reversed_at is None:
            return Step.REVERSE
        case _:
            return Step.QUERY  # somebody may have sent it


# Asking the network


async def see_to(app: App, taken: Taken, clock: Callable[[], datetime]) -> None:
    """Does what is to be done about an intent that was taken up, and posts what comes of it.

    Raises LedgerError or DatabaseError when the books could not be written: the intent is due again later, and the
    network will be asked what has become of it.
    """
    intent, step = taken
    if step is Step.LET_GO:
        await _post(app, _cancelled(intent), clock())
        return
    source, frozen = await asyncio.gather(  # in one trip
        funding.source_by_id(app, intent.source_id), freezes.frozen_among(app.database, [intent.owner_id])
    )
    adapter = app.rails.adapters.get(intent.rail)
    answer: Answer
    if step is Step.SUBMIT and frozen and intent.direction is Direction.PUSH:  # it waits, and can be cancelled
        await _post(app, Outcome(intent._replace(state=IntentState.CREATED, due_at=clock() + POLLS[-1])), clock())
        return
    if step is Step.SUBMIT and frozen:
        answer = Rejected("its owner is frozen")
    elif adapter is None:
        answer = Unknown(f"the rail {intent.rail} is not set up here")
    else:
        answer = await _asked(adapter, step, call_of(intent, source))
    await take_in(app, taken, answer, clock())


def _asked(adapter: RailAdapter, step: Step, call: Call) -> Awaitable[Answer]:
    if step is Step.QUERY:
        return adapter.query(call)
    if step is Step.REVERSE:
        return adapter.reverse(call)
    return adapter.pull(call) if call.direction is Direction.PULL else adapter.push(call)


def call_of(intent: IntentRow, source: Source) -> Call:
    """What the network is asked: the same however often."""
    reversing = intent.state is IntentState.REVERSING
    return Call(
        intent.id,
        intent.direction,
        intent.money(intent.suspended if reversing else None),
        source,
        intent.speed,
        intent.trace,
        intent.created_at,
        intent.network_ref,
        json.loads(intent.facts),
        reversing,
    )


# What comes of an answer


class Outcome(NamedTuple):
    """What an answer makes of an intent, and what it does to the books: nothing, where `event` is None."""

    intent: IntentRow
    event: str | None = None
    lines: tuple[Line, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    settles: bool = False
    """Whether it is this that moves the wallet's money: its journal has the transfer's id."""
    movers: tuple[UUID, ...] = ()
    """Whose freeze stands in its way."""


async def take_in(app: App, taken: Taken, answer: Answer, now: datetime) -> None:
    """Writes what an answer makes of an intent, with what it does to the books, in one transaction."""
    intent = _noted(taken.intent, answer)
    try:
        await _post(app, outcome_of(intent, taken.step, answer, now), now)
    except ledger.FrozenError:  # the network has moved it, and its owner may not have it
        assert isinstance(answer, Approved), "nothing else gives money to anybody"
        await _post(app, _suspended(intent, answer, now), now)
    except ledger.HoldResolvedError:  # the network has said something else before: people must look
        await _post(app, Outcome(taken.intent._replace(due_at=None)), now)


def _noted(intent: IntentRow, answer: Answer) -> IntentRow:
    ref = getattr(answer, "network_ref", None) or intent.network_ref
    code = getattr(answer, "code", None) or intent.network_code
    facts = json.loads(intent.facts) | dict(getattr(answer, "facts", {}))
    if isinstance(answer, Declined):
        facts |= {MESSAGE: answer.message, RETRYABLE: "yes" if answer.retryable else "no"}
    return intent._replace(network_ref=ref, network_code=code, facts=json.dumps(facts))


def outcome_of(intent: IntentRow, step: Step, answer: Answer, now: datetime) -> Outcome:
    """What an answer makes of an intent. A pure function: the whole of the rules about money on its way."""
    if intent.state is IntentState.REVERSING:
        return _of_reversal(intent, step, answer, now)
    match answer:
        case Approved():
            return _approved(intent, answer, now)
        case Declined() | Rejected():
            return _declined(intent)
        case Pending(processing=True) if intent.direction is Direction.PULL:
            return _processing(intent, now)
        case NotSent() if step is Step.SUBMIT:
            return _again(
                intent._replace(state=IntentState.CREATED, submitted_at=None), now, answer.retry_after_seconds
            )
        case Pending():
            return _again(intent._replace(state=IntentState.PENDING), now)
        case _:
            return _again(intent._replace(state=IntentState.UNKNOWN), now)


def _approved(intent: IntentRow, answer: Approved, now: datetime) -> Outcome:
    if answer.moved is not None and answer.moved != intent.money():
        return _suspended(intent, answer, now)
    assert intent.hold_id is not None, "its money is held until the network has answered"
    done = intent._replace(
        state=IntentState.APPROVED, hold_id=None, moved=intent.amount, suspended=0, due_at=None, asked=0
    )
    resolutions = (Resolution(intent.hold_id, intent.amount),)
    if intent.direction is Direction.PUSH:
        return Outcome(done, withdrawal.SENT, resolutions=resolutions, settles=True)
    kind = top_up.RELEASED if intent.suspended else top_up.APPROVED
    return Outcome(done, kind, resolutions=resolutions, settles=True, movers=(intent.owner_id,))


def _suspended(intent: IntentRow, answer: Approved, now: datetime) -> Outcome:
    """The network has moved what the wallet may not have: less than was asked for, or more than it can take."""
    if intent.direction is Direction.PUSH:  # what was sent in part only people can put right
        return Outcome(intent._replace(state=IntentState.UNKNOWN, due_at=None))
    moved = answer.moved or intent.money()
    back = intent._replace(
        state=IntentState.REVERSING,
        hold_id=None,
        moved=moved.minor_units,
        suspended=moved.minor_units,
        due_at=now,
        asked=0,
    )
    lines = () if intent.suspended else top_up.suspended(intent.owner_id, moved)
    return Outcome(back, top_up.SUSPENDED, lines, _let_go(intent))


def _processing(intent: IntentRow, now: datetime) -> Outcome:
    waits = intent._replace(state=IntentState.PENDING, due_at=now + BANK_POLL, asked=0)
    if intent.suspended:
        return Outcome(waits)
    hold_id = new_id()
    lines = top_up.processing(hold_id, intent.owner_id, intent.money())
    held = waits._replace(hold_id=hold_id, moved=intent.amount, suspended=intent.amount)
    return Outcome(held, top_up.PROCESSING, lines, _let_go(intent))


def _declined(intent: IntentRow) -> Outcome:
    done = intent._replace(state=IntentState.DECLINED, hold_id=None, moved=0, suspended=0, due_at=None, asked=0)
    if intent.direction is Direction.PUSH:
        return Outcome(done, withdrawal.FAILED, resolutions=_let_go(intent))
    lines = top_up.reversed_lines(intent.owner_id, intent.money(intent.suspended)) if intent.suspended else ()
    return Outcome(done, top_up.DECLINED, lines, _let_go(intent))


def _cancelled(intent: IntentRow) -> Outcome:
    return Outcome(intent._replace(hold_id=None, due_at=None), withdrawal.CANCELLED, resolutions=_let_go(intent))


def _of_reversal(intent: IntentRow, step: Step, answer: Answer, now: datetime) -> Outcome:
    match answer:
        case Approved():
            done = intent._replace(state=IntentState.REVERSED, suspended=0, due_at=None, asked=0)
            return Outcome(
                done, top_up.REVERSED, top_up.reversed_lines(intent.owner_id, intent.money(intent.suspended))
            )
        case NotSent() if step is Step.REVERSE:
            return _again(intent._replace(reversed_at=None), now, answer.retry_after_seconds)
        case Declined() | Rejected():
            return Outcome(intent._replace(due_at=None))
        case _:
            return _again(intent, now)


def _let_go(intent: IntentRow) -> tuple[Resolution, ...]:
    return () if intent.hold_id is None else (Resolution(intent.hold_id, None),)


def _again(intent: IntentRow, now: datetime, after_seconds: float | None = None) -> Outcome:
    """It is looked at again later; by the operator, when that has been so for too long."""
    since = intent.reversed_at or intent.submitted_at or intent.created_at
    if now - since >= PATIENCE:
        return Outcome(intent._replace(due_at=None))
    delay = POLLS[min(max(intent.asked, 1), len(POLLS)) - 1]
    if after_seconds is not None:
        delay = max(delay, timedelta(seconds=after_seconds))
    return Outcome(intent._replace(due_at=now + delay))


# Writing it


async def _post(app: App, outcome: Outcome, now: datetime) -> None:
    if outcome.event is None:
        async with app.database.transaction() as transaction:
            for write in _writes(outcome.intent):
                await transaction.run(write.command, **dict(write.params))
        return
    await post(app, outcome, outcome.event, now)


async def post(app: App, outcome: Outcome, name: str, now: datetime, *more: Write) -> None:
    """Posts what an outcome does to the books; `name` is this event's alone among those of the intent."""
    intent = outcome.intent
    assert outcome.event is not None, "there is something to post"
    order = Order(
        id=intent.id if outcome.settles else new_id(),
        kind=outcome.event,
        actor_id=HOUSE,
        key=f"{intent.id} {name}",
        request_hash=b"",
        created_at=now,
        lines=outcome.lines,
        resolutions=outcome.resolutions,
        writes=(*_writes(intent), *more),
        draws=limits.taken_back(intent, now),
        movers=outcome.movers,
    )
    receipt = await app.ledger.submit(order)
    if receipt.replayed:  # somebody else had the same news, but may not have been the one to write it down
        await _post(app, Outcome(intent), now)


def _writes(intent: IntentRow) -> tuple[Write, ...]:
    news = {name: getattr(intent, name) for name in _NEWS}
    mark = {"transfer_id": intent.id, "status": status_of(intent), "network_code": intent.network_code}
    return Write(_changed, {"intent_id": intent.id, "its_turn": intent.turn, **news}), Write(_marked, mark)
