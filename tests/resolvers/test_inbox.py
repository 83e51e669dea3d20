"""Inboxes: whatever happens in whatever order, the feed is what its definition says."""

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest

from ledger import Ledger
from models.database import ContentionError, Database, migrate, open_database
from resolvers import inbox
from resolvers.context import App
from resolvers.errors import Refused
from resolvers.feed import FeedKind, feed
from resolvers.pagination import window
from resolvers.posts import PostRow
from tests.harness.backdoor import Backdoor, backdoor
from tests.harness.town import Person, Town

STEPS = 120


async def until_idle(database: Database) -> None:
    busy = True
    while busy:
        try:
            busy = await inbox.work(database)
        except ContentionError:  # the server too begins the chunk again
            continue


async def shown(viewer: Person, size: int = 100) -> list[str]:
    """The whole feed, read page by page from its start; from its end it must be the same."""
    forward: list[str] = []
    backward: list[str] = []
    after = before = None
    while True:
        page = await feed(viewer.ctx(), FeedKind.FOLLOWING, window(size, after))
        forward += [edge.node.text for edge in page.edges]
        after = page.page_info.end_cursor
        if not page.page_info.has_next_page:
            break
    while True:
        page = await feed(viewer.ctx(), FeedKind.FOLLOWING, window(None, None, size, before))
        backward = [edge.node.text for edge in page.edges] + backward
        before = page.page_info.start_cursor
        if not page.page_info.has_previous_page:
            break
    assert forward == backward
    return forward


async def count(backdoor: Backdoor, table: str) -> int:
    [[number]] = await backdoor.fetch(f"SELECT count(*) FROM {table}")
    return int(number)


async def test_a_follow_shows_all_posts_at_once_and_after_they_have_moved_to_the_inbox(
    town: Town, backdoor: Backdoor
) -> None:
    ada, ben = await town.people("ada", "ben")
    for n in range(3):
        await ben.post(f"{n}")
    await ada.follows(ben)
    assert await shown(ada) == ["2", "1", "0"]
    assert await count(backdoor, "inbox") == 0
    await until_idle(town.app.database)
    assert await count(backdoor, "inbox") == 3
    assert await count(backdoor, "follows WHERE pulled") == 0
    assert await shown(ada) == ["2", "1", "0"]
    await ben.post("3")
    await until_idle(town.app.database)
    assert await shown(ada) == ["3", "2", "1", "0"]


async def test_an_own_post_is_there_at_once(town: Town) -> None:
    ada = await town.person("ada")
    await until_idle(town.app.database)
    await ada.post("mine")
    assert await shown(ada) == ["mine"]


async def test_what_may_not_be_shown_is_hidden_at_once_and_leaves_the_inbox(town: Town, backdoor: Backdoor) -> None:
    ada, ben, cem, dee = await town.people("ada", "ben", "cem", "dee")
    for person in (ben, cem, dee):
        await ada.follows(person)
    posts = [await person.post(person.handle) for person in (ben, cem, dee)]
    await until_idle(town.app.database)
    assert await count(backdoor, "inbox") == 3
    await ben.deletes(posts[0])
    await ada.follows(cem, on=False)
    await dee.blocks(ada)
    assert await shown(ada) == []
    await until_idle(town.app.database)
    assert await shown(ada) == []
    assert await count(backdoor, "inbox") == 0


async def test_a_block_hides_posts_even_beside_a_follow(town: Town, backdoor: Backdoor) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem")
    for person in (ben, cem):
        await person.post(person.handle)
    await ben.blocks(ada)
    await ada.blocks(cem)
    for person in (ben, cem):  # as two requests at the same moment may leave it
        await follow_nevertheless(town, ada, person)
    assert await shown(ada) == []
    await until_idle(town.app.database)
    assert await count(backdoor, "inbox") == 2
    assert await shown(ada) == []


async def follow_nevertheless(town: Town, follower: Person, followed: Person) -> None:
    async with town.app.database.transaction() as transaction:
        await inbox.begin_follow(transaction, follower.ctx().new_id(), follower.id, followed.id)


async def test_who_has_many_followers_is_read_at_read_time(
    town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MANY_FOLLOWERS", 2)
    monkeypatch.setattr(inbox, "MOST_PULLED", 1)
    star, sun, *crowd = await town.people("star", "sun", "one", "two", "three", "four")
    for person in crowd:
        await person.follows(star)
        await person.follows(sun)
    await until_idle(town.app.database)
    await star.post("star")
    await sun.post("sun")
    await until_idle(town.app.database)
    for person in crowd:
        assert await shown(person) == ["sun", "star"]
    # The first two are pushed both. The others pull the star, and are pushed the sun: they pull as many as one may.
    assert await count(backdoor, "inbox") == 4 + 2
    assert await count(backdoor, "follows WHERE pulled") == 2


async def test_a_large_delivery_does_not_hold_up_a_small_one(
    town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "CHUNK", 2)
    star, poet, *crowd = await town.people("star", "poet", *(f"crowd{n}" for n in range(9)))
    for person in crowd:
        await person.follows(star)
    await crowd[0].follows(poet)
    await until_idle(town.app.database)
    await star.post("large")
    await poet.post("small")
    steps = 0
    while await count(backdoor, "deliveries") > 1:
        assert await inbox.work(town.app.database)
        steps += 1
    assert steps <= 2
    assert await shown(crowd[0]) == ["small", "large"]
    assert await count(backdoor, "inbox") < 10
    await until_idle(town.app.database)
    assert await count(backdoor, "inbox") == 10


async def test_two_workers_share_the_work(town: Town, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "CHUNK", 3)
    star, *crowd = await town.people("star", *(f"crowd{n}" for n in range(10)))
    await asyncio.gather(*(person.follows(star) for person in crowd))
    for n in range(5):
        await star.post(f"{n}")
    await asyncio.gather(*(until_idle(town.app.database) for _ in range(3)))
    await until_idle(town.app.database)
    assert await count(backdoor, "inbox") == 50
    assert await count(backdoor, "deliveries") + await count(backdoor, "catch_ups") == 0


def test_a_database_from_before_the_inboxes_shows_the_same_and_fills_them(empty_database_url: str) -> None:
    migrate.upgrade(empty_database_url, "0002")
    asyncio.run(make_old_rows(empty_database_url))
    migrate.upgrade(empty_database_url)
    asyncio.run(show_and_fill(empty_database_url))


VIEWER, AUTHOR, *OLD_POSTS = (UUID(int=n << 80 | 7 << 76 | 2 << 62) for n in range(1, 6))


async def make_old_rows(url: str) -> None:
    async with backdoor(url) as connection:
        postgresql = connection.dialect == "postgresql"
        viewer, author, *posts = (f"'{key}'" if postgresql else f"x'{key.hex}'" for key in (VIEWER, AUTHOR, *OLD_POSTS))
        moment = "now()" if postgresql else "0"
        columns = "id, author_id, text, created_at"
        await connection.fetch(
            f"INSERT INTO follows (follower_id, followed_id, id) VALUES ({viewer}, {author}, {viewer})"
        )
        for post in posts:
            await connection.fetch(f"INSERT INTO posts ({columns}) VALUES ({post}, {author}, 'old', {moment})")
            await connection.fetch(f"INSERT INTO post_counters VALUES ({post}, 0, 0, 0)")


async def show_and_fill(url: str) -> None:
    database = await open_database(url)
    viewer = Person(App(database, Ledger(database)), VIEWER, "viewer")
    async with backdoor(url) as connection:
        assert await shown(viewer) == ["old"] * 3
        await until_idle(database)
        assert await count(connection, "inbox") == 3
        assert await count(connection, "follows WHERE pulled") == 0
        assert await shown(viewer) == ["old"] * 3
    await database.close()


class History:
    """A town in which anything happens, and what its people's feeds should show."""

    def __init__(self, people: list[Person], chance: random.Random, app: App) -> None:
        self.people, self.chance, self.app = people, chance, app
        self.posts: list[tuple[Person, PostRow]] = []
        self.follows: set[tuple[str, str]] = set()

    def due(self, viewer: Person) -> list[str]:
        """The definition: what those post whom the viewer follows now, and the viewer, newest first, but replies."""
        return [
            post.text
            for author, post in reversed(self.posts)
            if post.reply_to_id is None and (author is viewer or (viewer.handle, author.handle) in self.follows)
        ]

    async def step(self) -> None:
        """Something happens."""
        one, other = self.chance.sample(self.people, 2)
        what: Any = self.chance.choice([self.post, self.post, self.post, self.delete, self.follow, self.follow])
        await self.chance.choice([what, what, what, self.unfollow, self.block, self.work, self.work])(one, other)
        if self.posts and self.posts[-1][0] is one and self.posts[-1][1].reply_to_id is None:
            page = await feed(one.ctx(), FeedKind.FOLLOWING, window(1, None))
            newest = next(text for text in self.due(one))
            assert page.edges[0].node.text >= newest, "an own post is there at once"

    async def post(self, one: Person, _: Person) -> None:
        parent = self.chance.choice(self.posts)[1] if self.posts and self.chance.random() < 0.2 else None
        try:
            post = await one.post(f"{len(self.posts):04} {one.handle}", reply_to=parent)
        except Refused:  # deleted or blocked
            return
        self.posts.append((one, post))

    async def delete(self, _: Person, __: Person) -> None:
        if self.posts:
            author, post = self.posts.pop(self.chance.randrange(len(self.posts)))
            await author.deletes(post)

    async def follow(self, one: Person, other: Person) -> None:
        try:
            await one.follows(other)
        except Refused:  # blocked
            return
        self.follows.add((one.handle, other.handle))

    async def unfollow(self, one: Person, other: Person) -> None:
        await one.follows(other, on=False)
        self.follows.discard((one.handle, other.handle))

    async def block(self, one: Person, other: Person) -> None:
        await one.blocks(other)
        self.follows -= {(one.handle, other.handle), (other.handle, one.handle)}
        if self.chance.random() < 0.7:
            await one.blocks(other, on=False)

    async def work(self, _: Person, __: Person) -> None:
        await inbox.work(self.app.database)


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_history_every_page_is_what_the_definition_says(
    town: Town, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    people = await town.people(*"abcdef")
    history = History(people, chance, town.app)
    for _ in range(STEPS):
        if chance.random() < 0.1:  # authors come to have many followers, and few, without any change of theirs
            monkeypatch.setattr(inbox, "MANY_FOLLOWERS", chance.choice([0, 1, 2, 3, 100]))
            monkeypatch.setattr(inbox, "MOST_PULLED", chance.choice([0, 1, 2, 100]))
            monkeypatch.setattr(inbox, "CHUNK", chance.choice([1, 2, 3, 100]))
        await history.step()
    await until_idle(town.app.database)
    for person in people:
        for size in (1, 3, 100):
            assert await shown(person, size) == history.due(person)
