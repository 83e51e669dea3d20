"""Money: what people tip and send each other, and what they put into their wallets to be able to."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import NamedTuple

from demo.cast import CAST, EXAMPLE_POST
from demo.crowd import audiences, somebody
from demo.events import END, Follow, Payment, Person, Post, Tip, TopUp, chance
from demo.moments import after, within
from demo.phrases import Deck, SmallTalk
from models.money import Currency, Money
from models.transfers import Visibility
from resolvers.ids import Kind, public_id

TIPS = 1_200
PAYMENTS = 90
WITH_NOTE = 0.45
ROUND = 500
"""People top up by five dollars, or five hundred yen, at a time."""
IN_DOLLARS = 0.7
MOST_GENEROUS = 40.0
TYPICAL_TIP = timedelta(hours=3)
FIRST_PAYMENT = timedelta(days=30)
"""How long before the end people begin to send each other money."""

_VISIBILITIES = {Visibility.PUBLIC: 84, Visibility.FOLLOWERS: 8, Visibility.PARTIES_ONLY: 8}


class Habits(NamedTuple):
    """What people give in a currency, and how often: small tips mostly, now and then a large one."""

    tips: dict[str, float]
    payments: tuple[str, ...]
    kept: tuple[str, ...]
    """What is in a wallet in the end, at least."""


_LIKE_DOLLARS = Habits(
    {
        "0.50": 10,
        "1": 26,
        "2": 20,
        "2.50": 8,
        "3": 8,
        "4.20": 3,
        "5": 14,
        "7.50": 3,
        "10": 6,
        "20": 2,
        "50": 0.6,
        "100": 0.2,
    },
    ("4.50", "8", "11.90", "15", "18.25", "24", "30", "42", "60"),
    ("12", "20", "25.50", "40", "60", "85", "120", "240", "500"),
)
HABITS = {
    Currency.USD: _LIKE_DOLLARS,
    Currency.EUR: _LIKE_DOLLARS,
    Currency.GBP: _LIKE_DOLLARS,
    Currency.JPY: Habits(
        {"50": 6, "100": 28, "150": 10, "200": 16, "300": 14, "500": 16, "1000": 7, "3000": 2, "10000": 0.3},
        ("800", "1200", "2500", "3300", "6000"),
        ("1500", "3000", "5000", "12000", "40000"),
    ),
    Currency.CNY: Habits(
        {"1": 8, "2": 12, "5": 20, "6.66": 9, "8.88": 12, "10": 20, "20": 10, "52": 3, "88": 2, "520": 0.2},
        ("18", "35.50", "66", "120", "200"),
        ("66", "88", "150", "300", "888"),
    ),
}

VIEWER_KEEPS = {Currency.USD: Decimal(100), Currency.EUR: Decimal(50), Currency.JPY: Decimal(5_000)}
"""What the demo's viewer has in the end."""


def gifts(
    people: Sequence[Person], posts: Sequence[Post], follows: Sequence[Follow], smalltalk: SmallTalk
) -> list[Tip | Payment]:
    """Tips and payments."""
    random = chance("gifts")
    audience = audiences(people, follows)
    notes = Deck(random, smalltalk.tips)
    tips = _tips(random, people, posts, audience, notes)
    payments = _payments(random, follows, Deck(random, smalltalk.payments))
    return sorted([*tips, *payments], key=lambda gift: gift.moment)


def top_ups(people: Sequence[Person], gifts: Iterable[Tip | Payment]) -> list[TopUp]:
    """What everyone puts into their wallet first: enough for all that they will give, whatever they are given."""
    random = chance("top-ups")
    given: Counter[tuple[Person, Currency]] = Counter()
    got: Counter[tuple[Person, Currency]] = Counter()
    for gift in gifts:
        recipient = gift.post.author if isinstance(gift, Tip) else gift.recipient
        given[gift.sender, gift.amount.currency] += gift.amount.minor_units
        got[recipient, gift.amount.currency] += gift.amount.minor_units
    found = []
    for person in people:
        for currency in _purse(person):
            spent = given[person, currency]
            if person.handle == CAST[0]:
                kept = Money.parse(VIEWER_KEEPS[currency], currency).minor_units - got[person, currency]
                amount = spent + kept
            else:
                kept = _amount(random.choice(HABITS[currency].kept), currency).minor_units
                amount = _rounded_up(spent + kept)
            assert kept > 0, "nobody gives what they have yet to be given"
            moment = person.joined + timedelta(seconds=random.randrange(60, 3_600))
            found.append(TopUp(moment, person, Money(amount, currency)))
    return sorted(found, key=lambda top_up: top_up.moment)


def _tips(
    random: Random,
    people: Sequence[Person],
    posts: Sequence[Post],
    audience: dict[Person, list[Person]],
    notes: Deck[str],
) -> list[Tip]:
    generosity = {person: min(random.paretovariate(1.1), MOST_GENEROUS) for person in people}
    weights = list(accumulate(post.warmth**1.2 for post in posts))
    tips: list[Tip] = []
    while len(tips) < TIPS:
        [post] = random.choices(posts, cum_weights=weights)
        readers = [somebody(random, people, audience, post.author) for _ in range(4)]
        [sender] = random.choices(readers, [generosity[reader] for reader in readers])
        if sender.handle == CAST[0] and public_id(Kind.POST, post.id) == EXAMPLE_POST:
            continue  # the first tip that the viewer gives it is the visitor's
        moment = after(random, post.moment, TYPICAL_TIP)
        currency = Currency.USD if random.random() < IN_DOLLARS else sender.home
        habits = HABITS[currency].tips
        [amount] = random.choices(list(habits), list(habits.values()))
        [visibility] = random.choices(list(_VISIBILITIES), list(_VISIBILITIES.values()))
        note = notes.deal() if random.random() < WITH_NOTE else None
        tips.append(Tip(moment, sender, post, _amount(amount, currency), note, visibility))
    return tips


def _payments(random: Random, follows: Sequence[Follow], notes: Deck[str]) -> list[Payment]:
    payments = []
    for _ in range(PAYMENTS):
        friends = random.choice(follows)
        currency = friends.follower.home if friends.follower.home is friends.followed.home else Currency.USD
        amount = _amount(random.choice(HABITS[currency].payments), currency)
        moment = within(random, END - FIRST_PAYMENT, END)
        visibility = Visibility.PUBLIC if random.random() < WITH_NOTE else Visibility.PARTIES_ONLY
        payments.append(Payment(moment, friends.follower, friends.followed, amount, notes.deal(), visibility))
    return payments


def _purse(person: Person) -> list[Currency]:
    if person.handle == CAST[0]:
        return list(VIEWER_KEEPS)
    return list(dict.fromkeys([Currency.USD, person.home]))


def _amount(text: str, currency: Currency) -> Money:
    return Money.parse(Decimal(text), currency)


def _rounded_up(minor_units: int) -> int:
    return -(-minor_units // ROUND) * ROUND
