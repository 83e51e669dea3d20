"""Posts: making, changing and deleting them, and what people put on them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from resolvers import posts
from resolvers.context import Context, TokenScope
from resolvers.errors import InputError, NotFoundError, NotPermittedError, SignInRequiredError
from resolvers.ids import Kind, public_id
from resolvers.inputs import MAX_POST
from resolvers.posts import PostRow
from tests.harness.audits import contents, everything_stored, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of, refusal

Command = Callable[[Context, str], Awaitable[Any]]
COMMANDS: dict[str, Command] = {
    "edit": lambda ctx, post_id: posts.edit_post(ctx, post_id, "Other words"),
    "delete": posts.delete_post,
    "like": lambda ctx, post_id: posts.like_post(ctx, post_id, on=True),
    "unlike": lambda ctx, post_id: posts.like_post(ctx, post_id, on=False),
    "repost": lambda ctx, post_id: posts.repost_post(ctx, post_id, on=True),
    "reply": lambda ctx, post_id: posts.create_post(ctx, "Yes", post_id, None),
    "quote": lambda ctx, post_id: posts.create_post(ctx, "Yes", None, post_id),
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)

NOT_TEXT = [
    "",
    " \n\t ",
    "a\x00b",
    "\x00",
    "\ud800",
    "ok \udfff",
    "bell \x07",
    "\x1b[31m",
    "\x85",
    "x" * (MAX_POST + 1),
]


async def texts_under(viewer: Person, post: PostRow) -> list[str]:
    [page] = await posts.replies_of(viewer.ctx(), [post])
    return [edge.node.text for edge in page.edges]


async def again(viewer: Person, post: PostRow) -> PostRow:
    found = await viewer.sees(post)
    assert found is not None
    return found


async def test_a_post_is_its_authors_and_counts_for_them(town: Town) -> None:
    ada = await town.person("ada")
    post = await ada.post("Hello, world")
    assert (post.text, post.author_id, post.reply_to_id, post.quote_of_id, post.edited_at) == (
        "Hello, world",
        ada.id,
        None,
        None,
        None,
    )
    assert (post.like_count, post.reply_count, post.repost_count) == (0, 0, 0)
    assert [author.handle for author in await posts.authors_of(town.stranger(), [post])] == ["ada"]
    assert (await ada.counters()).post_count == 1


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  spaces around  \n", "spaces around"),
        ("line\r\nline", "line\nline"),
        ("e\u0301", "é"),
        ("tab\there", "tab\there"),
        ("👩🏽\u200d🚀 שלום \u202b", "👩🏽\u200d🚀 שלום \u202b"),
        ("x" * MAX_POST, "x" * MAX_POST),
        ("'; DROP TABLE posts; --", "'; DROP TABLE posts; --"),
        ("<script>", "<script>"),
    ],
)
async def test_a_text_is_kept_as_it_was_meant(town: Town, written: str, kept: str) -> None:
    ada = await town.person("ada")
    post = await ada.post(written)
    assert (await again(ada, post)).text == kept


@pytest.mark.parametrize("text", NOT_TEXT)
async def test_what_is_no_text_is_neither_posted_nor_edited_in(town: Town, backdoor: Backdoor, text: str) -> None:
    ada = await town.person("ada")
    post = await ada.post("Hello")
    before = await contents(backdoor)
    for error in [
        await refusal(ada.post(text)),
        await refusal(ada.post(text, reply_to=post)),
        await refusal(posts.edit_post(ada.ctx(), id_of(post), text)),
    ]:
        assert isinstance(error, InputError)
        assert error.path == ("text",)
    assert await contents(backdoor) == before


async def test_a_reply_stands_under_its_post_and_is_counted(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    first = await ben.post("first", reply_to=post)
    await ada.post("second", reply_to=post)
    await ada.post("deeper", reply_to=first)
    assert await texts_under(ben, post) == ["first", "second"]
    assert (await again(ben, post)).reply_count == 2
    assert (await again(ben, first)).reply_count == 1
    assert await posts.replied_to_by(ben.ctx(), [first, post]) == [await again(ben, post), None]


async def test_a_quote_shows_its_post_and_is_no_reply(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    quote = await ben.post("Look", quote_of=post)
    both = await ben.post("Both", reply_to=post, quote_of=quote)
    assert await posts.quoted_by(ben.ctx(), [quote, both, post]) == [await again(ben, post), quote, None]
    assert await texts_under(ben, post) == ["Both"]
    assert (await again(ben, post)).reply_count == 1


async def test_an_edit_changes_the_text_and_says_when(town: Town) -> None:
    ada = await town.person("ada")
    post = await ada.post("Helo")
    edited = await posts.edit_post(ada.ctx(), id_of(post), " Hello ")
    assert edited.text == "Hello"
    assert edited.edited_at is not None
    assert edited.edited_at >= post.created_at == edited.created_at
    assert await again(ada, post) == edited


async def test_only_its_author_changes_a_post(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    before = await contents(backdoor)
    for command in (COMMANDS["edit"], COMMANDS["delete"]):
        assert isinstance(await refusal(command(ben.ctx(), id_of(post))), NotPermittedError)
    assert await contents(backdoor) == before


async def test_a_deleted_post_is_gone_with_its_text(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("I should not have said xyzzy")
    assert await posts.delete_post(ada.ctx(), id_of(post)) == id_of(post)
    assert await ada.sees(post) is None
    assert await ben.sees(post) is None
    assert "xyzzy" not in await everything_stored(backdoor)
    assert (await ada.counters()).post_count == 0
    [page] = await posts.posts_of(ada.ctx(), [await ada.row()])
    assert page.edges == []
    assert await miscounts(backdoor) == []


async def test_replies_and_quotes_outlive_their_post(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    reply, quote = await ben.post("re", reply_to=post), await ben.post("qt", quote_of=post)
    await ada.deletes(post)
    for left in (reply, quote):
        assert await again(ben, left) == left
    assert await posts.replied_to_by(ben.ctx(), [reply]) == [None]
    assert await posts.quoted_by(ben.ctx(), [quote]) == [None]
    assert await miscounts(backdoor) == []


async def test_a_deleted_reply_no_longer_counts(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    reply = await ben.post("re", reply_to=post)
    await ben.post("once more", reply_to=post)
    await ben.deletes(reply)
    assert (await again(ada, post)).reply_count == 1
    assert await texts_under(ada, post) == ["once more"]
    assert (await ben.counters()).post_count == 1
    assert await miscounts(backdoor) == []


@every_command
async def test_to_a_deleted_post_nothing_can_be_done(town: Town, backdoor: Backdoor, command: Command) -> None:
    ada = await town.person("ada")
    post = await ada.post("Hello")
    await ada.deletes(post)
    before = await contents(backdoor)
    assert isinstance(await refusal(command(ada.ctx(), id_of(post))), NotFoundError)
    assert await contents(backdoor) == before


@every_command
async def test_to_what_is_no_post_nothing_can_be_done(town: Town, backdoor: Backdoor, command: Command) -> None:
    ada = await town.person("ada")
    before = await contents(backdoor)
    unknown = public_id(Kind.POST, ada.ctx().new_id())
    for wrong in (unknown, ada.public_id, "", "post_", "post_1", unknown.upper(), f"{unknown}\x00", "\ud800", "0"):
        error = await refusal(command(ada.ctx(), wrong))
        assert isinstance(error, NotFoundError)
        assert error.path in {("id",), ("replyToId",), ("quoteOfId",)}
    assert await contents(backdoor) == before


@every_command
async def test_the_signed_out_only_read(town: Town, command: Command) -> None:
    ada = await town.person("ada")
    post = await ada.post("Hello")
    with pytest.raises(SignInRequiredError):
        await command(town.stranger(), id_of(post))
    assert await posts.post_by_public_id(town.stranger(), id_of(post)) == post


@every_command
async def test_writing_takes_the_scope_write(town: Town, command: Command) -> None:
    ada = await town.person("ada")
    post = await ada.post("Hello")
    reader = ada.limited(TokenScope.READ, TokenScope.PAY)
    assert isinstance(await refusal(command(reader.ctx(), id_of(post))), NotPermittedError)
    await command(ada.limited(TokenScope.WRITE).ctx(), id_of(post))


@pytest.mark.parametrize("mark", ["like", "repost"])
async def test_marking_a_post_often_is_marking_it_once(town: Town, backdoor: Backdoor, mark: str) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    put, flag = (ben.likes, posts.viewer_has_liked) if mark == "like" else (ben.reposts, posts.viewer_has_reposted)
    for on, kept in ((False, 0), (True, 1), (True, 1), (False, 0), (False, 0), (True, 1)):
        row = await put(post, on=on)
        assert (row.like_count if mark == "like" else row.repost_count) == kept
        assert await flag(ben.ctx(), [post]) == [bool(kept)]
    assert await flag(ada.ctx(), [post]) == [False]
    assert await flag(town.stranger(), [post]) == [False]
    assert await miscounts(backdoor) == []


async def test_likes_and_reposts_are_counted_apart(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    post, other = await ada.post("Hello"), await ada.post("Other")
    await ada.likes(post)
    await ben.likes(post)
    row = await ben.reposts(post)
    assert (row.like_count, row.repost_count) == (2, 1)
    assert await posts.viewer_has_liked(ada.ctx(), [other, post]) == [False, True]
    assert await posts.viewer_has_reposted(ada.ctx(), [other, post]) == [False, False]


async def test_what_many_do_to_one_post_at_once_is_all_counted(town: Town, backdoor: Backdoor) -> None:
    star = await town.person("star")
    crowd = await town.people(*(f"fan{n}" for n in range(12)), dollars="10")
    post = await star.post("Hello")
    await asyncio.gather(
        *(
            act
            for fan in crowd
            for act in (fan.likes(post), fan.reposts(post), fan.post("re", reply_to=post), fan.tips(post))
        )
    )
    row = await again(star, post)
    assert (row.like_count, row.repost_count, row.reply_count) == (12, 12, 12)
    assert await miscounts(backdoor) == []


async def test_one_who_changes_their_mind_many_times_at_once_is_counted_right(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ada.post("Hello")
    await asyncio.gather(*(ben.likes(post, on=n % 2 == 0) for n in range(20)))
    assert await miscounts(backdoor) == []
    await ben.likes(post)
    assert (await again(ada, post)).like_count == 1


async def test_a_post_that_is_deleted_many_times_at_once_is_deleted_once(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    parent = await ada.post("Hello")
    reply = await ada.post("re", reply_to=parent)
    outcomes = await asyncio.gather(*(ada.deletes(reply) for _ in range(8)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert (await ada.counters()).post_count == 1
    assert await miscounts(backdoor) == []


async def test_replies_and_their_deletion_at_once_are_counted_right(town: Town, backdoor: Backdoor) -> None:
    people = await town.people(*(f"p{n}" for n in range(6)))
    root = await people[0].post("root")
    replies = [await person.post("re", reply_to=root) for person in people]

    async def turn(person: Person, own: PostRow) -> None:
        await person.deletes(own)
        await person.post("deeper", reply_to=await person.post("re", reply_to=root))

    await asyncio.gather(*(turn(person, own) for person, own in zip(people, replies, strict=True)))
    assert (await again(people[0], root)).reply_count == 6
    assert await miscounts(backdoor) == []
