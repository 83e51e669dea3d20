"""What every rail offers, whatever network is behind it.

A call to a network ends in one of a few answers, and none of them is an exception: what a network did to somebody's
money is never left to an `except`. Two rules hold for every adapter:

- What may have moved money and was not clearly answered is `Unknown`: all that goes wrong once a byte has been written.
  Only what has provably not been sent is `NotSent`, and may be sent again.
- The same call, made again, is the same to the network: all by which it is known there is in `Call`, which was written
  down before the first byte was sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed, SettlementKind
from models.transfers import Rail, RailEnvironment


class CardNumber(NamedTuple):
    """A card's number, which must not be written anywhere: not even its text shows it."""

    number: str
    expires: str
    """The last month in which it is good: MM/YYYY."""

    def __repr__(self) -> str:
        return f"CardNumber(…{self.number[-4:]})"


class AccountNumber(NamedTuple):
    """A bank account. `routing` is an ABA routing number, or empty when the number is an IBAN."""

    routing: str
    number: str

    def __repr__(self) -> str:
        return f"AccountNumber(…{self.number[-4:]})"


class Secrets(Protocol):
    """Who knows the numbers behind tokens: the vault."""

    async def reveal(self, token: str) -> CardNumber | AccountNumber:
        """The number behind a token, to be sent to a network and nowhere else. Raises KeyError."""
        ...


class Source(NamedTuple):
    """A card or a bank account. `reference` is the vault's token, or the network's own name for it."""

    id: UUID
    kind: SourceKind
    reference: str
    holder: str
    """Whose it is, as a network may be told."""


class Call(NamedTuple):
    """What a network is asked to do, or is asked about: the same values however often it is asked."""

    id: UUID
    direction: Direction
    amount: Money
    source: Source
    speed: PayoutSpeed
    trace: int
    """Our number for it: unique, counted up from 1."""
    created_at: datetime
    network_ref: str | None = None
    """The network's name for it, once it has told us."""
    facts: Mapping[str, str] = {}
    """What else the network said when it answered."""
    reversing: bool = False
    """Whether it is about taking the money back, and no longer about moving it."""


class Approved(NamedTuple):
    """The network has moved the money, or taken it back. `moved` is how much, if not all of it."""

    code: str
    network_ref: str | None = None
    facts: Mapping[str, str] = {}
    moved: Money | None = None


class Declined(NamedTuple):
    """The network has refused, and moved nothing. `retryable`: another try may go through."""

    code: str
    message: str
    retryable: bool = False
    network_ref: str | None = None


class Pending(NamedTuple):
    """The network has taken it up and will say later.

    `processing`: a bank is under way with it, and it goes through unless it comes back; so it is shown as on its way.
    """

    network_ref: str | None = None
    facts: Mapping[str, str] = {}
    processing: bool = False


class Unknown(NamedTuple):
    """Whether the money has moved is not known. It must not be asked for again: `query` will tell."""

    reason: str
    network_ref: str | None = None


class NotSent(NamedTuple):
    """Nothing was sent: the network could not be reached, or would not take anything now. It may be sent again."""

    reason: str
    retry_after_seconds: float | None = None


class Rejected(NamedTuple):
    """The network does not take such a request: wrong credentials, a field it refuses. Nothing has moved."""

    reason: str


Answer = Approved | Declined | Pending | Unknown | NotSent | Rejected


class Capabilities(NamedTuple):
    """What a rail can do."""

    pulls: frozenset[SourceKind] = frozenset()
    """From what it draws money."""
    pushes: frozenset[SourceKind] = frozenset()
    """To what it sends money."""
    speeds: frozenset[PayoutSpeed] = frozenset()
    """How fast."""
    currencies: frozenset[Currency] = frozenset()
    reverses: bool = False
    """Whether a pull can be taken back."""
    settles: bool = True
    """Whether it tells what has been booked."""
    books_every_seconds: float = 3_600
    """How often it is worth a look what has been."""


class Linked(NamedTuple):
    """A source as its rail knows it. `verified`: the rail is sure that it is its owner's."""

    reference: str
    verified: bool


class LinkRefusedError(Exception):
    """The network does not take this card or account. The message is for people."""


class UnreachableError(Exception):
    """The network could not be asked, or did not answer. For whatever moves no money."""


class Settlement(NamedTuple):
    """A line of the network's books about the money of `network_ref`.

    SETTLED: the bank has booked it. RETURNED: it is given back. RETURN_SETTLED: the bank has booked that, too.
    """

    line: str
    """The network's name for the line: the same however often it is told."""
    network_ref: str
    kind: SettlementKind
    amount: Money
    booked_at: datetime
    code: str | None = None
    """Why it came back, in the network's code."""


class Notice(NamedTuple):
    """What a webhook is about. It is believed in nothing else: whoever hears of it asks the network."""

    network_ref: str


class BadSignatureError(Exception):
    """A webhook that the network has not signed, or not lately."""


class RailAdapter(Protocol):
    """A way for money to enter and leave. None of this is called inside a transaction."""

    rail: Rail
    environment: RailEnvironment
    capabilities: Capabilities

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        """Has the network know a card or an account. With `deposits` it sends these to the account.

        Whose network chooses the deposits itself is a `VerifiesDeposits`, and is given none.

        Raises LinkRefusedError or UnreachableError.
        """
        ...

    async def unlink(self, source: Source) -> None:
        """Has the network forget a source. What it does not know is forgotten already."""
        ...

    async def pull(self, call: Call) -> Answer:
        """Draws money from a source."""
        ...

    async def push(self, call: Call) -> Answer:
        """Sends money to a source."""
        ...

    async def reverse(self, call: Call) -> Answer:
        """Takes back what a pull has drawn."""
        ...

    async def query(self, call: Call) -> Answer:
        """What has become of a pull or a push, or with `call.reversing` of taking it back; never NotSent."""
        ...

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        """What a webhook is about; nothing if it is about nothing of ours. Raises BadSignatureError."""
        ...

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        """What the network has booked since a moment, oldest first. Lines that were told before may come again.

        Raises UnreachableError.
        """
        ...

    async def close(self) -> None:
        """Ends its connections."""
        ...


@runtime_checkable
class VerifiesDeposits(Protocol):
    """An adapter whose network chooses the two small deposits itself, and alone knows them."""

    async def verify(self, source: Source, amounts: tuple[int, int]) -> bool:
        """Whether these are the amounts, in minor units, that the network sent to an account, in any order.

        Raises LinkRefusedError once the network takes no more tries, or UnreachableError.
        """
        ...
