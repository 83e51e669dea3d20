"""The embedded default: play money that arrives at once. It says so: its environment is SANDBOX.

The numbers that banks and networks publish for tests say what happens, as they do there. All others are refused: nobody
should type a real number here.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import PayoutSpeed
from models.transfers import Rail, RailEnvironment
from rails.interface import (
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


FINE = "fine"
BEHAVIOURS = {
    FINE: Behaviour(),
    "declined": Behaviour(Declined("05", "The card was declined.")),
    "no-funds": Behaviour(Declined("51", "The card's account has too little money.", retryable=True)),
    "lost": Behaviour(Declined("41", "The card was reported lost.")),
    "expired": Behaviour(Declined("54", "The card has expired.")),
    "slow": Behaviour(Pending()),
    "fails-later": Behaviour(Pending(), Declined("05", "The card was declined.")),
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
}
ACCOUNTS = {
    "000123456789": FINE,
    "000111111116": "declined",
    "000222222227": "no-funds",
    "000333333335": "slow",
}
NOT_FOR_TESTS = "The sandbox takes the numbers that networks publish for tests, such as {}, and no others."


class SandboxRail:
    """A rail without a network."""

    rail = Rail.SANDBOX
    environment = RailEnvironment.SANDBOX
    capabilities = Capabilities(
        pulls=frozenset(SourceKind),
        pushes=frozenset(SourceKind),
        speeds=frozenset(PayoutSpeed),
        currencies=frozenset(Currency),
        reverses=True,
        settles=False,
    )

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = secrets

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        assert self._secrets is not None, "whoever links cards has a vault"
        secret = await self._secrets.reveal(source.reference)
        known = CARDS if isinstance(secret, CardNumber) else ACCOUNTS
        behaviour = known.get(secret.number)
        if behaviour is None:
            raise LinkRefusedError(NOT_FOR_TESTS.format(next(iter(known))))
        return Linked(behaviour, verified=source.kind is SourceKind.CARD)

    async def unlink(self, source: Source) -> None:
        pass

    async def pull(self, call: Call) -> Answer:
        return _behaviour(call).answer

    async def push(self, call: Call) -> Answer:
        return _behaviour(call).answer

    async def reverse(self, call: Call) -> Answer:
        return Approved(APPROVED)

    async def query(self, call: Call) -> Answer:
        return Approved(APPROVED) if call.reversing else _behaviour(call).later

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        return ()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        return ()

    async def close(self) -> None:
        pass


def _behaviour(call: Call) -> Behaviour:
    return BEHAVIOURS[call.source.reference]
