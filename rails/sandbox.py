"""The embedded default: play money that arrives at once. It says so: its environment is SANDBOX.

The numbers that banks and networks publish for tests say what happens, as they do there. All others are refused: nobody
should type a real number here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed
from models.transfers import Rail, RailEnvironment
from rails.interface import (
    AccountNumber,
    Answer,
    Approved,
    Call,
    Capabilities,
    CardNumber,
    Declined,
    Linked,
    LinkRefusedError,
    Notice,
    Pending,
    Secrets,
    Settlement,
    Source,
)

APPROVED = "00"  # the code of ISO 8583 with which card networks approve


class Behaviour(NamedTuple):
    """What a test number does. The name is kept as the source's reference, and the number nowhere."""

    answer: Answer = Approved(APPROVED)
    later: Answer = Approved(APPROVED)
    """What `query` says of it, where the first answer left it open."""
    comes_back: Mapping[Direction, str] = {}
    """Which way the money does not stay where it went, and the code with which it comes back."""


class Books(Protocol):
    """What the sandbox has booked."""

    async def booked(self) -> Sequence[Settlement]:
        """The lines that nobody may have taken yet, oldest first. Raises UnreachableError."""
        ...


FINE = "fine"
BEHAVIOURS = {
    FINE: Behaviour(),
    "declined": Behaviour(Declined("05", "The card was declined.")),
    "no-funds": Behaviour(Declined("51", "The card's account has too little money.", retryable=True)),
    "lost": Behaviour(Declined("41", "The card was reported lost.")),
    "expired": Behaviour(Declined("54", "The card has expired.")),
    "slow": Behaviour(Pending()),
    "fails-later": Behaviour(Pending(), Declined("05", "The card was declined.")),
    "disputed": Behaviour(comes_back={Direction.PULL: "10.4"}),
    "closed": Behaviour(comes_back={Direction.PUSH: "R02"}),
}
CARDS = {
    "4242424242424242": FINE,
    "4000056655665556": FINE,
    "5555555555554444": FINE,
    "5200828282828210": FINE,
    "4000000000000002": "declined",
    "4000000000009995": "no-funds",
    "4000000000009987": "lost",
    "4000000000000069": "expired",
    "4000000000000077": "slow",
    "4000000000000341": "fails-later",
    "4000000000000259": "disputed",
}
ACCOUNTS = {
    "000123456789": FINE,
    "000111111113": "closed",
    "000111111116": "declined",
    "000222222227": "no-funds",
    "000333333335": "slow",
}
NOT_FOR_TESTS = "The sandbox takes the numbers that networks publish for tests, such as {}, and no others."


class SandboxRail:
    """A rail without a network."""

    rail = Rail.SANDBOX
    environment = RailEnvironment.SANDBOX

    def __init__(self, secrets: Secrets | None = None, books: Books | None = None) -> None:
        self.capabilities = Capabilities(
            pulls=frozenset(SourceKind),
            pushes=frozenset(SourceKind),
            speeds=frozenset(PayoutSpeed),
            currencies=frozenset(Currency),
            reverses=True,
            settles=books is not None,
            books_every_seconds=10,  # whoever tries it out waits for it
        )
        self._secrets = secrets
        self._books = books

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        assert self._secrets is not None, "whoever links cards has a vault"
        behaviour = behaviour_of(await self._secrets.reveal(source.reference))
        return Linked(behaviour, verified=source.kind is SourceKind.CARD)

    async def unlink(self, source: Source) -> None:
        pass

    async def pull(self, call: Call) -> Answer:
        return _named(call, _behaviour(call).answer)

    async def push(self, call: Call) -> Answer:
        return _named(call, _behaviour(call).answer)

    async def reverse(self, call: Call) -> Answer:
        return Approved(APPROVED)

    async def query(self, call: Call) -> Answer:
        return Approved(APPROVED) if call.reversing else _named(call, _behaviour(call).later)

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        return ()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        return () if self._books is None else await self._books.booked()

    async def close(self) -> None:
        pass


def behaviour_of(secret: CardNumber | AccountNumber) -> str:
    """What a test number is known by. Raises LinkRefusedError for any other number."""
    known = CARDS if isinstance(secret, CardNumber) else ACCOUNTS
    behaviour = known.get(secret.number)
    if behaviour is None:
        raise LinkRefusedError(NOT_FOR_TESTS.format(next(iter(known))))
    return behaviour


def _behaviour(call: Call) -> Behaviour:
    return BEHAVIOURS[call.source.reference]


def _named(call: Call, answer: Answer) -> Answer:
    if isinstance(answer, Approved | Declined | Pending):
        return answer._replace(network_ref=f"sandbox_{call.id.hex}")
    return answer
