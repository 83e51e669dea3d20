"""The feed: which posts are in it, for whom."""

import pytest

from resolvers.errors import SignInRequiredError
from resolvers.feed import FeedKind, feed
from resolvers.pagination import window
from resolvers.posts import edit_post
from tests.harness.town import Person, Town, id_of


async def texts(viewer: Person, kind: FeedKind) -> list[str]:
    page = await feed(viewer.ctx(), kind, window(None, None))
    return [edge.node.text for edge in page.edges]


async def test_the_latest_post_stands_first_for_everybody(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.post("one")
    await ben.post("two")
    await ada.post("three")
    page = await feed(town.stranger(), FeedKind.LATEST, window(None, None))
    assert [edge.node.text for edge in page.edges] == ["three", "two", "one"]
    assert await texts(ben, FeedKind.LATEST) == ["three", "two", "one"]


async def test_the_feed_has_quotes_but_no_replies(town: Town) -> None:
    ada = await town.person("ada")
    post = await ada.post("post")
    await ada.post("reply", reply_to=post)
    await ada.post("quote", quote_of=post)
    await ada.post("reply that quotes", reply_to=post, quote_of=post)
    for kind in FeedKind:
        assert await texts(ada, kind) == ["quote", "post"]


async def test_following_shows_those_whom_the_viewer_follows_and_their_own(town: Town) -> None:
    ada, ben, cem, dee = await town.people("ada", "ben", "cem", "dee")
    for person in (ada, ben, cem, dee):
        await person.post(person.handle)
    await ada.follows(ben)
    await dee.follows(ada)
    assert await texts(ada, FeedKind.FOLLOWING) == ["ben", "ada"]
    assert await texts(dee, FeedKind.FOLLOWING) == ["dee", "ada"]
    await ada.follows(ben, on=False)
    assert await texts(ada, FeedKind.FOLLOWING) == ["ada"]


async def test_following_needs_somebody_who_follows(town: Town) -> None:
    with pytest.raises(SignInRequiredError):
        await feed(town.stranger(), FeedKind.FOLLOWING, window(None, None))


async def test_what_is_deleted_leaves_the_feed_and_what_is_edited_stays_in_its_place(town: Town) -> None:
    ada = await town.person("ada")
    one, two, _ = [await ada.post(text) for text in ("one", "two", "three")]
    await ada.deletes(two)
    await edit_post(ada.ctx(), id_of(one), "ONE")
    for kind in FeedKind:
        assert await texts(ada, kind) == ["three", "ONE"]


async def test_an_empty_feed_is_an_empty_page(town: Town) -> None:
    page = await feed(town.stranger(), FeedKind.LATEST, window(None, None))
    assert page.edges == []
    assert page.page_info == (False, False, None, None)
