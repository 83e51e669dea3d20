"""What happens in the demo: people, what they write, like and follow, and the money that moves. Plain values."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from random import Random
from typing import NamedTuple
from uuid import UUID

from models.ids import id_at
from models.money import Currency, Money
from models.transfers import Visibility

BEGIN = datetime(2026, 10, 9, tzinfo=UTC)
END = datetime(2026, 11, 20, 18, tzinfo=UTC)
"""The posts are of six weeks, which end on a day that is past: whatever a visitor adds is newer."""

SEED = "hatful"


def chance(what: str) -> Random:
    """Chance of its own for one part of the demo: a change in one part leaves the others as they are."""
    return Random(f"{SEED} {what}")


def identity(moment: datetime, name: str) -> UUID:
    """The id of what is called `name` and came to be at `moment`: the same on every machine and database."""
    return id_at(moment, chance(name))


def post_name(handle: str, moment: datetime) -> str:
    """What a post is called where its id is made."""
    return f"{handle} {moment.isoformat()}"


@dataclass(frozen=True, eq=False)
class Person:
    """Someone in the demo. `fame` is how much others look at them: most have little, a few have much."""

    handle: str
    name: str
    bio: str | None
    topics: tuple[str, ...]
    home: Currency
    fame: float
    joined: datetime

    @cached_property
    def id(self) -> UUID:
        """Their user id."""
        return identity(self.joined, self.handle)

    @property
    def first_name(self) -> str:
        """What friends call them."""
        return self.name.split()[0]


@dataclass(frozen=True, eq=False)
class Post:
    """A post. `warmth` is how much it is liked and tipped, `answers` what in particular one could reply."""

    moment: datetime
    author: Person
    text: str
    topic: str
    warmth: float
    asks: bool = False
    answers: tuple[str, ...] = ()
    parent: "Post | None" = None
    quoted: "Post | None" = None

    @cached_property
    def name(self) -> str:
        """What no other post is called."""
        return post_name(self.author.handle, self.moment)

    @cached_property
    def id(self) -> UUID:
        """Its id."""
        return identity(self.moment, self.name)


class Follow(NamedTuple):
    """Somebody follows somebody."""

    moment: datetime
    follower: Person
    followed: Person


class Reaction(NamedTuple):
    """Somebody likes or reposts a post."""

    moment: datetime
    person: Person
    post: Post
    reposts: bool


class TopUp(NamedTuple):
    """Money comes into a wallet."""

    moment: datetime
    person: Person
    amount: Money


class Tip(NamedTuple):
    """Money for a post."""

    moment: datetime
    sender: Person
    post: Post
    amount: Money
    note: str | None
    visibility: Visibility


class Payment(NamedTuple):
    """Money from one person to another."""

    moment: datetime
    sender: Person
    recipient: Person
    amount: Money
    note: str | None
    visibility: Visibility


class Story(NamedTuple):
    """Everything that happens, each list in the order of its moments."""

    people: list[Person]
    posts: list[Post]
    follows: list[Follow]
    reactions: list[Reaction]
    top_ups: list[TopUp]
    gifts: list[Tip | Payment]
