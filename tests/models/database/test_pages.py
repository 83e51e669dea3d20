"""Pages by keyset, compared with slices of a sorted list."""

from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col

from models.database import Command, Database, PageQuery, insert
from models.ids import FIRST, LAST, new_id
from models.posts import Post
from models.types import EPOCH
from models.users import User


class PostRow(NamedTuple):
    author_id: UUID
    id: UUID


class SignedRow(NamedTuple):
    id: UUID
    handle: str


COLUMNS = (Post.author_id, Post.id)
posts = PageQuery(PostRow, COLUMNS, order=Post.id)
posts_of_authors = PageQuery(PostRow, COLUMNS, order=Post.id, parent=Post.author_id)
undeleted = PageQuery(
    PostRow, COLUMNS, order=Post.id, parent=Post.author_id, where=lambda columns: [columns.deleted_at.is_(None)]
)
signed = PageQuery(
    SignedRow,
    (Post.id, User.handle),
    order=Post.id,
    parent=Post.author_id,
    joins=[(User, col(User.id) == Post.author_id)],
)


async def write(database: Database, rows: list[PostRow], *, deleted: tuple[UUID, ...] = ()) -> None:
    rest = {"text": "", "reply_to_id": None, "quote_of_id": None, "created_at": EPOCH, "edited_at": None}
    values = [{**row._asdict(), **rest, "deleted_at": EPOCH if row.id in deleted else None} for row in rows]
    if values:
        async with database.transaction() as transaction:
            await transaction.run_many(Command(insert(Post)), values)


async def three_posts(database: Database, author: UUID) -> list[PostRow]:
    rows = [PostRow(author, new_id()) for _ in range(3)]
    await write(database, rows)
    return rows


async def test_a_list_can_be_walked_from_both_ends(database: Database) -> None:
    first, second, third = await three_posts(database, new_id())
    whole = {"upper": LAST, "lower": FIRST}
    assert await database.fetch(posts.newest, **whole, limit=2) == [third, second]
    assert await database.fetch(posts.newest, upper=second.id, lower=FIRST, limit=2) == [first]
    assert await database.fetch(posts.oldest, **whole, limit=2) == [first, second]
    assert await database.fetch(posts.oldest, upper=LAST, lower=second.id, limit=2) == [third]


async def test_bounds_are_exclusive(database: Database) -> None:
    author = new_id()
    first, second, third = await three_posts(database, author)
    between = {"upper": third.id, "lower": first.id, "limit": 10}
    for query in (posts.newest, posts.oldest):
        assert await database.fetch(query, **between) == [second]
    for query in (posts_of_authors.newest, posts_of_authors.oldest):
        assert await database.fetch(query, keys=[author], **between) == [second]


@pytest.mark.parametrize("keys", [[], [new_id()]])
async def test_parents_that_nobody_has_have_empty_pages(database: Database, keys: list[UUID]) -> None:
    await three_posts(database, new_id())
    assert await database.fetch(posts_of_authors.newest, keys=keys, upper=LAST, lower=FIRST, limit=10) == []


async def test_the_limit_counts_for_each_parent(database: Database) -> None:
    authors = [new_id() for _ in range(50)]
    lists = [await three_posts(database, author) for author in authors]
    found = await database.fetch(posts_of_authors.newest, keys=authors, upper=LAST, lower=FIRST, limit=2)
    assert sorted(found) == sorted(row for rows in lists for row in rows[1:])


async def test_a_condition_leaves_no_gaps_in_a_page(database: Database) -> None:
    author = new_id()
    rows = [PostRow(author, new_id()) for _ in range(6)]
    await write(database, rows, deleted=(rows[5].id, rows[3].id))
    found = await database.fetch(undeleted.newest, keys=[author], upper=LAST, lower=FIRST, limit=3)
    assert found == [rows[4], rows[2], rows[1]]


async def test_joined_tables_add_their_columns(database: Database) -> None:
    author = new_id()
    async with database.transaction() as transaction:
        person = {
            "id": author,
            "handle": "ada",
            "display_name": "Ada",
            "bio": None,
            "avatar_url": None,
            "created_at": EPOCH,
        }
        await transaction.run(Command(insert(User)), **person)
    *_, newest = await three_posts(database, author)
    found = await database.fetch(signed.newest, keys=[author], upper=LAST, lower=FIRST, limit=1)
    assert found == [SignedRow(newest.id, "ada")]


class Walk(NamedTuple):
    """Who wrote how many posts, in what order, and which pages are asked for. Posts and authors go by their numbers."""

    written: list[int]
    """The author of each post, oldest post first."""
    order: list[int]
    keys: list[int]
    lower: int | None
    upper: int | None
    limit: int


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    written = draw(st.lists(st.integers(0, 3), max_size=15))
    bounds = st.none() | st.integers(0, len(written))
    return Walk(
        written,
        draw(st.permutations(range(len(written)))),
        draw(st.lists(st.integers(0, 4), unique=True)),
        draw(bounds),
        draw(bounds),
        draw(st.integers(0, 7)),
    )


@given(walks())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_pages_are_slices_of_the_sorted_lists(database: Database, walk: Walk) -> None:
    authors = [new_id() for _ in range(5)]
    rows = [PostRow(authors[author], new_id()) for author in walk.written]
    await write(database, [rows[number] for number in walk.order])
    marks = [*(row.id for row in rows), new_id()]
    lower = FIRST if walk.lower is None else marks[walk.lower]
    upper = LAST if walk.upper is None else marks[walk.upper]
    keys = [authors[number] for number in walk.keys]

    for newest, query in ((True, posts_of_authors.newest), (False, posts_of_authors.oldest)):
        found: dict[UUID, list[PostRow]] = {key: [] for key in keys}
        for row in await database.fetch(query, keys=keys, upper=upper, lower=lower, limit=walk.limit):
            found[row.author_id].append(row)
        within = [row for row in sorted(rows, key=lambda row: row.id, reverse=newest) if lower < row.id < upper]
        assert found == {key: [row for row in within if row.author_id == key][: walk.limit] for key in keys}
