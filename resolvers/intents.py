"""Intents: money that is asked of a network outside, from the request until the network's books say that it is done.

What an answer makes of one is in `outcomes.py`.

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
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlmodel import col

import ledger
from ledger import Order, Write
from models.database import Command, Query, Transaction, any_of, columns_of, insert, is_one_of
from models.ids import HOUSE, new_id
from models.rails import Direction, IntentState, RailIntent
from models.transfers import Rail, Transfer, TransferStatus
from models.types import Id, Timestamp, choice
from rails import Answer, Approved, Call, Declined, NotSent, RailAdapter, Rejected, Source, Unknown
from resolvers import freezes, funding, limits
from resolvers.context import App
from resolvers.outcomes import POLLS, IntentRow, Outcome, Step, cancelled, outcome_of, suspended

LEASE = timedelta(seconds=90)
"""For how long whoever takes up an intent has it: longer than a network may take to answer."""
MESSAGE, RETRYABLE = "message", "retryable"
"""Of the facts: what a network that declined says to people, and whether another try may go through."""
REASON = "reason"
"""Of the facts: why the last answer left it open, for the operator."""


class Taken(NamedTuple):
    """An intent that the caller has to itself for a while, and what is to be done about it."""

    intent: IntentRow
    step: Step


_INTENT = select(*columns_of(IntentRow, RailIntent))
_THIS = col(RailIntent.id) == bindparam("intent_id", type_=Id())
_by_ids = Query(IntentRow, _INTENT.where(any_of(RailIntent.id)))
_by_journals = Query(IntentRow, _INTENT.where(any_of(RailIntent.opened_by)))
_LOCKED = _INTENT.with_for_update(skip_locked=True)
_next_due = Query(
    IntentRow, _LOCKED.where(col(RailIntent.due_at) <= bindparam("now")).order_by(col(RailIntent.due_at)).limit(1)
)
_taken = Command(
    update(RailIntent)
    .where(_THIS)
    .values({name: bindparam(name) for name in ("state", "turn", "asked", "due_at", "submitted_at", "reversed_at")})
)
_STATE = bindparam("new_state", type_=choice(IntentState))
_NEWS = ("hold_id", "moved", "suspended", "network_ref", "network_code", "facts", "asked", "due_at", "reversed_at")
_NOT_LATE = col(RailIntent.turn) == bindparam("its_turn")
# First the transfer, for as long as the intent still has the turn that the answer was asked for in.
_marked = Command(
    update(Transfer)
    .where(
        col(Transfer.id) == bindparam("transfer_id", type_=Id()),
        select(col(RailIntent.id)).where(col(RailIntent.id) == col(Transfer.id), _NOT_LATE).exists(),
    )
    .values(status=bindparam("status"), network_code=bindparam("network_code"))
)
_changed = Command(
    update(RailIntent)
    .where(_THIS, _NOT_LATE)
    .values({name: bindparam(name) for name in _NEWS})
    .values(
        turn=col(RailIntent.turn) + 1,
        # The bank may have had the money before the network was sure.
        state=case(
            (and_(col(RailIntent.settled_at).is_not(None), _STATE == IntentState.APPROVED), IntentState.SETTLED),
            else_=_STATE,
        ),
    )
)
_POSTED = is_one_of(col(RailIntent.state), (IntentState.APPROVED, IntentState.DECLINED))
_contradicted = Command(
    update(RailIntent)
    .where(_THIS, or_(_NOT_LATE, _POSTED))
    .values(
        state=IntentState.UNKNOWN,
        hold_id=bindparam("its_hold", type_=Id()),
        turn=col(RailIntent.turn) + 1,
        due_at=None,
    )
)
_ASKED_ABOUT = is_one_of(col(RailIntent.state), (IntentState.PENDING, IntentState.UNKNOWN, IntentState.REVERSING))
_FOR_OPERATORS = is_one_of(
    col(RailIntent.state),
    (IntentState.CREATED, IntentState.PENDING, IntentState.UNKNOWN, IntentState.REVERSING),
)
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
        _FOR_OPERATORS,
    ).order_by(col(RailIntent.id)),
)
_open = Query(IntentRow, _LOCKED.where(_THIS, _FOR_OPERATORS))
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


async def retry(app: App, intent_id: UUID, clock: Callable[[], datetime]) -> bool:
    """Asks the network now, as if it had not been asked before; False if there is nothing to ask it.

    Raises what `see_to` raises.
    """
    taken = await _take_open(app, intent_id, clock(), waiting=False)
    if taken is not None:
        await see_to(app, taken, clock)
    return taken is not None


async def resolve(app: App, intent_id: UUID, answer: Approved | Declined, now: datetime) -> bool:
    """Takes an operator's word for what has become of money; False if it does not wait for one.

    Raises LedgerError or DatabaseError.
    """
    taken = await _take_open(app, intent_id, now, waiting=True)
    if taken is not None:
        await take_in(app, taken, answer, now)
    return taken is not None


# Taking one up


async def take(app: App, now: datetime) -> Taken | None:
    """Takes up the intent that has been due for longest, if there is one; nobody else gets it for a while."""
    async with app.database.transaction() as transaction:
        intent = await transaction.first(_next_due, now=now)
        return None if intent is None else await _take(transaction, intent, now)


async def _take_open(app: App, intent_id: UUID, now: datetime, *, waiting: bool) -> Taken | None:
    """Takes up an intent of which the network has not said what became of it, if there is such a one."""
    async with app.database.transaction() as transaction:
        intent = await transaction.first(_open, intent_id=intent_id)
        if intent is None or (waiting and intent.due_at is not None):
            return None
        return await _take(transaction, intent._replace(asked=0), now)


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
        await _post(app, cancelled(intent), clock())
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
        answer = NotSent(f"the rail {intent.rail} is not set up here")
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


async def take_in(app: App, taken: Taken, answer: Answer, now: datetime) -> None:
    """Writes what an answer makes of an intent, with what it does to the books, in one transaction."""
    intent = _noted(taken.intent, answer)
    try:
        await _post_or_suspend(app, taken._replace(intent=intent), answer, now)
    except ledger.HoldResolvedError:  # the network has said something else before: people must look
        async with app.database.transaction() as transaction:
            told = {"intent_id": intent.id, "its_turn": intent.turn, "its_hold": taken.intent.hold_id}
            await transaction.run(_contradicted, **told)


async def _post_or_suspend(app: App, taken: Taken, answer: Answer, now: datetime) -> None:
    try:
        await _post(app, outcome_of(taken.intent, taken.step, answer, now), now)
    except ledger.FrozenError:  # the network has moved it, and its owner may not have it
        assert isinstance(answer, Approved), "nothing else gives money to anybody"
        await _post(app, suspended(taken.intent, answer, now), now)


def _noted(intent: IntentRow, answer: Answer) -> IntentRow:
    ref = getattr(answer, "network_ref", None) or intent.network_ref
    code = getattr(answer, "code", None) or intent.network_code
    facts = json.loads(intent.facts) | dict(getattr(answer, "facts", {}))
    if isinstance(answer, Declined):
        facts |= {MESSAGE: answer.message, RETRYABLE: "yes" if answer.retryable else "no"}
    facts.pop(REASON, None)
    if isinstance(answer, Unknown | NotSent | Rejected):
        facts |= {REASON: answer.reason}
    return intent._replace(network_ref=ref, network_code=code, facts=json.dumps(facts))


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
    status = {"status": status_of(intent), "network_code": intent.network_code}
    return (
        Write(_marked, {"transfer_id": intent.id, "its_turn": intent.turn, **status}),
        Write(_changed, {"intent_id": intent.id, "its_turn": intent.turn, "new_state": intent.state, **news}),
    )
