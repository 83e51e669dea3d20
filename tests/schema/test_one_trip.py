"""What is on a page is read in one trip with it, and a mutation's answer is read after it has written."""

import pytest

from resolvers.context import App
from tests.conftest import Counted
from tests.harness.town import Person, Town, id_of

TIMELINE = """{
  feed(kind: FOLLOWING, first: 20) {
    nodes {
      id text createdAt
      author { id handle displayName followerCount viewerIsFollowing }
      likeCount replyCount repostCount tipCount tipTotal { minorUnits }
      viewerHasLiked viewerHasReposted
    }
  }
  viewer { user { handle } wallet { balance { available { minorUnits } } } }
}"""


@pytest.fixture
async def ada(town: Town) -> Person:
    ada, ben = await town.people("ada", "ben", dollars="10")
    await ada.follows(ben)
    post = await ben.post("Hello", quote_of=await ada.post("First"), reply_to=None)
    await ada.likes(post)
    await ada.tips(post, "2")
    return ada


async def test_a_timeline_with_all_that_belongs_to_it_is_one_trip(app: App, ada: Person, counted: Counted) -> None:
    viewer = Person(app, ada.id, ada.handle)
    with counted() as count:
        answer = await Town(app).ask(TIMELINE, viewer)
    assert count.statements == 1
    newest, first = answer.data["feed"]["nodes"]
    assert newest["author"] | {"id": None} == {
        "id": None,
        "handle": "ben",
        "displayName": "Ben",
        "followerCount": 1,
        "viewerIsFollowing": True,
    }
    assert (newest["viewerHasLiked"], newest["tipTotal"], newest["tipCount"]) == (True, {"minorUnits": "200"}, 1)
    assert (first["author"]["handle"], first["viewerHasLiked"], first["tipCount"]) == ("ada", False, 0)
    assert answer.data["viewer"] == {
        "user": {"handle": "ada"},
        "wallet": {"balance": {"available": {"minorUnits": "800"}}},
    }


@pytest.mark.parametrize(
    "asked",
    [
        "author { handle followingCount }",
        "tipCount",
        "tipTotal { amount }",
        "viewerHasLiked viewerHasReposted",
        "quoteOf { text }",
        "replyTo { text }",
    ],
)
async def test_a_post_and_what_is_asked_of_it_are_one_trip(app: App, ada: Person, counted: Counted, asked: str) -> None:
    with counted() as count:
        answer = await Town(app).ask("{ feed(first: 2) { nodes { text " + asked + " } } }", ada)
    assert len(answer.data["feed"]["nodes"]) == 2
    assert count.statements == 1


async def test_a_mutation_answers_with_what_it_has_changed(app: App, ada: Person, town: Town) -> None:
    document = """mutation ($id: ID!, $tip: TipPostInput!) {
      likePost(input: { id: $id }) { post { likeCount viewerHasLiked author { handle } } }
      tipPost(input: $tip) { tip { post { tipCount tipTotal { amount } viewerHasLiked } } }
      after: likePost(input: { id: $id, on: false }) { post { likeCount viewerHasLiked } }
    }"""
    cleo = await town.person("cleo")
    post = id_of(await cleo.post("Tip me"))
    tip = {"postId": post, "amount": {"amount": "1.50", "currency": "USD"}, "idempotencyKey": "one"}
    data = (await town.ask(document, ada, id=post, tip=tip)).data
    assert data["likePost"]["post"] == {"likeCount": 1, "viewerHasLiked": True, "author": {"handle": "cleo"}}
    assert data["tipPost"]["tip"]["post"] == {
        "tipCount": 1,
        "tipTotal": {"amount": "1.50"},
        "viewerHasLiked": True,
    }
    assert data["after"]["post"] == {"likeCount": 0, "viewerHasLiked": False}
