"""Outcomes: what a network's answer makes of an intent, and what that does to the books. Pure functions, all the rules.

pull   CREATED -> SUBMITTING -> APPROVED -> SETTLED -> RETURNED
-> PENDING | UNKNOWN -> (asked again)
-> DECLINED
-> REVERSING -> REVERSED
push   CREATED -> SUBMITTING -> the same, without REVERSING; CREATED -> CANCELLED
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from ledger import Line, Resolution
from ledger.kinds import top_up, withdrawal
from models.ids import new_id
from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed
from models.transfers import Rail, RailEnvironment
from rails import Answer, Approved, Declined, NotSent, Pending, Rejected

POLLS = (timedelta(seconds=5), timedelta(seconds=30), timedelta(minutes=5))
"""How long it is until a network is asked again: the first time, the second, and from then on."""
BANK_POLL = timedelta(hours=1)
"""The same for what a bank takes days for."""
PATIENCE = timedelta(hours=24)
"""What is not known after so long is for the operator."""


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


def outcome_of(intent: IntentRow, step: Step, answer: Answer, now: datetime) -> Outcome:
    """What an answer makes of an intent. A pure function: the whole of the rules about money on its way."""
    if intent.state is IntentState.REVERSING:
        return _of_reversal(intent, step, answer, now)
    match answer:
        case Approved():
            return _approved(intent, answer, now)
        case Declined() | Rejected():
            return _declined(intent)
        case Pending(processing=True):
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
        return suspended(intent, answer, now)
    assert intent.hold_id is not None, "its money is held until the network has answered"
    done = intent._replace(
        state=IntentState.APPROVED, hold_id=None, moved=intent.amount, suspended=0, due_at=None, asked=0
    )
    resolutions = (Resolution(intent.hold_id, intent.amount),)
    if intent.direction is Direction.PUSH:
        return Outcome(done, withdrawal.SENT, resolutions=resolutions, settles=True)
    kind = top_up.RELEASED if intent.suspended else top_up.APPROVED
    return Outcome(done, kind, resolutions=resolutions, settles=True, movers=(intent.owner_id,))


def suspended(intent: IntentRow, answer: Approved, now: datetime) -> Outcome:
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
    return Outcome(back, top_up.SUSPENDED, _suspended_lines(intent, moved.minor_units), _let_go(intent))


def _suspended_lines(intent: IntentRow, moved: int) -> tuple[Line, ...]:
    """Has as much in suspense as was moved: while the bank was under way with it, that was all of it."""
    more = moved - intent.suspended
    if more > 0:
        return top_up.suspended(intent.owner_id, intent.money(more))
    return top_up.reversed_lines(intent.owner_id, intent.money(-more)) if more else ()


def _processing(intent: IntentRow, now: datetime) -> Outcome:
    """A bank takes its days. What it draws in is booked at once, and cannot be spent before they are over."""
    waits = intent._replace(state=IntentState.PENDING, due_at=now + BANK_POLL, asked=0)
    if intent.suspended or intent.direction is Direction.PUSH:
        return Outcome(waits)
    hold_id = new_id()
    lines = top_up.processing(hold_id, intent.owner_id, intent.money())
    held = waits._replace(hold_id=hold_id, moved=intent.amount, suspended=intent.amount)
    return Outcome(held, top_up.PROCESSING, lines, _let_go(intent))


def _declined(intent: IntentRow) -> Outcome:
    done = intent._replace(state=IntentState.DECLINED, hold_id=None, suspended=0, due_at=None, asked=0)
    if intent.direction is Direction.PUSH:
        return Outcome(done, withdrawal.FAILED, resolutions=_let_go(intent))
    if not intent.suspended:
        return Outcome(done, top_up.DECLINED, resolutions=_let_go(intent))
    lines = top_up.reversed_lines(intent.owner_id, intent.money(intent.suspended))
    return Outcome(done, top_up.DECLINED, lines, _let_go(intent))


def cancelled(intent: IntentRow) -> Outcome:
    """What taking back makes of an intent that has not left: its money is let go."""
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
        case Pending(processing=True):
            return Outcome(intent._replace(due_at=now + BANK_POLL, asked=0))
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
