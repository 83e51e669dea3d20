"""Blocks: neither of the two sees, follows, answers or pays the other. The profile stays readable."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models.database import Transaction
from resolvers import feed, posts, users
from resolvers.errors import NotPermittedError, UserErrorCode
from resolvers.feed import FeedKind
from resolvers.pagination import window
from resolvers.posts import PostRow
from schema import OperationContext
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, refusal

Act = Callable[[Person, Person, PostRow], Awaitable[Any]]

TO_A_POST: dict[str, Act] = {
    "reply": lambda viewer, author, post: viewer.post("Well, …", reply_to=post),
    "quote": lambda viewer, author, post: viewer.post("Look!", quote_of=post),
    "like": lambda viewer, author, post: viewer.likes(post),
    "repost": lambda viewer, author, post: viewer.reposts(post),
    "tip": lambda viewer, author, post: viewer.tips(post),
}
TO_A_PERSON: dict[str, Act] = {
    "follow": lambda viewer, author, post: viewer.follows(author),
    "pay": lambda viewer, author, post: viewer.sends(author),
}


Work = Callable[[Transaction], Awaitable[Any]]


class Slow(OperationContext):
    """A request that waits before its transaction begins, or before it commits, until it is told to go on."""

    def __init__(self, person: Person, *, before_commit: bool) -> None:
        super().__init__(person.app, person.viewer)
        self.waits, self.go_on = asyncio.Event(), asyncio.Event()
        self._before_commit = before_commit

    async def transact(self, work: Work) -> Any:
        async def and_wait(transaction: Transaction) -> Any:
            result = await work(transaction)
            await self._wait()
            return result

        if self._before_commit:
            return await super().transact(and_wait)
        await self._wait()
        return await super().transact(work)

    async def _wait(self) -> None:
        self.waits.set()
        await self.go_on.wait()


async def feed_of(viewer: Person, kind: FeedKind = FeedKind.LATEST) -> list[str]:
    page = await feed.feed(viewer.ctx(), kind, window(None, None))
    return [edge.node.text for edge in page.edges]


@pytest.mark.parametrize("act", [*TO_A_POST.values(), *TO_A_PERSON.values()], ids=[*TO_A_POST, *TO_A_PERSON])
async def test_whom_i_have_blocked_i_cannot_reach(town: Town, backdoor: Backdoor, act: Act) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    post = await ben.post()
    await ada.blocks(ben)
    before = await contents(backdoor)
    assert (await refusal(act(ada, ben, post))).code is UserErrorCode.BLOCKED
    assert await contents(backdoor) == before


@pytest.mark.parametrize("act", TO_A_PERSON.values(), ids=TO_A_PERSON)
async def test_who_has_blocked_me_i_cannot_reach(town: Town, backdoor: Backdoor, act: Act) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    post = await ben.post()
    await ben.blocks(ada)
    before = await contents(backdoor)
    assert (await refusal(act(ada, ben, post))).code is UserErrorCode.BLOCKED
    assert await contents(backdoor) == before


@pytest.mark.parametrize("act", TO_A_POST.values(), ids=TO_A_POST)
async def test_the_posts_of_who_has_blocked_me_are_not_there_for_me(town: Town, backdoor: Backdoor, act: Act) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    post = await ben.post()
    await ben.blocks(ada)
    before = await contents(backdoor)
    assert (await refusal(act(ada, ben, post))).code is UserErrorCode.NOT_FOUND
    assert await contents(backdoor) == before


@pytest.mark.parametrize("act", [*TO_A_POST.values(), *TO_A_PERSON.values()], ids=[*TO_A_POST, *TO_A_PERSON])
async def test_after_unblocking_all_is_possible_again(town: Town, act: Act) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    post = await ben.post()
    for one, other in ((ada, ben), (ben, ada)):
        await one.blocks(other)
        await one.blocks(other, on=False)
    await act(ada, ben, post)


async def test_a_block_between_others_is_nothing_to_me(town: Town, backdoor: Backdoor) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem", dollars="10")
    post = await ben.post("hello")
    await cem.blocks(ben)
    await ben.blocks(cem)
    for act in (*TO_A_POST.values(), *TO_A_PERSON.values()):
        await act(ada, ben, post)
    assert "hello" in await feed_of(ada)
    assert await miscounts(backdoor) == []


async def test_a_block_ends_following_both_ways_and_the_counts_follow(town: Town, backdoor: Backdoor) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    for one, other in ((ada, ben), (ben, ada), (ada, cem), (cem, ada)):
        await one.follows(other)
    for _ in range(2):
        await ada.blocks(ben)
        assert [(row.follower_count, row.following_count) for row in (await ada.counters(), await ben.counters())] == [
            (1, 1),
            (0, 0),
        ]
    assert await miscounts(backdoor) == []
    await ada.blocks(ben, on=False)
    assert await users.viewer_is_following(ada.ctx(), [await ben.row()]) == [False]
    assert await miscounts(backdoor) == []


@pytest.mark.parametrize("blocker", ["fan", "star"])
async def test_a_block_ends_following_one_way_and_the_counts_follow(
    town: Town, backdoor: Backdoor, blocker: str
) -> None:
    fan, star = await town.people("fan", "star")
    await fan.follows(star)
    await (fan.blocks(star) if blocker == "fan" else star.blocks(fan))
    assert ((await fan.counters()).following_count, (await star.counters()).follower_count) == (0, 0)
    assert await miscounts(backdoor) == []


async def test_one_can_stop_following_whom_one_has_blocked(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.blocks(ben)
    await ada.follows(ben, on=False)
    assert (await ben.counters()).follower_count == 0


async def test_nobody_blocks_themselves(town: Town) -> None:
    ada = await town.person("ada")
    assert isinstance(await refusal(ada.blocks(ada)), NotPermittedError)


@pytest.mark.parametrize("blocker", ["ada", "ben"])
async def test_neither_has_the_other_in_a_feed_or_a_list(town: Town, blocker: str) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    await ada.post("by ada")
    await ben.post("by ben")
    thread = await cem.post("by cem")
    await ada.post("reply of ada", reply_to=thread)
    await ben.post("reply of ben", reply_to=thread)
    await (ada.blocks(ben) if blocker == "ada" else ben.blocks(ada))
    for viewer, other in ((ada, ben), (ben, ada)):
        assert await feed_of(viewer) == ["by cem", f"by {viewer.handle}"]
        [replies] = await posts.replies_of(viewer.ctx(), [thread])
        assert [edge.node.text for edge in replies.edges] == [f"reply of {viewer.handle}"]
        [own] = await posts.posts_of(viewer.ctx(), [await other.row()])
        assert own.edges == []
    assert await feed_of(cem) == ["by cem", "by ben", "by ada"]
    [replies] = await posts.replies_of(cem.ctx(), [thread])
    assert len(replies.edges) == 2


async def test_what_a_blocked_reader_had_found_is_gone_and_the_blocker_still_reads(town: Town) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    post = await ada.post("by ada")
    reply, quote = await cem.post("re", reply_to=post), await cem.post("qt", quote_of=post)
    other = await ben.post("by ben")
    await ada.blocks(ben)
    assert await ben.sees(post) is None
    assert await posts.replied_to_by(ben.ctx(), [reply]) == [None]
    assert await posts.quoted_by(ben.ctx(), [quote]) == [None]
    found = await ada.sees(other)  # whoever blocks can look up what they were told about
    assert found is not None
    assert found.text == "by ben"


@pytest.mark.parametrize("blocker", ["ada", "ben"])
async def test_the_profile_stays_readable(town: Town, blocker: str) -> None:
    ada, ben = await town.people("ada", "ben")
    await (ada.blocks(ben) if blocker == "ada" else ben.blocks(ada))
    found = await users.user_by_handle(ada.ctx(), "ben")
    assert found is not None
    assert (found.display_name, (await ben.counters()).follower_count) == ("Ben", 0)
    assert (await users.users_by_id(ada.ctx(), [ben.id]))[ben.id] == found


async def test_people_who_follow_and_block_each_other_at_once_are_counted_right(town: Town, backdoor: Backdoor) -> None:
    people = await town.people(*(f"p{n}" for n in range(5)))
    pairs = [(one, other) for one in people for other in people if one is not other]
    await asyncio.gather(*(one.follows(other) for one, other in pairs))
    await asyncio.gather(*(one.blocks(other) for one, other in pairs))
    assert [(await person.counters()).follower_count for person in people] == [0] * 5
    assert await miscounts(backdoor) == []
    await asyncio.gather(*(one.blocks(other, on=False) for one, other in pairs))
    acts = [act for one, other in pairs for act in (one.follows(other), other.blocks(one))]
    await asyncio.gather(*acts, return_exceptions=True)
    assert await miscounts(backdoor) == []


A_MOMENT = 0.2
"""Time for the second request to come as far as the first one lets it. If it does not, a test shows less."""


async def follows_between(one: Person, other: Person) -> list[bool]:
    of_one = await users.viewer_is_following(one.ctx(), [await other.row()])
    return of_one + await users.viewer_is_following(other.ctx(), [await one.row()])


@pytest.mark.parametrize("before_commit", [False, True], ids=["before it begins", "before it commits"])
@pytest.mark.parametrize("blocker", ["fan", "star"])
async def test_no_follow_outlives_a_block_that_comes_meanwhile(
    town: Town, backdoor: Backdoor, blocker: str, *, before_commit: bool
) -> None:
    fan, star = await town.people("fan", "star")
    one, other = (fan, star) if blocker == "fan" else (star, fan)
    slow = Slow(fan, before_commit=before_commit)
    following = asyncio.create_task(users.follow_user(slow, star.public_id, on=True))
    await slow.waits.wait()
    blocking = asyncio.create_task(one.blocks(other))
    await (asyncio.sleep(A_MOMENT) if before_commit else blocking)
    slow.go_on.set()
    if before_commit:
        await following
    else:
        assert (await refusal(following)).code is UserErrorCode.BLOCKED
    await blocking
    assert await follows_between(fan, star) == [False, False]
    assert await miscounts(backdoor) == []


@pytest.mark.parametrize("blocker", ["fan", "star"])
async def test_no_follow_begins_while_a_block_is_being_written(town: Town, backdoor: Backdoor, blocker: str) -> None:
    fan, star = await town.people("fan", "star")
    one, other = (fan, star) if blocker == "fan" else (star, fan)
    slow = Slow(one, before_commit=True)
    blocking = asyncio.create_task(users.block_user(slow, other.public_id, on=True))
    await slow.waits.wait()
    following = asyncio.create_task(refusal(fan.follows(star)))
    await asyncio.sleep(A_MOMENT)
    slow.go_on.set()
    await blocking
    assert (await following).code is UserErrorCode.BLOCKED
    assert await follows_between(fan, star) == [False, False]
    assert await miscounts(backdoor) == []


async def test_whoever_follows_and_blocks_at_once_ends_up_apart(town: Town, backdoor: Backdoor) -> None:
    fan, star = await town.people("fan", "star")
    for _ in range(10):
        acts = (fan.follows(star), star.follows(fan), star.blocks(fan))
        await asyncio.gather(*acts, return_exceptions=True)
        assert await follows_between(fan, star) == [False, False]
        await star.blocks(fan, on=False)
    assert await miscounts(backdoor) == []
