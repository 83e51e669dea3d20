"""Who is in the demo."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from demo.cast import CAST_JOINED
from demo.events import BEGIN, Person, chance
from demo.phrases import Topic, filled, read
from models.money import Currency

CAST_FAME = 8.0
MOST_FAME = 60.0
FIRST_JOINED = BEGIN - timedelta(days=300)
WITHOUT_BIO = 0.08


def people(topics: Mapping[str, Topic]) -> list[Person]:
    """Everyone, the cast first."""
    random = chance("people")
    written = read("people")
    cast = [_of_the_cast(entry) for entry in written["cast"]]
    return [*cast, *_others(random, written["region"], topics)]


def _of_the_cast(entry: dict[str, Any]) -> Person:
    topics, home = tuple(entry["topics"]), Currency(entry["home"])
    return Person(entry["handle"], entry["name"], entry["bio"], topics, home, CAST_FAME, CAST_JOINED)


def _others(random: Random, regions: list[dict[str, Any]], topics: Mapping[str, Topic]) -> Iterator[Person]:
    for region in regions:
        for entry in region["people"]:
            name, handle, about = (part.strip() for part in entry.split("|"))
            own = tuple(about.split())
            bio = _bio(random, [topics[topic] for topic in own], random.choice(region["places"]))
            fame = min(random.paretovariate(1.1), MOST_FAME)
            yield Person(handle, name, bio, own, Currency(region["home"]), fame, _joined(random))


def _bio(random: Random, topics: list[Topic], place: str) -> str | None:
    if random.random() < WITHOUT_BIO:
        return None
    parts = [filled(random, random.choice(topic.bios), topic.words) for topic in topics]
    random.shuffle(parts)
    first, second = (part[:1].upper() + part[1:] for part in parts)
    emoji = random.choice(topics[0].emoji)
    shapes = (
        f"{first}. {second}.",
        f"{place}. {first}.",
        f"{first} · {second} · {place}",
        f"{emoji} {first}, in {place}.",
        f"{first} {emoji}",
        f"{place} {emoji} {second}.",
    )
    return random.choice(shapes)


def _joined(random: Random) -> datetime:
    seconds = int((BEGIN - FIRST_JOINED).total_seconds())
    return FIRST_JOINED + timedelta(seconds=random.randrange(seconds))
