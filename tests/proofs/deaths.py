"""Processes that die within a commit, and others that come after them.

Run as a program it tries stories, and each of them once for each moment of a commit: one process gets as far as that
moment and kills itself, the next one sends the same request again and looks at the books. Each process is a fork of
this one, so that hundreds of them take no longer to start than one.
"""

import asyncio
import inspect
import os
import signal
import sys
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count, product
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import func, select
from sqlmodel import col

from ledger import Ledger, Message, Order, Write
from ledger.verify import verify
from models.database import ContentionError, Database, Query, Transaction, add_to_rows, any_of, open_database
from models.ids import HOUSE, new_id
from models.ledger import Journal, Outbox
from models.limits import LimitUsage
from models.money import Currency
from models.transfers import PostTips
from tests.proofs import processes
from tests.proofs.events import SPENDING, Event, Way, order_of
from tests.proofs.histories import accounts_of, outcome_of
from tests.proofs.model import Model

USD = Currency.USD
LIMIT = 1_000_000
COMMITTING_SECONDS = (0.0, 0.0002, 0.001, 0.004)
"""How long after COMMIT was sent a process dies, each of them once."""

NEVER = 1 << 30

SURVIVED, HAD_COMMITTED, HAD_NOT, REFUSED, FAILED = range(5)
SWEPT, TOO_DEAR = "TOP_UP_SWEPT", "PAYMENT_REFUSED"
STORIES = (*(way.name for way in Way), SWEPT, TOO_DEAR)


class Moments:
    """The moments of a commit, counted down to the last one of this process."""

    def __init__(self, left: int) -> None:
        self._left = left

    def pass_by(self) -> None:
        """Dies, if this was the moment."""
        if self.is_now():
            os.kill(os.getpid(), signal.SIGKILL)

    def is_now(self) -> bool:
        """Whether this is the moment."""
        self._left -= 1
        return self._left == -1


class Mortal:
    """A database on which its process dies at a moment of a commit.

    A contended one takes nothing in one go, as if another process had always been first, so that all goes under locks.
    """

    def __init__(self, database: Database, moments: Moments, *, contended: bool) -> None:
        self._database = database
        self._moments = moments
        self._contended = contended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def write(self, *changes: Any) -> None:
        self._moments.pass_by()
        if self._contended:
            raise ContentionError
        for seconds in COMMITTING_SECONDS:
            if self._moments.is_now():
                writing = asyncio.ensure_future(self._database.write(*changes))
                await asyncio.sleep(seconds)
                os.kill(os.getpid(), signal.SIGKILL)
                await writing
        await self._database.write(*changes)
        self._moments.pass_by()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        inner = self._database.transaction()
        transaction = await inner.__aenter__()
        self._moments.pass_by()
        try:
            yield cast(Transaction, _MortalTransaction(transaction, self._moments))
        except BaseException:
            await inner.__aexit__(*sys.exc_info())
            raise
        self._moments.pass_by()
        for seconds in COMMITTING_SECONDS:
            if self._moments.is_now():
                committing = asyncio.ensure_future(inner.__aexit__(None, None, None))
                await asyncio.sleep(seconds)
                os.kill(os.getpid(), signal.SIGKILL)
                await committing
        await inner.__aexit__(None, None, None)
        self._moments.pass_by()


class _MortalTransaction:
    """Whatever is asked of a transaction, with a moment before it and one after it."""

    def __init__(self, transaction: Transaction, moments: Moments) -> None:
        self._transaction = transaction
        self._moments = moments

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._transaction, name)
        if not callable(asked):
            return asked

        def ask(*args: Any, **kwargs: Any) -> Any:
            self._moments.pass_by()
            answer = asked(*args, **kwargs)
            return self._then(answer) if inspect.isawaitable(answer) else answer

        return ask

    async def _then(self, answer: Any) -> Any:
        value = await answer
        self._moments.pass_by()
        return value


# The stories


class Story(NamedTuple):
    """What stands already, and two requests that come at once, in the first of which the process dies."""

    before: list[tuple[Event, Order]]
    event: Event
    neighbour: Event
    mark: UUID
    """The key of a row of another room that the first request adds one to."""


class Scene:
    """New people, and what has happened to them already."""

    def __init__(self) -> None:
        self.ada, self.bob, self.hold = new_id(), new_id(), new_id()
        self.before: list[tuple[Event, Order]] = []

    def event(self, way: Way, amount: int, **more: Any) -> Event:
        """Something that Ada does, if nothing else is said."""
        theirs = {"person": self.ada, "actor": self.ada, "key": new_id().hex, "hold": self.hold}
        return Event(way, currency=USD, amount=amount, **{**theirs, **more})

    def rail(self, way: Way, amount: int, **more: Any) -> Event:
        """Something that a rail does to Ada's money."""
        return self.event(way, amount, **{"actor": HOUSE, **more})

    def stands(self, event: Event) -> UUID:
        """Lets something have happened. Returns its journal's id."""
        order = order_of(event)
        self.before.append((event, order))
        return order.id


def story_of(name: str) -> Story:
    """A new story with new people."""
    scene, eve = Scene(), new_id()
    scene.stands(scene.event(Way.TOP_UP, 50, person=eve, actor=eve))
    neighbour = scene.event(Way.PAYMENT, 20, person=eve, actor=eve, other=scene.bob)
    tell = _money_goes if name.startswith("WITHDRAWAL") else _money_comes if "TOP_UP" in name else _money_moves
    event = replace(tell(scene, name), limit=LIMIT)
    return Story(scene.before, event, neighbour, new_id())


def _money_comes(scene: Scene, name: str) -> Event:
    if name == "TOP_UP_SWEPT":
        scene.stands(scene.rail(Way.CHARGEBACK, 300))
        return scene.event(Way.TOP_UP, 500)
    if name == "TOP_UP_SETTLED":
        return scene.rail(Way.TOP_UP_SETTLED, 500, person=HOUSE)
    if name in ("TOP_UP_APPROVED", "TOP_UP_DECLINED"):
        scene.stands(scene.event(Way.TOP_UP_HELD, 500))
        return scene.rail(Way[name], 400 if name == "TOP_UP_APPROVED" else 500)
    return scene.event(Way[name], 500)


def _money_moves(scene: Scene, name: str) -> Event:
    scene.stands(scene.event(Way.TOP_UP, 600))
    match name:
        case "TIP":
            return scene.event(Way.TIP, 500, other=scene.bob, fee=12)
        case "REFUND":
            tip = scene.event(Way.TIP, 500, other=scene.bob, fee=13)
            return scene.event(Way.REFUND, 250, actor=scene.bob, other=scene.bob, of=tip, of_id=scene.stands(tip))
        case "CHARGEBACK":
            return scene.rail(Way.CHARGEBACK, 800)
    return scene.event(Way.PAYMENT, 500 if name == "PAYMENT" else 700, other=scene.bob)


def _money_goes(scene: Scene, name: str) -> Event:
    if name == "WITHDRAWAL_SETTLED":
        return scene.rail(Way.WITHDRAWAL_SETTLED, 500, person=HOUSE)
    scene.stands(scene.event(Way.TOP_UP, 600))
    if name == "WITHDRAWAL":
        return scene.event(Way.WITHDRAWAL, 500)
    scene.stands(scene.event(Way.WITHDRAWAL, 500))
    if name == "WITHDRAWAL_RETURNED":
        scene.stands(scene.rail(Way.WITHDRAWAL_SENT, 500))
    return scene.rail(Way[name], 300 if name == "WITHDRAWAL_SENT" else 500)


_add_mark = add_to_rows(PostTips, key=("post_id", "currency"), add=("tip_count", "total"))


def _whole(story: Story) -> Order:
    """The first request with all that an order can bring along: a limit, rows of another room, a message."""
    mark = {"post_id": story.mark, "currency": USD, "tip_count": 1, "total": story.event.amount}
    return order_of(story.event, writes=(Write(_add_mark, mark),), messages=(Message("proof", "once"),))


# What the processes do


async def attempt(url: str, story: Story, orders: list[Order], moment: int, contended: bool) -> int:
    """Makes what stands before, sends both requests and dies within; or survives, when there is no such moment."""
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    for _, order in story.before:
        await ledger.submit(order)
    await ledger.stop()
    mortal = Ledger(cast(Database, Mortal(database, Moments(moment), contended=contended)))
    await mortal.start()
    await asyncio.gather(*(mortal.submit(order) for order in orders), return_exceptions=True)
    await mortal.stop()
    await database.close()
    return SURVIVED


async def look(url: str, story: Story, orders: list[Order]) -> int:
    """Sends both requests again, and compares the books with the model. Says how it had ended."""
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    again = [replace(order, id=new_id()) for order in orders]
    answers = await asyncio.gather(*(ledger.submit(order) for order in again), return_exceptions=True)
    outcomes = [outcome_of(result) for result in answers]
    await ledger.stop()

    model = Model()
    for event, order in story.before:
        assert model.apply(event, order.id)[0] == "posted", event
    for event, order, retry, outcome in zip((story.event, story.neighbour), orders, again, outcomes, strict=True):
        done = outcome[0] == "replayed"
        expected = model.apply(event, order.id if done else retry.id)
        assert outcome == (("replayed", order.id) if done else expected), f"{event} gave {outcome}, not {expected}"
        assert not done or expected[0] == "posted", f"{event} was done and must not be: {expected}"
    posted = outcomes[0][0] in ("posted", "replayed")

    people = {person for event in _events(story) for person in (event.person, event.other)} - {HOUSE}
    rows = await database.fetch(accounts_of, keys=list(people))
    balances = {(row.owner_id, row.code, row.currency): row.balance for row in rows if any(row.balance)}
    assert balances == model.balances()
    ids = [order.id for order in (*orders, *again)]
    assert (await _one(database, _journals, ids)) == 1 + posted
    assert (await _one(database, _messages, ids)) == posted
    assert (await _one(database, _marks, [story.mark])) == posted
    if story.event.person != HOUSE:
        assert (await _one(database, _usage, [story.event.person])) == (story.event.amount if posted else 0)
    await database.close()
    if not posted:
        return REFUSED
    return HAD_COMMITTED if outcomes[0][0] == "replayed" else HAD_NOT


def _events(story: Story) -> list[Event]:
    return [*(event for event, _ in story.before), story.event, story.neighbour]


class _Number(NamedTuple):
    number: int


_journals = Query(_Number, select(func.count()).where(any_of(Journal.id)))
_messages = Query(_Number, select(func.count()).where(any_of(Outbox.journal_id)))
_marks = Query(_Number, select(col(PostTips.tip_count)).where(any_of(PostTips.post_id)))
_usage = Query(
    _Number, select(col(LimitUsage.used)).where(any_of(LimitUsage.owner_id), col(LimitUsage.name) == SPENDING)
)


async def _one(database: Database, query: Query[_Number], keys: list[UUID]) -> int:
    row = await database.first(query, keys=keys)
    return 0 if row is None else row.number


async def audit(url: str) -> int:
    """Looks through all the books."""
    database = await open_database(url)
    report = await verify(database)
    await database.close()
    assert report.problems == [], report.problems
    return SURVIVED


# The first process


def main(url: str, stories: list[str]) -> dict[str, Any]:
    """Tries each story at each moment."""
    _warm_up(url)
    deaths = committed = 0
    for name, contended in product(stories, (False, True)):
        for moment in count():
            story = story_of(name)
            orders = [_whole(story), order_of(story.neighbour)]
            survived = _fork(attempt(url, story, orders, moment, contended)) == SURVIVED
            deaths += not survived
            committed += _fork(look(url, story, orders), f"{name}, moment {moment}") == HAD_COMMITTED and not survived
            if survived:
                assert moment > 0, "there are moments"
                break
    _fork(audit(url), "verify")
    return {"stories": len(stories), "deaths": deaths, "committed": committed}


def _warm_up(url: str) -> None:
    """Goes through one story in this process, so that its forks find all statements compiled."""
    story = story_of(SWEPT)
    orders = [_whole(story), order_of(story.neighbour)]
    for contended in (False, True):
        asyncio.run(attempt(url, story, orders, NEVER, contended))
    asyncio.run(look(url, story, orders))


def _fork(work: Coroutine[Any, Any, int], about: str | None = None) -> int | None:
    """Runs the work in a process of its own. None if that was killed, which only work that is about nothing may be."""
    child = os.fork()
    if child == 0:
        code = FAILED
        try:
            code = asyncio.run(work)
        except BaseException:  # noqa: BLE001 - a fork ends here, whatever happens
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(code)
    work.close()
    _, status = os.waitpid(child, 0)
    if about is None and os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return None
    assert os.WIFEXITED(status), f"{about}: ended by a signal"
    assert os.WEXITSTATUS(status) != FAILED, f"{about}: what is wrong is above"
    return os.WEXITSTATUS(status)


if __name__ == "__main__":
    processes.answer(**main(**processes.given()))
