"""What a command or a read is given besides its input."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import UUID

from ledger import Ledger
from models.accounts import TokenKind
from models.database import ContentionError, Database, Gathering, Transaction
from models.database.connection import Reader
from models.ids import new_id
from models.limits import Tier
from models.money import Money
from models.security import SecurityEventKind
from rails import Rails
from resolvers.errors import NotPermittedError, Refused, ScopeError, SignInRequiredError
from resolvers.prefetching import prefetches
from resolvers.tries import Tries, TriesInMemory

ATTEMPTS = 8
Result = TypeVar("Result")


class TokenScope(StrEnum):
    """What an access token may do."""

    READ = "READ"
    WRITE = "WRITE"
    PAY = "PAY"


class Session(NamedTuple):
    """A sign-in that has begun: its secret, and until when it holds."""

    secret: str
    expires_at: datetime


class Viewer(NamedTuple):
    """Who asks, and with what token."""

    user_id: UUID
    token_id: UUID
    kind: TokenKind
    scopes: frozenset[TokenScope]
    spend_limit: Money | None = None
    tier: Tier = Tier.NEW

    @property
    def movers(self) -> tuple[UUID, ...]:
        """Who moves money when this viewer does: the account, and the access token. Each may be frozen."""
        return (self.user_id, self.token_id) if self.kind is TokenKind.ACCESS else (self.user_id,)


class SecurityEventRow(NamedTuple):
    """Something that has happened with a user's account."""

    user_id: UUID
    id: UUID
    kind: SecurityEventKind
    token_id: UUID | None
    """The session or the access token with which it was done."""
    address: str | None
    """Where the request came from."""
    subject_id: UUID | None
    """What it was about: a transfer, a funding source, a session, an access token or a passkey."""
    created_at: datetime


class SignIns:
    """Who has signed in with which secret a moment ago, so that not each request asks the database.

    What this process revokes counts at once; what another one does, after `LIFETIME`.
    """

    LIFETIME = timedelta(seconds=1)
    MOST = 10_000

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[Viewer, datetime]] = OrderedDict()
        """Those that were found out last, last."""
        self.revision = 0
        """How often something was forgotten."""

    def of(self, secret_hash: bytes, now: datetime) -> Viewer | None:
        """Who it is, if that was found out a moment ago."""
        known = self._known.get(secret_hash)
        return known[0] if known is not None and now < known[1] else None

    def keep(
        self, secret_hash: bytes, viewer: Viewer, now: datetime, expires_at: datetime | None, *, revision: int
    ) -> None:
        """Keeps it in mind for a moment, and no longer than the secret holds.

        Not if something was forgotten since `revision`, when the database was asked: it may be what was found.
        """
        if revision != self.revision:
            return
        until = now + self.LIFETIME
        self._known[secret_hash] = viewer, until if expires_at is None else min(until, expires_at)
        self._known.move_to_end(secret_hash)
        if len(self._known) > self.MOST:
            self._known.popitem(last=False)

    def forget(self, token_ids: Collection[UUID]) -> None:
        """Asks the database again for all that comes with these tokens."""
        self.revision += 1
        for key in [key for key, (viewer, _) in self._known.items() if viewer.token_id in token_ids]:
            del self._known[key]


class Site(NamedTuple):
    """Where browsers find the product. Passkeys are bound to it."""

    domain: str = "localhost"
    origins: tuple[str, ...] = ("http://localhost:8000",)
    """The pages at which a passkey is asked for, by scheme, host and port."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices that commands obey."""

    fee_basis_points: int = 0
    money_limits: bool = True
    demo: bool = False
    site: Site = field(default_factory=Site)


@dataclass(frozen=True, slots=True)
class App:
    """What lives as long as the process."""

    database: Database
    ledger: Ledger
    policy: Policy = field(default_factory=Policy)
    rails: Rails = field(default_factory=Rails)
    sign_ins: SignIns = field(default_factory=SignIns)
    tries: Tries = field(default_factory=TriesInMemory)
    inboxes_wait: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when this process has written what is to be brought to inboxes."""
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    """What asks networks at this moment, and may take longer than the request that began it."""


class Store(Reader, Protocol):
    """Where commands read and write: the database, or one transaction that holds many of them."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits with the store's own, if it is one, and else when the block ends."""
        ...


class Context:
    """What lives as long as one request."""

    def __init__(
        self, app: App, viewer: Viewer | None, base_url: str = "", address: str | None = None, network: str = ""
    ) -> None:
        self.app = app
        self.base_url = base_url
        """Where the product is reached, for links: scheme and host."""
        self.address = address
        """Where the request comes from, if that is known."""
        self.network = network
        """The network of that address: what one home or one machine has."""
        self.policy = app.policy
        self.viewer = viewer
        self._reads = Gathering(app.database)
        self.database: Store = self._reads
        self.session: Session | None = None
        """The session that this request has begun."""
        self.signed_out = False
        """Whether this request has ended the session that it came with."""
        self.refusals: list[SecurityEventRow] = []
        """What is to be written of this request's refusals once it has been answered."""

    @property
    def viewer_id(self) -> UUID | None:
        """The viewer's user id; None when signed out."""
        return None if self.viewer is None else self.viewer.user_id

    def expect(self, functions: frozenset[Callable[..., Any]]) -> None:
        """Has these batch functions' reads made along with those that bring their rows. For an operation that reads."""
        self._reads.prefetches = prefetches(self, functions)

    def let_go(self) -> None:
        """Ends the reads that nobody waits for any more, because the request is over."""
        self._reads.let_go()

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def new_id(self) -> UUID:
        """A new id of this moment."""
        return new_id()

    def event(
        self, kind: SecurityEventKind, subject_id: UUID | None = None, *, user_id: UUID | None = None
    ) -> SecurityEventRow:
        """Something that happens at this moment with the viewer's account, or with that of `user_id`."""
        owner_id = self.viewer_id if user_id is None else user_id
        assert owner_id is not None, "it happens with somebody's account"
        # With which token something was done is for its own owner to know.
        token_id = self.viewer.token_id if self.viewer is not None and self.viewer.user_id == owner_id else None
        return SecurityEventRow(owner_id, self.new_id(), kind, token_id, self.address, subject_id, self.now())

    def note_refusal(
        self, kind: SecurityEventKind, subject_id: UUID | None = None, *, user_id: UUID | None = None
    ) -> None:
        """Has a refusal written once the request has been answered."""
        self.refusals.append(self.event(kind, subject_id, user_id=user_id))

    def reader(self) -> Viewer:
        """The viewer, who may see private data. Raises SignInRequiredError or ScopeError."""
        if self.viewer is None:
            raise SignInRequiredError
        if TokenScope.READ not in self.viewer.scopes:
            self.note_refusal(SecurityEventKind.SCOPE_REFUSED)
            raise ScopeError("This access token may not read private data: it lacks the scope READ.")
        return self.viewer

    def actor(self, scope: TokenScope) -> Viewer:
        """The viewer, who may do what `scope` allows. Raises SignInRequiredError, or Refused without the scope."""
        if self.viewer is None:
            raise SignInRequiredError
        if scope not in self.viewer.scopes:
            self.note_refusal(SecurityEventKind.SCOPE_REFUSED)
            raise Refused(NotPermittedError(f"This access token may not do that: it lacks the scope {scope}."))
        return self.viewer

    async def transact(self, work: Callable[[Transaction], Awaitable[Result]]) -> Result:
        """Runs `work` in one transaction, and again if it loses against another one."""
        for attempt in range(ATTEMPTS):
            try:
                async with self.database.transaction() as transaction:
                    return await work(transaction)
            except ContentionError:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.002 * 2**attempt))
        raise AssertionError("the last attempt returns or raises")
