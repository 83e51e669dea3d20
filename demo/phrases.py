"""The texts under `texts/`, read: what people talk about, and in which words."""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Generic, NamedTuple, TypeVar

TEXTS = Path(__file__).with_name("texts")
_SLOT = re.compile(r"\{(\w+)\}")

Card = TypeVar("Card")


class Line(NamedTuple):
    """A text with slots, and replies that fit it and no other."""

    text: str
    replies: tuple[str, ...]


class Topic(NamedTuple):
    """Something to talk about. `words` are what the slots of its texts are filled with."""

    name: str
    emoji: Sequence[str]
    says: Sequence[Line]
    asks: Sequence[Line]
    comments: Sequence[str]
    bios: Sequence[str]
    words: Mapping[str, Sequence[str]]


class SmallTalk(NamedTuple):
    """What people say whatever the topic is."""

    openers: Sequence[str]
    comments: Sequence[str]
    answers: Sequence[str]
    back: Sequence[str]
    further: Sequence[str]
    quotes: Sequence[str]
    tips: Sequence[str]
    payments: Sequence[str]


def read(name: str) -> dict[str, Any]:
    """A file of texts."""
    with (TEXTS / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def topics() -> dict[str, Topic]:
    """All topics by their names."""
    names = sorted(path.stem for path in (TEXTS / "topics").glob("*.toml"))
    return {name: _topic(name, read(f"topics/{name}")) for name in names}


def smalltalk() -> SmallTalk:
    """What fits every topic."""
    return SmallTalk(**read("smalltalk"))


def filled(random: Random, text: str, words: Mapping[str, Sequence[str]]) -> str:
    """The text with a word in each slot, the same in slots of one name; {Dish} begins with a capital."""
    used: dict[str, str] = {}

    def word(slot: re.Match[str]) -> str:
        name = slot[1]
        chosen = used.setdefault(name.lower(), random.choice(words[name.lower()]))
        return chosen[:1].upper() + chosen[1:] if name[0].isupper() else chosen

    return _SLOT.sub(word, text)


class Deck(Generic[Card]):
    """Deals its cards in any order, and none again before all have been dealt."""

    def __init__(self, random: Random, cards: Iterable[Card]) -> None:
        self._random = random
        self._cards = list(cards)
        self._left: list[Card] = []

    def deal(self) -> Card:
        """The next card."""
        if not self._left:
            self._left = self._random.sample(self._cards, len(self._cards))
        return self._left.pop()


def _topic(name: str, read: dict[str, Any]) -> Topic:
    says, asks = tuple(map(_line, read.pop("says"))), tuple(map(_line, read.pop("asks")))
    return Topic(name=name, says=says, asks=asks, **read)


def _line(line: str | dict[str, Any]) -> Line:
    return Line(line, ()) if isinstance(line, str) else Line(line["text"], tuple(line["replies"]))
