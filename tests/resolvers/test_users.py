"""People: finding them, following them, and what is counted about it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from resolvers import users
from resolvers.context import TokenScope
from resolvers.errors import NotFoundError, NotPermittedError, SignInRequiredError
from resolvers.ids import Kind, public_id
from resolvers.pagination import Page
from resolvers.users import Counted, UserRow
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of, refusal


def handles(page: Page[UserRow]) -> list[str]:
    return [edge.node.handle for edge in page.edges]


async def followers(of: Person) -> list[str]:
    [page] = await users.followers_of(of.ctx(), [await of.row()])
    return handles(page)


async def following(of: Person) -> list[str]:
    [page] = await users.following_of(of.ctx(), [await of.row()])
    return handles(page)


@pytest.mark.parametrize("written", ["ada", "ADA", "@ada", "@Ada"])
async def test_a_person_is_found_by_handle_however_it_is_written(town: Town, written: str) -> None:
    ada = await town.person("ada")
    found = await users.user_by_handle(town.stranger(), written)
    assert found is not None
    assert found.id == ada.id


@pytest.mark.parametrize("written", ["", "@", "ad", "adam", "a da", "@@ada", "ada\x00", "\x00", "\ud800", "%", "ad_"])
async def test_nobody_is_found_by_another_handle(town: Town, written: str) -> None:
    await town.person("ada")
    assert await users.user_by_handle(town.stranger(), written) is None


async def test_following_is_counted_on_both_sides(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.follows(ben)
    assert (await ben.counters()).follower_count == 1
    assert (await ada.counters()).following_count == 1
    assert (await ada.counters()).follower_count == 0
    assert await followers(ben) == ["ada"]
    assert await following(ada) == ["ben"]


async def test_following_twice_is_following_once(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    for _ in range(3):
        await ada.follows(ben)
        assert (await ben.counters()).follower_count == 1
    assert await followers(ben) == ["ada"]
    assert await miscounts(backdoor) == []


async def test_unfollowing_undoes_it_and_once_more_changes_nothing(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.follows(ben)
    for _ in range(3):
        await ada.follows(ben, on=False)
        assert (await ben.counters()).follower_count == 0
    assert (await ada.counters()).following_count == 0
    assert await followers(ben) == []
    assert await miscounts(backdoor) == []


async def test_the_latest_follower_stands_first(town: Town) -> None:
    ada, ben, cem, dee = await town.people("ada", "ben", "cem", "dee")
    for person in (ben, cem, dee):
        await person.follows(ada)
        await ada.follows(person)
    await ben.follows(ada, on=False)
    await ben.follows(ada)
    assert await followers(ada) == ["ben", "dee", "cem"]
    assert await following(ada) == ["dee", "cem", "ben"]


async def test_lists_of_several_people_do_not_mix(town: Town) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    await ada.follows(ben)
    await cem.follows(ben)
    await cem.follows(ada)
    rows = [await person.row() for person in (ada, ben, cem)]
    assert [handles(page) for page in await users.followers_of(town.stranger(), rows)] == [["cem"], ["cem", "ada"], []]
    assert [handles(page) for page in await users.following_of(town.stranger(), rows)] == [["ben"], [], ["ada", "ben"]]


async def test_nobody_follows_themselves(town: Town) -> None:
    ada = await town.person("ada")
    error = await refusal(ada.follows(ada))
    assert isinstance(error, NotPermittedError)
    assert error.path == ("id",)
    assert (await ada.counters()).follower_count == 0


async def test_there_must_be_somebody_to_follow(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    post = await ada.post()
    before = await contents(backdoor)
    unknown = public_id(Kind.USER, ada.ctx().new_id())
    for wrong in (unknown, id_of(post), "", "ada", "user_", unknown.upper(), unknown + "\x00"):
        assert isinstance(await refusal(users.follow_user(ada.ctx(), wrong, on=True)), NotFoundError)
        assert isinstance(await refusal(users.block_user(ada.ctx(), wrong, on=True)), NotFoundError)
    assert await contents(backdoor) == before


async def test_only_the_signed_in_follow_and_block(town: Town) -> None:
    ada = await town.person("ada")
    for command in (users.follow_user, users.block_user):
        with pytest.raises(SignInRequiredError):
            await command(town.stranger(), ada.public_id, on=True)


async def test_following_and_blocking_take_the_scope_write(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    for command in (users.follow_user, users.block_user):
        error = await refusal(command(ada.limited(TokenScope.READ, TokenScope.PAY).ctx(), ben.public_id, on=True))
        assert isinstance(error, NotPermittedError)
    await ada.limited(TokenScope.WRITE).follows(ben)
    assert (await ben.counters()).follower_count == 1


async def test_the_viewers_flags_are_the_viewers(town: Town) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    await ada.follows(ben)
    await ada.blocks(cem)
    rows = [await person.row() for person in (ada, ben, cem)]
    for viewer, is_following, has_blocked, can_tip in [
        (ada, [False, True, False], [False, False, True], [False, True, False]),
        (ben, [False, False, False], [False, False, False], [True, False, True]),
        (cem, [False, False, False], [False, False, False], [False, True, False]),
    ]:
        assert await users.viewer_is_following(viewer.ctx(), rows) == is_following
        assert await users.viewer_has_blocked(viewer.ctx(), rows) == has_blocked
        assert await users.viewer_can_tip(viewer.ctx(), rows) == can_tip


async def test_the_signed_out_have_no_flags(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.follows(ben)
    rows = [await ada.row(), await ben.row()]
    for flag in (users.viewer_is_following, users.viewer_has_blocked, users.viewer_can_tip):
        assert await flag(town.stranger(), rows) == [False, False]


async def test_a_token_that_may_not_pay_can_tip_nobody(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    assert await users.viewer_can_tip(ada.limited(TokenScope.READ).ctx(), [await ben.row()]) == [False]
    assert await users.viewer_can_tip(ada.limited(TokenScope.PAY).ctx(), [await ben.row()]) == [True]


async def test_many_who_follow_at_once_are_all_counted(town: Town, backdoor: Backdoor) -> None:
    star = await town.person("star")
    crowd = await town.people(*(f"fan{n}" for n in range(24)))
    await asyncio.gather(*(person.follows(star) for person in crowd))
    assert (await star.counters()).follower_count == 24
    assert await miscounts(backdoor) == []


async def test_one_who_follows_many_times_at_once_is_counted_once(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    await asyncio.gather(*(ada.follows(ben, on=n % 3 != 0) for n in range(24)))
    await ada.follows(ben)
    assert (await ben.counters()).follower_count == 1
    assert await miscounts(backdoor) == []


async def test_all_who_follow_and_leave_each_other_at_once_are_counted_right(town: Town, backdoor: Backdoor) -> None:
    people = await town.people(*(f"p{n}" for n in range(6)))
    pairs = [(one, other) for one in people for other in people if one is not other]
    await asyncio.gather(*(one.follows(other) for one, other in pairs))
    assert await miscounts(backdoor) == []
    assert [(await person.counters()).follower_count for person in people] == [5] * 6
    await asyncio.gather(*(one.follows(other, on=False) for one, other in reversed(pairs)))
    assert await miscounts(backdoor) == []
    assert [(await person.counters()).following_count for person in people] == [0] * 6


class Written:
    """In place of a transaction: what is written, in its order."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    async def run_many(self, command: object, rows: list[dict[str, Any]]) -> None:
        self.rows += rows


async def test_counts_are_written_in_one_order_so_that_no_two_wait_in_a_circle() -> None:
    ids = sorted(uuid4() for _ in range(4))
    for order in (ids, ids[::-1], [ids[2], ids[0], ids[3], ids[1]]):
        written: Any = Written()
        await users.count(written, {key: Counted(posts=n) for n, key in enumerate(order)})
        assert [row["counted_id"] for row in written.rows] == [key for key in ids if key != order[0]]
