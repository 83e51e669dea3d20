"""Fills a database with the story, many commands in a transaction.

Each transaction holds whole commands. What was interrupted can therefore go on: what is there is left alone, likes and
follows can be said twice, and money has idempotency keys.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar
from uuid import UUID

from demo import acts
from demo.cast import CAST
from demo.events import Post, Reaction, Story
from demo.scene import InTurn
from demo.state import State, state
from demo.story import story
from resolvers.context import App, Context, Store
from resolvers.posts import posts_by_id
from resolvers.users import users_by_id

BATCH = 400
PARTS = 2
GIVERS = 128
STEPS = 200

Progress = Callable[[str, int, int], None]
Event = TypeVar("Event")
Act = Callable[[App, Store, Event], Awaitable[None]]


class NotEmptyError(Exception):
    """The database holds something already."""


async def fill(app: App, progress: Progress | None = None) -> None:
    """Puts the demo into an empty database, or goes on where that was interrupted. Raises NotEmptyError.

    `progress` is told what is being done, how much of everything is done, and how much there is.
    """
    found = await state(app)
    if found not in (State.EMPTY, State.PARTIAL):
        raise NotEmptyError("The demo goes into an empty database, and this one is not.")
    told = await asyncio.to_thread(story)
    there = await _there(app, told) if found is State.PARTIAL else set()
    await _Filling(app, progress, len(there), sum(len(events) for events in told)).run(told, there)


async def _there(app: App, told: Story) -> set[UUID]:
    """Which people and posts are in the database already."""
    ctx = Context(app, None)
    people = await users_by_id(ctx, [person.id for person in told.people])
    posts = await posts_by_id(ctx, [post.id for post in told.posts])
    return {*people, *posts}


class _Filling:
    def __init__(self, app: App, progress: Progress | None, done: int, total: int) -> None:
        self._app = app
        self._progress = progress
        self._total = total
        self._done = done

    async def run(self, told: Story, there: set[UUID]) -> None:
        await self._write("People", acts.open_account, [person for person in told.people if person.id not in there])
        for wave in _waves(told.posts):
            await self._write("Posts", acts.write, [post for post in wave if post.id not in there])
        follows = self._write("Follows", acts.follow, told.follows)
        await _together([follows, *(self._write("Likes", acts.react, part) for part in _parts(told.reactions))])
        await self._move("Money", acts.top_up, told.top_ups)
        await self._move("Tips", acts.give, told.gifts)
        # Last, because they say that the demo is complete.
        await self._write("Tokens", acts.grant_token, [person for person in told.people if person.handle in CAST])

    async def _write(self, what: str, act: Act[Event], events: Sequence[Event]) -> None:
        """Runs commands whose order does not matter."""
        for start in range(0, len(events), BATCH):
            async with self._app.database.bulk() as transaction:
                for event in events[start : start + BATCH]:
                    await act(self._app, transaction, event)
                    self._advance(what)
            await asyncio.sleep(0)  # Ctrl-C is heard between two batches

    async def _move(self, what: str, act: Act[Event], events: Iterable[Event]) -> None:
        """Runs money commands, which reach the ledger in their order; it commits many at once."""
        turns = InTurn(self._app)
        left = iter(events)

        async def give() -> None:
            for event in left:
                await turns.run(act, event)
                self._advance(what)

        await _together(give() for _ in range(GIVERS))

    def _advance(self, what: str) -> None:
        self._done += 1
        if self._progress is not None and self._done % STEPS == 0:
            self._progress(what, self._done, self._total)


async def _together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Runs all of them side by side. When one fails the others are cancelled, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _waves(posts: Sequence[Post]) -> list[list[Post]]:
    """The posts in groups: what a post answers or quotes is in a group before its own."""
    waves: list[list[Post]] = []
    depths: dict[Post, int] = {}
    for post in posts:
        depths[post] = max((depths[other] + 1 for other in (post.parent, post.quoted) if other is not None), default=0)
        if depths[post] == len(waves):
            waves.append([])
        waves[depths[post]].append(post)
    return waves


def _parts(reactions: Sequence[Reaction]) -> list[list[Reaction]]:
    """The reactions in parts that touch no post in common, so that no part waits for another one's locks."""
    parts: list[list[Reaction]] = [[] for _ in range(PARTS)]
    for reaction in reactions:
        parts[reaction.post.id.int % PARTS].append(reaction)
    return parts
