"""Whom people follow, and what they like and repost. Much of it goes to few, as it does."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import accumulate
from random import Random

from demo.cast import CAST
from demo.events import END, Follow, Person, Post, Reaction, chance
from demo.moments import after, within

LIKES = 3_000
REPOSTS = 300
FEWEST_FOLLOWED, MOST_FOLLOWED = 3, 60
FOLLOWED_BY_CAST = 32
SHARED_TOPIC = 2.5
BY_A_FOLLOWER = 0.6
TYPICAL_REACTION = timedelta(hours=2)


def follows(people: Sequence[Person]) -> list[Follow]:
    """Who follows whom: whoever has followers gets more of them."""
    random = chance("follows")
    followers = dict.fromkeys(people, 0)
    found = []
    for person in random.sample(people, len(people)):
        others = [other for other in people if other is not person]
        weights = list(accumulate((other.fame + followers[other]) * _kinship(person, other) for other in others))
        count = _count(random, person)
        chosen: dict[Person, None] = {}  # a set whose order is the same each time
        while len(chosen) < count:
            chosen[random.choices(others, cum_weights=weights)[0]] = None
        for other in chosen:
            followers[other] += 1
            found.append(Follow(within(random, max(person.joined, other.joined), END), person, other))
    return sorted(found, key=lambda follow: follow.moment)


def reactions(people: Sequence[Person], posts: Sequence[Post], follows: Sequence[Follow]) -> list[Reaction]:
    """Likes and reposts."""
    random = chance("reactions")
    audience = audiences(people, follows)
    likes = _marks(random, people, posts, audience, LIKES, reposts=False)
    reposts = _marks(random, people, [post for post in posts if post.parent is None], audience, REPOSTS, reposts=True)
    return sorted([*likes, *reposts], key=lambda reaction: reaction.moment)


def audiences(people: Sequence[Person], follows: Sequence[Follow]) -> dict[Person, list[Person]]:
    """Everyone's followers."""
    found: dict[Person, list[Person]] = {person: [] for person in people}
    for follow in follows:
        found[follow.followed].append(follow.follower)
    return found


def somebody(random: Random, people: Sequence[Person], audience: dict[Person, list[Person]], author: Person) -> Person:
    """Somebody who has seen what `author` posted: a follower, more often than not."""
    followers = audience[author]
    if followers and random.random() < BY_A_FOLLOWER:
        return random.choice(followers)
    return random.choice([person for person in people if person is not author])


def _count(random: Random, person: Person) -> int:
    if person.handle in CAST:
        return FOLLOWED_BY_CAST
    return min(FEWEST_FOLLOWED + int(3 * random.paretovariate(1.3)), MOST_FOLLOWED)


def _kinship(person: Person, other: Person) -> float:
    return SHARED_TOPIC if set(person.topics) & set(other.topics) else 1.0


def _marks(
    random: Random,
    people: Sequence[Person],
    posts: Sequence[Post],
    audience: dict[Person, list[Person]],
    count: int,
    *,
    reposts: bool,
) -> list[Reaction]:
    weights = list(accumulate(post.warmth for post in posts))
    seen: set[tuple[Person, Post]] = set()
    marks: list[Reaction] = []
    while len(marks) < count:
        [post] = random.choices(posts, cum_weights=weights)
        person = somebody(random, people, audience, post.author)
        if (person, post) not in seen:
            seen.add((person, post))
            marks.append(Reaction(after(random, post.moment, TYPICAL_REACTION), person, post, reposts))
    return marks
