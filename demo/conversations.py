"""What is posted: threads, quotes, and the newest posts, which are written by hand."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from demo.events import END, Person, Post, chance
from demo.moments import after, by_day, soon
from demo.phrases import SmallTalk, Topic, read
from demo.writing import Writer

POSTS = 3_000
OPENINGS = 1_400
QUOTING = 0.09
QUIET_BEFORE_FRONT_PAGE = timedelta(minutes=20)
APART = 8
"""Nobody begins two threads with fewer than this many of others between them."""

MOST_HEAT = 30.0
OF_A_REPLY = 0.12
TYPICAL_ANSWER = timedelta(minutes=25)
LONGEST_ANSWER = timedelta(minutes=40)
TO_THE_OPENING = 0.42
OPENER_ANSWERS = 0.45
LATEST = 4
FRONT_PAGE_WARMTH = 26.0


def conversations(people: Sequence[Person], topics: dict[str, Topic], smalltalk: SmallTalk) -> list[Post]:
    """All posts, the oldest first."""
    by_hand = _front_page({person.handle: person for person in people})
    random = chance("posts")
    writer = Writer(random, topics, smalltalk)
    openings = _openings(random, writer, people, end=min(post.moment for post in by_hand) - QUIET_BEFORE_FRONT_PAGE)
    replies = _replies(random, writer, people, openings, POSTS - len(openings) - len(by_hand))
    return sorted([*by_hand, *openings, *replies], key=lambda post: post.moment)


def _front_page(people: dict[str, Person]) -> list[Post]:
    random = chance("front page")
    posts: list[Post] = []
    quotable: dict[time, Post] = {}
    for entry in reversed(read("front_page")["post"]):  # the oldest first, so that what is quoted is there
        at = entry["at"]
        post = Post(
            moment=datetime.combine(END.date(), at, END.tzinfo),
            author=people[entry["by"]],
            text=entry["text"],
            topic=entry["topic"],
            warmth=entry["warmth"] * FRONT_PAGE_WARMTH,
            quoted=quotable[entry["quotes"]] if "quotes" in entry else None,
        )
        quotable[at] = post
        posts += [post, *_by_hand(random, people, post, entry.get("replies", []))]
    return posts


def _by_hand(random: Random, people: dict[str, Person], parent: Post, entries: list[dict[str, Any]]) -> list[Post]:
    posts = []
    moment = parent.moment
    for entry in entries:
        moment = soon(random, moment, LONGEST_ANSWER)
        warmth = parent.warmth * OF_A_REPLY
        reply = Post(moment, people[entry["by"]], entry["text"], parent.topic, warmth, parent=parent)
        posts += [reply, *_by_hand(random, people, reply, entry.get("replies", []))]
    return posts


def _openings(random: Random, writer: Writer, people: Sequence[Person], end: datetime) -> list[Post]:
    posts: list[Post] = []
    activity = list(accumulate(person.fame**0.5 for person in people))
    for moment in sorted(by_day(random, end) for _ in range(OPENINGS)):
        recent = {post.author for post in posts[-APART:]}
        while True:
            [author] = random.choices(people, cum_weights=activity)
            if author not in recent:
                break
        posts.append(_opening(random, writer, author, moment, posts))
    return posts


def _opening(random: Random, writer: Writer, author: Person, moment: datetime, earlier: list[Post]) -> Post:
    topic = random.choice(author.topics)
    quoted = _quotable(random, author, earlier) if random.random() < QUOTING else None
    draft = writer.opening(topic) if quoted is None else writer.over(quoted)
    heat = min(random.paretovariate(1.2), MOST_HEAT)
    return Post(
        moment=moment,
        author=author,
        text=draft.text,
        topic=topic if quoted is None else quoted.topic,
        warmth=heat * author.fame**0.5,
        asks=draft.asks,
        answers=draft.answers,
        quoted=quoted,
    )


def _quotable(random: Random, author: Person, earlier: list[Post]) -> Post | None:
    recent = [post for post in earlier[-60:] if post.author is not author and post.quoted is None]
    return random.choices(recent, [post.warmth for post in recent])[0] if recent else None


def _replies(random: Random, writer: Writer, people: Sequence[Person], openings: list[Post], count: int) -> list[Post]:
    heat = list(accumulate(post.warmth for post in openings))
    lengths = Counter(random.choices(range(len(openings)), cum_weights=heat, k=count))
    circles = {topic: _circle(people, topic) for topic in {post.topic for post in openings}}
    replies: list[Post] = []
    for number, length in sorted(lengths.items()):
        opening = openings[number]
        replies += _thread(random, writer, circles[opening.topic], opening, length)
    return replies


def _circle(people: Sequence[Person], topic: str) -> tuple[Sequence[Person], list[float]]:
    """Who answers to a topic: those who write about it above all."""
    return people, list(accumulate(6.0 if topic in person.topics else 0.5 for person in people))


def _thread(
    random: Random, writer: Writer, circle: tuple[Sequence[Person], list[float]], opening: Post, length: int
) -> list[Post]:
    people, weights = circle
    thread: list[Post] = []
    said = {opening.text}
    for _ in range(length):
        parent = opening if not thread or random.random() < TO_THE_OPENING else random.choice(thread[-LATEST:])
        if parent.author is not opening.author and random.random() < OPENER_ANSWERS:
            author = opening.author
        else:
            author = parent.author
            while author is parent.author or (author is opening.author and parent is opening):
                [author] = random.choices(people, cum_weights=weights)
        text = writer.reply(parent, author, opening.author, said)
        said.add(text)
        moment = after(random, parent.moment, TYPICAL_ANSWER)
        thread.append(Post(moment, author, text, opening.topic, opening.warmth * OF_A_REPLY, parent=parent))
    return thread
