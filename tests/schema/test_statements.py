"""How many trips to the database a page costs: as many as another that is ten times as long."""

import asyncio
from typing import Any, NamedTuple

import pytest
from graphql import FieldNode, parse

from resolvers import accounts, funding, security, wallets
from resolvers.context import App, TokenScope
from resolvers.ids import Kind, public_id
from resolvers.nodes import MAX_NODES
from resolvers.posts import PostRow
from resolvers.wallets import WalletRow
from schema import core_schema
from tests.conftest import Counted
from tests.harness.town import Person, Town, id_of
from tests.schema.selections import everything

SHORT, LONG, MEDIUM = 5, 50, 15

PERSON = "id handle displayName bio avatarUrl createdAt followerCount followingCount postCount"
COLUMNS = "id text createdAt editedAt likeCount replyCount repostCount"
POST = f"""
{COLUMNS}
author {{ {PERSON} viewerIsFollowing viewerHasBlocked viewerCanTip }}
replyTo {{ {COLUMNS} }}
quoteOf {{ {COLUMNS} }}
replies {{ nodes {{ {COLUMNS} }} pageInfo {{ hasNextPage endCursor }} }}
tips {{ nodes {{
    id amount {{ amount }} note createdAt sender {{ {PERSON} }} recipient {{ {PERSON} }} post {{ {COLUMNS} }}
}} pageInfo {{ hasNextPage endCursor }} }}
tipCount tipTotal {{ formatted }} viewerTipTotal {{ formatted }} viewerHasLiked viewerHasReposted
"""
"""Every field of a post, each edge on one path only."""

PAGES = {
    "posts": f'query ($n: Int) {{ user(handle: "star") {{ posts(first: $n) {{ nodes {{ {POST} }} }} }} }}',
    "posts from the end": f'query ($n: Int) {{ user(handle: "star") {{ posts(last: $n) {{ nodes {{ {POST} }} }} }} }}',
    "latest": f"query ($n: Int) {{ feed(first: $n) {{ nodes {{ {POST} }} }} }}",
    "following": f"query ($n: Int) {{ feed(kind: FOLLOWING, first: $n) {{ nodes {{ {POST} }} }} }}",
    "replies": f"query ($n: Int, $root: ID!) {{ post(id: $root) {{ replies(first: $n) {{ nodes {{ {POST} }} }} }} }}",
    "followers": f"""query ($n: Int) {{ user(handle: "star") {{ followers(first: $n) {{
        nodes {{ {PERSON} viewerIsFollowing viewerHasBlocked viewerCanTip posts(first: 2) {{ nodes {{ {COLUMNS} }} }} }}
    }} }} }}""",
    "entries": f"""query ($n: Int) {{ viewer {{ wallet {{ entries(first: $n) {{ nodes {{
        id version amount {{ amount }} balanceAfter {{ amount }} createdAt
        transfer {{ id sender {{ {PERSON} }} recipient {{ {PERSON} }} ... on Tip {{ post {{ {COLUMNS} }} }} }}
    }} }} }} }} }}""",
    "nodes": "query ($few: [ID!]!) { nodes(ids: $few) " + everything("Node", 0) + " }",
}
STATEMENTS = {
    "posts": 3,
    "posts from the end": 3,
    "latest": 2,
    "following": 2,
    "replies": 3,
    "followers": 4,
    "entries": 3,
    "nodes": 11,
}

WHOLE = {
    "posts": 'query ($n: Int) { user(handle: "star") { posts(first: $n) { nodes ' + everything("Post", 2) + " } } }",
    "latest": "query ($n: Int) { feed(first: $n) { nodes " + everything("Post", 2) + " } }",
    "followers": 'query ($n: Int) { user(handle: "star") { followers(first: $n) { nodes '
    + everything("User", 1)
    + " } } }",
    "security events": "query ($n: Int) { viewer { securityEvents(first: $n) { nodes "
    + everything("SecurityEvent", 1)
    + " } } }",
    "entries": "query ($n: Int) { viewer { wallet { entries(first: $n) { nodes "
    + everything("LedgerEntry", 2)
    + " } } } }",
    "nodes": "query ($few: [ID!]!) { nodes(ids: $few) " + everything("Node", 1) + " }",
}
"""All that can be asked of these pages, two levels deep: a new field is in them without being asked."""
WHOLE_STATEMENTS = {"posts": 6, "latest": 5, "followers": 6, "security events": 2, "entries": 5, "nodes": 14}


class Scene(NamedTuple):
    """A feed in which every post has replies, tips and likes, replies to something and quotes something."""

    viewer: Person
    root: PostRow
    ids: list[list[str]]
    """By kind, what the viewer can find by its id."""

    def variables(self, length: int) -> dict[str, Any]:
        few = [key for ids in self.ids for key in ids[: self.per_kind(length)]]
        return {"n": length, "root": id_of(self.root), "few": few}

    def per_kind(self, length: int) -> int:
        """How many ids of each kind are asked for in place of a page of this length."""
        return min(length // SHORT, MAX_NODES // len(self.ids))


@pytest.fixture
async def scene(town: Town) -> Scene:
    viewer = await town.newcomer("viewer")
    await viewer.tops_up("1000")
    star, poet, fan = await town.people("star", "poet", "fan", dollars="1000")
    crowd = await town.people(*(f"crowd{n}" for n in range(LONG)))
    for person in (viewer, *crowd):
        await person.follows(star)
        await star.follows(person)
    root = await poet.post("root")
    posts = []
    for n in range(LONG):
        base = await poet.post(f"base {n}", quote_of=root)
        await crowd[n].post("something")
        post = await star.post(f"star {n}", reply_to=base, quote_of=base)
        top = await star.post(f"top {n}", quote_of=base)
        reply = await fan.post(f"reply {n}", reply_to=root, quote_of=base)
        for one in (post, top, reply):
            for person in (viewer, fan):
                await person.post("re", reply_to=one)
            await viewer.likes(one)
            await fan.reposts(one)
        await asyncio.gather(fan.tips(post), poet.tips(reply), *(viewer.tips(one) for one in (post, top)))
        posts.append(post)
    return Scene(viewer, root, await _ids(viewer, star, posts))


async def _ids(viewer: Person, star: Person, posts: list[PostRow]) -> list[list[str]]:
    ten = range(LONG // SHORT)
    moved = [(await viewer.tips(posts[n]), await viewer.sends(star), await viewer.tops_up("1")) for n in ten]
    token = await accounts.create_access_token(viewer.ctx(), "An app", [TokenScope.READ], None, None)
    [card] = await funding.sources_of_user(viewer.ctx(), viewer.id)
    [page] = await wallets.entries_of(viewer.ctx(), [WalletRow(viewer.id)], first=len(ten))
    [events] = await security.security_events_of(viewer.ctx(), [viewer.as_viewer], first=2)
    lines = [edge.node for edge in page.edges]
    return [
        [star.public_id] * len(ten),
        [id_of(posts[n]) for n in ten],
        [public_id(Kind.TIP, tip.transfer.id) for tip, _, _ in moved],
        [public_id(Kind.PAYMENT, sent.transfer.id) for _, sent, _ in moved],
        [public_id(Kind.TOP_UP, drawn.transfer.id) for _, _, drawn in moved],
        [f"{public_id(Kind.ENTRY, line.account_id)}_{line.version}" for line in lines],
        [public_id(Kind.WALLET, viewer.id)] * len(ten),
        [public_id(Kind.TOKEN, token.token.id)] * len(ten),
        [public_id(Kind.CARD, card.id)] * len(ten),
        [public_id(Kind.SESSION, viewer.viewer.token_id)] * len(ten),
        [public_id(Kind.EVENT, events.edges[1].node.id)] * len(ten),
    ]


def length_of(data: Any) -> int:
    """How long the page at the bottom of an answer is."""
    while isinstance(data, dict):
        [data] = data.values()
    assert isinstance(data, list)
    return len(data)


async def costs(
    app: App, scene: Scene, documents: dict[str, str], lengths: tuple[int, int], counted: Counted
) -> dict[str, list[int]]:
    """The statements that each document costs with a short page and with a long one."""
    town, viewer = Town(app), Person(app, scene.viewer.id, scene.viewer.handle)
    found: dict[str, list[int]] = {}
    for name, document in documents.items():
        for length in lengths:
            with counted() as count:
                answer = await town.ask(document, viewer, **scene.variables(length))
            found.setdefault(name, []).append(count.statements)
            asked = scene.per_kind(length) * len(scene.ids) if name == "nodes" else length
            assert length_of(answer.data) == asked
    return found


async def test_a_page_of_fifty_costs_as_many_statements_as_one_of_five(
    app: App, scene: Scene, counted: Counted
) -> None:
    found = await costs(app, scene, PAGES, (SHORT, LONG), counted)
    assert found == {name: [number, number] for name, number in STATEMENTS.items()}
    found = await costs(app, scene, WHOLE, (SHORT, MEDIUM), counted)
    assert found == {name: [number, number] for name, number in WHOLE_STATEMENTS.items()}


def test_the_pages_of_posts_ask_for_every_field_of_a_post_and_of_its_author() -> None:
    for path, kind in ((["user", "posts", "nodes"], "Post"), (["user", "posts", "nodes", "author"], "User")):
        selected = _selected(PAGES["posts"], path)
        lists = {"posts", "followers", "following"} if kind == "User" else set()  # they have pages of their own
        assert selected == set(core_schema.type_map[kind].fields) - lists  # type: ignore[attr-defined]


def _selected(document: str, path: list[str]) -> set[str]:
    [operation] = parse(document).definitions
    level: Any = operation
    for name in path:
        level = next(node for node in level.selection_set.selections if node.name.value == name)
    return {node.name.value for node in level.selection_set.selections if isinstance(node, FieldNode)}
