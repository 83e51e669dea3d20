"""How people write: texts from the building blocks of a topic, and answers that fit what they answer."""

from collections.abc import Container
from random import Random
from typing import NamedTuple

from demo.events import Person, Post
from demo.phrases import Deck, Line, SmallTalk, Topic, filled

ASKING = 0.13
WITH_EMOJI = 0.12
WITH_OPENER = 0.3
BACK = 0.45
FITTING = 0.6
ATTEMPTS = 12


class Draft(NamedTuple):
    """A text, and what somebody who answers it should know."""

    text: str
    asks: bool
    answers: tuple[str, ...]


class Writer:
    """Writes for everybody, and does not repeat itself if it can help it."""

    def __init__(self, random: Random, topics: dict[str, Topic], smalltalk: SmallTalk) -> None:
        self._random = random
        self._topics = topics
        self._says = {name: Deck(random, topic.says) for name, topic in topics.items()}
        self._asks = {name: Deck(random, topic.asks) for name, topic in topics.items()}
        self._comments = {
            name: Deck(random, [*tuple(topic.comments) * 3, *smalltalk.comments]) for name, topic in topics.items()
        }
        self._openers = Deck(random, smalltalk.openers)
        self._answers = Deck(random, smalltalk.answers)
        self._back = Deck(random, smalltalk.back)
        self._further = Deck(random, smalltalk.further)
        self._quotes = Deck(random, smalltalk.quotes)
        self._written: set[str] = set()

    def opening(self, topic: str) -> Draft:
        """A post that stands by itself; no two are the same."""
        asks = self._random.random() < ASKING
        deck = self._asks[topic] if asks else self._says[topic]
        while True:
            line = deck.deal()
            text = self._filled(line.text, topic)
            if text not in self._written:
                self._written.add(text)
                return self._draft(text, line, topic, asks=deck is self._asks[topic])
            deck = self._says[topic]  # a question without slots can be asked once

    def over(self, quoted: Post) -> Draft:
        """What to say when one shows a post of somebody else's."""
        text = self._to(quoted.author, self._quotes.deal())
        return Draft(text, asks=False, answers=())

    def reply(self, parent: Post, author: Person, opener: Person, said: Container[str]) -> str:
        """An answer to `parent`, in a thread that `opener` has begun and in which `said` has been said."""
        text = self._reply(parent, author, opener)
        for _ in range(ATTEMPTS):
            if text not in said:
                break
            text = self._reply(parent, author, opener)
        return text

    def _reply(self, parent: Post, author: Person, opener: Person) -> str:
        chance = self._random.random()
        if author is opener:
            return self._to(parent.author, self._back.deal())
        if parent.answers and chance < FITTING:
            return self._to(parent.author, self._random.choice(parent.answers))
        if parent.asks:
            return self._to(parent.author, self._answers.deal())
        if parent.parent is not None and chance < BACK:
            return self._to(parent.author, self._further.deal())
        text = self._to(parent.author, self._filled(self._comments[parent.topic].deal(), parent.topic))
        if chance > 1 - WITH_OPENER and parent.author.first_name not in text:
            return self._to(parent.author, self._openers.deal()) + text
        return text

    def _draft(self, text: str, line: Line, topic: str, *, asks: bool) -> Draft:
        answers = tuple(self._filled(reply, topic) for reply in line.replies)
        if self._random.random() < WITH_EMOJI and text.isascii():
            text = f"{text} {self._random.choice(self._topics[topic].emoji)}"
        return Draft(text, asks, answers)

    def _filled(self, text: str, topic: str) -> str:
        return filled(self._random, text, {"first": ("{first}",), **self._topics[topic].words})

    def _to(self, person: Person, text: str) -> str:
        return text.replace("{first}", person.first_name)
