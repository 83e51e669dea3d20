"""Pages of connections: walking a list finds all of it once, whatever is posted meanwhile."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.ids import new_id
from models.transfers import Visibility
from resolvers import feed, posts, tips, users, wallets
from resolvers.errors import BadInputError
from resolvers.feed import FeedKind
from resolvers.pagination import DEFAULT_SIZE, MAX_SIZE, Page, PageInfo, Window, cursor_of, window, with_nodes
from resolvers.wallets import WalletRow
from tests.harness.town import Person, Town

# All examples of one property share a database, and each has an author of its own in it.
in_one_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
numbers = iter(range(10**9))

Turn = tuple[int, int, bool]
turns = st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2), st.booleans()), max_size=8)
"""What happens between pages: the next page's size, how many are posted before it, whether the cursor's is deleted."""


async def author_of(town: Town, texts: int) -> Person:
    author = await town.person(f"author{next(numbers)}")
    for n in range(texts):
        await author.post(str(n))
    return author


async def page_of(author: Person, **asked: Any) -> Page[Any]:
    [page] = await posts.posts_of(author.ctx(), [await author.row()], **asked)
    return page


def texts_of(page: Page[Any]) -> list[int]:
    return [int(edge.node.text) for edge in page.edges]


async def post_more(author: Person, already: int, more: int) -> int:
    for n in range(already, already + more):
        await author.post(str(n))
    return already + more


async def delete(author: Person, page: Page[Any], place: int) -> None:
    await author.deletes(page.edges[place].node)


@in_one_database
@given(count=st.integers(0, 9), walk=turns)
async def test_walking_forward_finds_all_that_was_there_once_and_in_order(
    town: Town, count: int, walk: list[Turn]
) -> None:
    author = await author_of(town, count)
    seen: list[int] = []
    posted, cursor = count, None
    for size, more, gone in [*walk, *[(4, 0, False)] * 3]:
        posted = await post_more(author, posted, more if cursor else 0)  # newer ones stand before where we are
        page = await page_of(author, first=size, after=cursor)
        assert page.page_info.has_previous_page is (cursor is not None)
        assert page.page_info.has_next_page is (len(seen) + len(page.edges) < count)
        seen += texts_of(page)
        cursor = page.page_info.end_cursor or cursor
        if gone and page.edges:
            await delete(author, page, -1)
    assert seen == list(reversed(range(count)))


@in_one_database
@given(count=st.integers(0, 9), walk=turns)
async def test_walking_backward_finds_all_once_and_in_order_the_newest_too(
    town: Town, count: int, walk: list[Turn]
) -> None:
    author = await author_of(town, count)
    seen: list[int] = []
    posted, cursor = count, None
    for size, more, gone in [*walk, *[(4, 0, False)] * 7]:
        posted = await post_more(author, posted, more)
        page = await page_of(author, last=size, before=cursor)
        assert page.page_info.has_next_page is (cursor is not None)
        assert page.page_info.has_previous_page is (len(seen) + len(page.edges) < posted)
        seen = texts_of(page) + seen
        cursor = page.page_info.start_cursor or cursor
        if gone and page.edges:
            await delete(author, page, 0)
    assert seen == list(reversed(range(posted)))


@in_one_database
@given(count=st.integers(0, 9), walk=turns)
async def test_walking_a_conversation_finds_all_once_and_the_latest_last(
    town: Town, count: int, walk: list[Turn]
) -> None:
    author = await author_of(town, 1)
    root = (await page_of(author)).edges[0].node
    for n in range(count):
        await author.post(str(n), reply_to=root)
    seen: list[int] = []
    posted, cursor = count, None
    for size, more, gone in [*walk, *[(4, 0, False)] * 7]:
        for n in range(posted, posted + more):
            await author.post(str(n), reply_to=root)
        posted += more
        [page] = await posts.replies_of(author.ctx(), [root], first=size, after=cursor)
        assert page.page_info.has_next_page is (len(seen) + len(page.edges) < posted)
        seen += texts_of(page)
        cursor = page.page_info.end_cursor or cursor
        if gone and page.edges:
            await delete(author, page, -1)
    assert seen == list(range(posted))


@in_one_database
@given(
    count=st.integers(0, 7),
    first_or_last=st.tuples(st.none() | st.integers(0, 4), st.none()) | st.tuples(st.none(), st.integers(0, 4)),
    after_and_before=st.tuples(st.none() | st.integers(0, 6), st.none() | st.integers(0, 6)),
)
async def test_any_page_is_a_slice_of_the_whole_list(
    town: Town,
    count: int,
    first_or_last: tuple[int | None, int | None],
    after_and_before: tuple[int | None, int | None],
) -> None:
    first, last = first_or_last
    after, before = after_and_before
    author = await author_of(town, count)
    whole = (await page_of(author)).edges

    def cursor(place: int | None) -> str | None:
        return None if place is None or place >= count else whole[place].cursor

    page = await page_of(author, first=first, last=last, after=cursor(after), before=cursor(before))
    low = 0 if cursor(after) is None or after is None else after + 1
    high = count if cursor(before) is None or before is None else before
    between = whole[low : max(low, high)]
    if last is not None:
        assert page.edges == between[max(0, len(between) - last) :]
        assert page.page_info.has_previous_page is (len(between) > last)
    else:
        size = DEFAULT_SIZE if first is None else first
        assert page.edges == between[:size]
        assert page.page_info.has_next_page is (len(between) > size)


async def test_the_default_and_the_largest_page(town: Town) -> None:
    author = await author_of(town, MAX_SIZE + 1)
    assert len((await page_of(author)).edges) == DEFAULT_SIZE
    page = await page_of(author, first=MAX_SIZE)
    assert texts_of(page) == list(range(MAX_SIZE, 0, -1))
    assert page.page_info.has_next_page


async def test_a_page_of_nothing_tells_only_whether_there_is_something(town: Town) -> None:
    author = await author_of(town, 2)
    assert await page_of(author, first=0) == ([], [], (True, False, None, None))
    assert await page_of(author, last=0) == ([], [], (False, True, None, None))
    nobody = await author_of(town, 0)
    assert await page_of(nobody, first=0) == ([], [], (False, False, None, None))


def test_a_place_without_a_node_is_left_out_with_its_node() -> None:
    info = PageInfo(has_next_page=False, has_previous_page=False, first=3, last=1)
    page = with_nodes(Page(["c", "b", "a"], [3, 2, 1], info), ["C", None, "A"])
    assert ([tuple(edge) for edge in page.edges], page.nodes, page.page_info) == (
        [(3, "C"), (1, "A")],
        ["C", "A"],
        info,
    )


@pytest.mark.parametrize(
    ("first", "last"), [(-1, None), (101, None), (None, -1), (None, 101), (2**31 - 1, None), (1, 1), (0, 0)]
)
def test_impossible_sizes_are_refused(first: int | None, last: int | None) -> None:
    with pytest.raises(BadInputError):
        window(first, None, last, None)


def test_sizes_up_to_the_bounds_are_taken() -> None:
    assert window(0, None) == Window(0, None, None, from_end=False)
    assert window(MAX_SIZE, "a", None, "b") == Window(MAX_SIZE, "a", "b", from_end=False)
    assert window(None, None, MAX_SIZE, None) == Window(MAX_SIZE, None, None, from_end=True)


List = Callable[[Person, str | None], Awaitable[Any]]


async def _wallet(person: Person, after: str | None) -> Any:
    return await wallets.entries_of(person.ctx(), [WalletRow(person.id)], after=after)


async def _feed(person: Person, after: str | None) -> Any:
    return await feed.feed(person.ctx(), FeedKind.LATEST, window(None, after))


async def _feed_before(person: Person, before: str | None) -> Any:
    return await feed.feed(person.ctx(), FeedKind.LATEST, window(None, None, 3, before))


async def _posts(person: Person, after: str | None) -> Any:
    return await posts.posts_of(person.ctx(), [await person.row()], after=after)


async def _followers(person: Person, after: str | None) -> Any:
    return await users.followers_of(person.ctx(), [await person.row()], after=after)


LISTS: dict[str, List] = {
    "feed": _feed,
    "feed before": _feed_before,
    "posts": _posts,
    "followers": _followers,
    "entries": _wallet,
}
every_list = pytest.mark.parametrize("read", LISTS.values(), ids=LISTS)


@every_list
async def test_what_is_no_cursor_is_refused(town: Town, read: List) -> None:
    ada = await town.person("ada", "1")
    await ada.post()
    good = cursor_of(1) if read is _wallet else cursor_of(new_id())
    await read(ada, good)
    for wrong in (
        "",
        "x",
        "xxxx",
        "null",
        "🎩",
        "\x00",
        "\ud800",
        good + "A",
        good[:-4],
        good.replace(good[0], "*"),
        " " + good,
        good + "\n",
        good + "=" * 40,
        "A" * 100_000,
        ada.public_id,
    ):
        with pytest.raises(BadInputError) as refused:
            await read(ada, wrong)
        assert len(str(refused.value)) < 200


@every_list
async def test_a_cursor_of_another_kind_of_list_is_refused(town: Town, read: List) -> None:
    ada = await town.person("ada", "1")
    [entries] = await _wallet(ada, None)
    await ada.post()
    latest = await _feed(ada, None)
    foreign = latest.page_info.end_cursor if read is _wallet else entries.page_info.end_cursor
    with pytest.raises(BadInputError):
        await read(ada, foreign)


@every_list
@pytest.mark.parametrize("number", [0, 1, (1 << 63) - 1, (1 << 64) - 1, (1 << 128) - 1])
async def test_a_cursor_at_any_place_is_only_a_place(town: Town, read: List, number: int) -> None:
    ada = await town.person("ada", "1")
    await ada.post()
    size = 8 if read is _wallet else 16
    raw = (number % (1 << 8 * size)).to_bytes(size, "big")
    await read(ada, base64.urlsafe_b64encode(raw).decode().rstrip("="))


async def test_a_statement_is_walked_from_its_newest_line_to_its_first(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    for cents in range(1, 8):
        await ada.tops_up(f"0.0{cents}")
    versions: list[int] = []
    cursor = None
    for size in (3, 2, 4):
        [page] = await wallets.entries_of(ada.ctx(), [WalletRow(ada.id)], first=size, after=cursor)
        versions += [edge.node.version for edge in page.edges]
        assert page.page_info.has_next_page is (versions[-1] > 1)
        cursor = page.page_info.end_cursor
        await ada.sends(ben, "0.01")
    assert versions == [7, 6, 5, 4, 3, 2, 1]


async def test_a_cursor_of_another_list_shows_nothing_that_the_list_would_not_show(town: Town) -> None:
    ada, ben, eve = await town.people("ada", "ben", "eve", dollars="10")
    own = [await ada.post(text) for text in ("one", "two", "three")]
    await eve.post("by eve")
    await ben.tips(own[1], visibility=Visibility.PARTIES_ONLY)
    await ben.follows(ada)
    await ada.blocks(eve)
    lists: list[Callable[[str | None], Awaitable[Page[Any]]]] = [
        lambda after: page_of(ada, after=after),
        lambda after: _feed(ada, after),
        lambda after: _feed(eve, after),
        lambda after: _first(users.followers_of(eve.ctx(), [rows["ada"]], after=after)),
        lambda after: _first(tips.tips_of(ada.ctx(), [own[1]], after=after)),
        lambda after: _first(tips.tips_of(eve.ctx(), [own[1]], after=after)),
    ]
    rows = {"ada": await ada.row()}
    cursors = [edge.cursor for read in lists for edge in (await read(None)).edges]
    assert len(cursors) > 8
    for read in lists:
        shown = [edge.node for edge in (await read(None)).edges]
        for cursor in cursors:
            page = [edge.node for edge in (await read(cursor)).edges]
            assert page == shown[len(shown) - len(page) :]


async def _first(pages: Awaitable[list[Page[Any]]]) -> Page[Any]:
    return (await pages)[0]
