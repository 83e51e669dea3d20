"""What each answer of a network makes of money on its way: the rules, without a database."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import uuid4

import pytest

from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed
from models.transfers import Rail, RailEnvironment
from rails import Answer, Approved, Declined, NotSent, Pending, Rejected, Unknown
from resolvers.intents import LEASE
from resolvers.outcomes import BANK_POLL, PATIENCE, IntentRow, Outcome, Step, outcome_of
from tests.harness.tally import Tally

NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = (timedelta(**{unit: 1}) for unit in ("seconds", "minutes", "hours", "days"))
PULL, PUSH = Direction.PULL, Direction.PUSH
NOTHING = Tally()

ANSWERS: dict[str, Answer] = {
    "approved": Approved("00", "ref"),
    "approved in part": Approved("10", "ref", moved=Money(60_00, Currency.USD)),
    "declined": Declined("51", "Too little money."),
    "pending": Pending("ref"),
    "processing": Pending("ref", processing=True),
    "unknown": Unknown("silence"),
    "not sent": NotSent("no connection", retry_after_seconds=7),
    "rejected": Rejected("wrong credentials"),
}
NEVER = "never"
SOON, LATE, AT_ONCE, IN_AN_HOUR = "in 5 s", "in 7 s", "now", "in 1 h"
DELAYS = {SOON: 5 * SECOND, LATE: 7 * SECOND, AT_ONCE: 0 * SECOND, IN_AN_HOUR: BANK_POLL}

# Where an intent stands when there is an answer, and what the answer makes of it: its state, the event in the books,
# and when it is looked at again.
Expected = dict[str, tuple[str, str | None, str]]
PULLED: Expected = {
    "approved": ("APPROVED", "TOP_UP_APPROVED", NEVER),
    "approved in part": ("REVERSING", "TOP_UP_SUSPENDED", AT_ONCE),
    "declined": ("DECLINED", "TOP_UP_DECLINED", NEVER),
    "pending": ("PENDING", None, SOON),
    "processing": ("PENDING", "TOP_UP_PROCESSING", IN_AN_HOUR),
    "unknown": ("UNKNOWN", None, SOON),
    "not sent": ("UNKNOWN", None, SOON),
    "rejected": ("DECLINED", "TOP_UP_DECLINED", NEVER),
}
PUSHED: Expected = {
    "approved": ("APPROVED", "WITHDRAWAL_SENT", NEVER),
    "approved in part": ("UNKNOWN", None, NEVER),
    "declined": ("DECLINED", "WITHDRAWAL_FAILED", NEVER),
    "pending": ("PENDING", None, SOON),
    "processing": ("PENDING", None, IN_AN_HOUR),
    "unknown": ("UNKNOWN", None, SOON),
    "not sent": ("UNKNOWN", None, SOON),
    "rejected": ("DECLINED", "WITHDRAWAL_FAILED", NEVER),
}
SUSPENDED: Expected = PULLED | {
    "approved": ("APPROVED", "TOP_UP_RELEASED", NEVER),
    "processing": ("PENDING", None, IN_AN_HOUR),
}
REVERSED: Expected = {
    "approved": ("REVERSED", "TOP_UP_REVERSED", NEVER),
    "approved in part": ("REVERSED", "TOP_UP_REVERSED", NEVER),
    "declined": ("REVERSING", None, NEVER),
    "pending": ("REVERSING", None, SOON),
    "processing": ("REVERSING", None, IN_AN_HOUR),
    "unknown": ("REVERSING", None, SOON),
    "not sent": ("REVERSING", None, SOON),
    "rejected": ("REVERSING", None, NEVER),
}
SENT_AGAIN: Expected = {"not sent": ("CREATED", None, LATE)}
OPEN = (IntentState.SUBMITTING, IntentState.PENDING, IntentState.UNKNOWN)


class Situation(NamedTuple):
    """An intent, what was done about it, and what is to come of each answer."""

    direction: Direction
    state: IntentState
    step: Step
    suspended: bool
    expected: Expected

    @property
    def name(self) -> str:
        suspended = " suspended" if self.suspended else ""
        return f"{self.direction} {self.state}{suspended} {self.step}"


SITUATIONS = [
    Situation(PULL, IntentState.SUBMITTING, Step.SUBMIT, False, PULLED | SENT_AGAIN),
    Situation(PUSH, IntentState.SUBMITTING, Step.SUBMIT, False, PUSHED | SENT_AGAIN),
    *(Situation(PULL, state, Step.QUERY, False, PULLED) for state in OPEN),
    *(Situation(PUSH, state, Step.QUERY, False, PUSHED) for state in OPEN),
    *(Situation(PULL, state, Step.QUERY, True, SUSPENDED) for state in OPEN),
    Situation(PULL, IntentState.REVERSING, Step.REVERSE, True, REVERSED | {"not sent": ("REVERSING", None, LATE)}),
    Situation(PULL, IntentState.REVERSING, Step.QUERY, True, REVERSED),
]


def an_intent(direction: Direction, state: IntentState, *, suspended: bool = False) -> IntentRow:
    return IntentRow(
        id=uuid4(),
        opened_by=uuid4(),
        owner_id=uuid4(),
        source_id=uuid4(),
        direction=direction,
        speed=PayoutSpeed.INSTANT,
        rail=Rail.VISA_DIRECT,
        environment=RailEnvironment.SANDBOX,
        amount=100_00,
        currency=Currency.USD,
        state=state,
        hold_id=None if state is IntentState.REVERSING else uuid4(),
        moved=100_00 if suspended else 0,
        suspended=100_00 if suspended else 0,
        trace=1,
        network_ref="ref",
        network_code=None,
        facts="{}",
        turn=1,
        asked=1,
        due_at=NOON + LEASE,
        created_at=NOON,
        submitted_at=NOON,
        reversed_at=NOON if state is IntentState.REVERSING else None,
        settled_at=None,
        returned=False,
        drawn_in=None,
    )


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_what_each_answer_makes_of_money_on_its_way(situation: Situation, answer: str) -> None:
    intent = an_intent(situation.direction, situation.state, suspended=situation.suspended)
    outcome = outcome_of(intent, situation.step, ANSWERS[answer], NOON)
    state, event, due = situation.expected[answer]
    assert (outcome.intent.state, outcome.event) == (state, event)
    assert outcome.intent.due_at == (None if due is NEVER else NOON + DELAYS[due])
    assert outcome.settles == (event in {"TOP_UP_APPROVED", "TOP_UP_RELEASED", "WITHDRAWAL_SENT"})
    _check_holds(intent, outcome)


def _check_holds(before: IntentRow, outcome: Outcome) -> None:
    """Money is held for as long as nobody knows, and no longer."""
    ended = [resolution.hold_id for resolution in outcome.resolutions]
    held = [line.id for line in outcome.lines if line.id is not None]
    assert ended in ([], [before.hold_id])
    assert outcome.intent.hold_id == (held[0] if held else None if ended else before.hold_id)
    if outcome.intent.state in OPEN:
        assert outcome.intent.hold_id is not None


def test_every_situation_has_an_answer_in_the_table() -> None:
    assert all(situation.expected.keys() == ANSWERS.keys() for situation in SITUATIONS)


@pytest.mark.parametrize(
    ("asked", "delay"), [(0, 5 * SECOND), (1, 5 * SECOND), (2, 30 * SECOND), (3, 5 * MINUTE), (9, 5 * MINUTE)]
)
def test_it_is_asked_about_after_5_s_then_30_s_then_every_5_min(asked: int, delay: timedelta) -> None:
    intent = an_intent(PULL, IntentState.UNKNOWN)._replace(asked=asked)
    assert outcome_of(intent, Step.QUERY, Unknown("silence"), NOON).intent.due_at == NOON + delay


@pytest.mark.parametrize("state", [IntentState.UNKNOWN, IntentState.PENDING, IntentState.REVERSING])
@pytest.mark.parametrize("answer", ["unknown", "pending"])
def test_what_is_not_known_after_a_day_is_for_the_operator(state: IntentState, answer: str) -> None:
    intent = an_intent(PULL, state, suspended=state is IntentState.REVERSING)
    before, after = (
        outcome_of(intent, Step.QUERY, ANSWERS[answer], NOON + PATIENCE + more).intent.due_at
        for more in (-SECOND, SECOND)
    )
    assert (before is None, after is None) == (False, True)
