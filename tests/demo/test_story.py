"""The demo's story by itself: the same each time, and such as one would believe."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from statistics import median

import pytest

from demo import CAST, EXAMPLE_POST
from demo.events import BEGIN, END, Post, Story, Tip
from demo.phrases import topics
from demo.story import story
from models.money import Currency, Money
from resolvers import inputs
from resolvers.ids import Kind, public_id

TELL = """
from hashlib import sha256
from demo.story import story
told = story()
facts = [(person.id, person.bio) for person in told.people] + [(post.id, post.text) for post in told.posts]
facts += [(follow.moment, follow.follower.id, follow.followed.id) for follow in told.follows]
facts += [(reaction.moment, reaction.person.id, reaction.post.id) for reaction in told.reactions]
facts += [(top_up.moment, top_up.person.id, top_up.amount) for top_up in told.top_ups]
facts += [(gift.moment, gift.sender.id, gift.amount, gift.note) for gift in told.gifts]
print(sha256(repr(facts).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def told() -> Story:
    return story()


def openings(told: Story) -> list[Post]:
    return [post for post in told.posts if post.parent is None]


def tips(told: Story) -> list[Tip]:
    return [gift for gift in told.gifts if isinstance(gift, Tip)]


def share_of_top_tenth(counts: Iterable[int]) -> float:
    """Which part of everything goes to the tenth that has most."""
    ordered = sorted(counts, reverse=True)
    return sum(ordered[: len(ordered) // 10]) / sum(ordered)


def test_is_the_same_in_every_process() -> None:
    def tell(hash_seed: str) -> str:
        environment = {"PYTHONHASHSEED": hash_seed}
        home = Path(__file__).parents[2]
        run = subprocess.run([sys.executable, "-c", TELL], env=environment, cwd=home, capture_output=True, check=True)
        return run.stdout.decode()

    assert tell("1") == tell("2")


def test_ids_are_each_their_own(told: Story) -> None:
    assert len({post.id for post in told.posts}) == len(told.posts)
    assert len({person.id for person in told.people}) == len(told.people)
    assert len({person.handle for person in told.people}) == len(told.people)


def test_all_texts_are_such_as_users_may_write(told: Story) -> None:
    for post in told.posts:
        assert inputs.post_text(post.text) == post.text
    for person in told.people:
        assert inputs.handle(person.handle) == person.handle
        assert inputs.name(person.name) == person.name
        assert person.bio is None or 5 < len(person.bio) < 160
    for gift in told.gifts:
        assert inputs.note(gift.note) == gift.note


def test_no_text_shows_how_it_was_made(told: Story) -> None:
    texts = [post.text for post in told.posts] + [person.bio or "" for person in told.people]
    assert [text for text in texts if set("{}|") & set(text) or "  " in text] == []


def test_nobody_begins_two_threads_with_the_same_words(told: Story) -> None:
    texts = Counter(post.text for post in openings(told) if post.quoted is None)
    assert [text for text, count in texts.items() if count > 1] == []


def test_no_thread_repeats_itself(told: Story) -> None:
    threads: dict[Post, list[str]] = {}
    roots: dict[Post, Post] = {}
    for post in told.posts:
        roots[post] = post if post.parent is None else roots[post.parent]
        threads.setdefault(roots[post], []).append(post.text)
    repeating = [texts for texts in threads.values() if len(set(texts)) < len(texts)]
    assert len(repeating) <= len(threads) * 0.01


def test_answers_come_after_what_they_answer(told: Story) -> None:
    for post in told.posts:
        assert BEGIN <= post.moment < END
        for other in (post.parent, post.quoted):
            assert other is None or (other.moment < post.moment and other.author is not post.author)


def test_there_are_threads_and_quotes_about_everything(told: Story) -> None:
    assert len(told.posts) == 3_000
    assert 1_300 < len(openings(told)) < 1_600
    assert sum(post.parent is not None and post.parent.parent is not None for post in told.posts) > 300
    assert sum(post.quoted is not None for post in told.posts) > 80
    about = Counter(post.topic for post in told.posts)
    assert set(about) == set(topics())
    assert min(about.values()) > 80


def test_few_have_most_of_the_followers(told: Story) -> None:
    followers = Counter({person.handle: 0 for person in told.people})
    followers.update(follow.followed.handle for follow in told.follows)
    assert 190 < len(told.people) < 210
    assert 1_800 < len(told.follows) < 3_000
    assert share_of_top_tenth(followers.values()) > 0.35
    assert max(followers.values()) > 6 * median(followers.values())
    assert all(follow.follower is not follow.followed for follow in told.follows)
    assert len({(follow.follower, follow.followed) for follow in told.follows}) == len(told.follows)


def test_few_get_most_of_the_tips(told: Story) -> None:
    tipped = Counter(tip.post.author.handle for tip in tips(told))
    assert share_of_top_tenth(tipped.values()) > 0.35
    amounts = sorted(tip.amount.minor_units for tip in tips(told) if tip.amount.currency is Currency.USD)
    assert amounts[-1] >= 10 * median(amounts)
    assert 0.3 < sum(tip.note is not None for tip in tips(told)) / len(tips(told)) < 0.6
    assert {tip.amount.currency for tip in tips(told)} >= {Currency.USD, Currency.EUR, Currency.GBP, Currency.JPY}


def test_nobody_gives_to_themselves(told: Story) -> None:
    for gift in told.gifts:
        assert gift.sender is not gift.recipient
        assert not isinstance(gift, Tip) or gift.moment > gift.post.moment
        assert gift.moment < END


def test_nobody_gives_what_they_have_yet_to_be_given(told: Story) -> None:
    own: Counter[tuple[str, Currency]] = Counter()
    for top_up in told.top_ups:
        assert top_up.moment < BEGIN
        own[top_up.person.handle, top_up.amount.currency] += top_up.amount.minor_units
    for gift in told.gifts:
        own[gift.sender.handle, gift.amount.currency] -= gift.amount.minor_units
    assert min(own.values()) >= 0
    assert all(own[person.handle, Currency.USD] > 0 for person in told.people if person.handle != CAST[0])


def test_the_newest_posts_are_of_many_people_and_just_written(told: Story) -> None:
    newest = openings(told)[-30:]
    assert len({post.author for post in newest}) == 30
    assert all(END - post.moment < timedelta(hours=12) for post in newest)
    assert len({post.topic for post in newest[-10:]}) >= 7


def test_the_cast_is_there(told: Story) -> None:
    assert tuple(person.handle for person in told.people[: len(CAST)]) == CAST
    assert len(CAST) == 3


def test_the_example_is_a_short_post_that_the_viewer_may_still_tip(told: Story) -> None:
    [example] = [post for post in told.posts if public_id(Kind.POST, post.id) == EXAMPLE_POST]
    assert example in openings(told)[-5:]
    assert len(example.text) < 50
    assert (example.text + example.author.name).isascii()
    assert example.author.handle not in CAST
    given = [tip for tip in tips(told) if tip.post is example]
    assert given
    assert CAST[0] not in {tip.sender.handle for tip in given}


def test_the_viewer_has_a_round_balance_in_the_end(told: Story) -> None:
    has: Counter[Currency] = Counter()
    for top_up in told.top_ups:
        if top_up.person.handle == CAST[0]:
            has[top_up.amount.currency] += top_up.amount.minor_units
    for gift in told.gifts:
        sign = (gift.recipient.handle == CAST[0]) - (gift.sender.handle == CAST[0])
        has[gift.amount.currency] += gift.amount.minor_units * sign
    balances = {Money(amount, currency) for currency, amount in has.items() if amount}
    assert balances == {Money(10_000, Currency.USD), Money(5_000, Currency.EUR), Money(5_000, Currency.JPY)}
