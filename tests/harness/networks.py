"""Cards and bank accounts for tests, and networks that take them."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from models.funding import FundingSource, SourceKind
from models.ids import new_id
from models.money import Money
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment
from rails import Answer, Call, Linked, SandboxRail, Settlement, Source, Vault
from resolvers import funding, intents, linking, security
from resolvers.context import App, Context
from resolvers.funding import FundingSourceRow
from resolvers.ids import public_id
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town

VISA, MASTERCARD = "4242424242424242", "5555555555554444"
ROUTING, ACCOUNT, OTHER_ACCOUNT = "110000000", "000123456789", "000111111116"
IBAN = "DE89370400440532013000"
EXPIRES = "08/2030"


async def token_of(person: Person, number: str = VISA, expires: str = EXPIRES) -> str:
    return (await linking.keep_card(person.ctx(), number, expires, None)).token


async def linked_card(person: Person, number: str = VISA, expires: str = EXPIRES) -> FundingSourceRow:
    return await linking.link_card(person.ctx(), await token_of(person, number, expires))


async def linked_account(person: Person, number: str = ACCOUNT) -> FundingSourceRow:
    return await linking.link_bank_account(person.ctx(), ROUTING, number)


async def verify(person: Person, source: FundingSourceRow, *amounts: int) -> FundingSourceRow:
    return await linking.verify_bank_account(person.ctx(), id_of(source), list(amounts))


async def known(person: Person, rail: Rail, reference: str = "token", kind: SourceKind = SourceKind.CARD) -> str:
    """The public id of a new source of theirs that a network knows by this reference already."""
    row = FundingSource(
        id=new_id(),
        user_id=person.id,
        kind=kind,
        rail=rail,
        label=reference,
        last4="4242",
        verified=True,
        reference=reference,
        created_at=datetime.now(UTC),
    )
    async with person.app.database.transaction() as transaction:
        await transaction.run(funding._insert, **row.model_dump())
    return public_id(funding.SOURCES[kind], row.id)


async def sources(person: Person) -> list[FundingSourceRow]:
    """What is linked besides the card that an account is born with where there is only play money."""
    rows = await funding.sources_of_user(person.ctx(), person.id)
    return [row for row in rows if row.brand != "SANDBOX"]


async def events(person: Person) -> list[SecurityEventKind]:
    [page] = await security.security_events_of(person.ctx(), [person.as_viewer])
    return [edge.node.kind for edge in page.edges]


def id_of(source: FundingSourceRow) -> str:
    return public_id(funding.SOURCES[source.kind], source.id)


async def go_on(app: App, **later: float) -> None:
    """What the worker does of all that is due after a while: `seconds`, `minutes`, `hours`."""

    context = Context(app, None)

    def now() -> datetime:
        return context.now() + timedelta(**later)

    while (taken := await intents.take(app, now())) is not None:
        await intents.see_to(app, taken, now)


class Asked(NamedTuple):
    """A source that a network was told of, with the number behind it."""

    source: Source
    number: str
    deposits: tuple[Money, Money] | None


class Network(SandboxRail):
    """A network that takes any number, and knows a source by the vault's token."""

    environment = RailEnvironment.LIVE

    def __init__(self, rail: Rail, vault: Vault) -> None:
        super().__init__(vault)
        self.rail = rail
        self.vault = vault
        self.asked: list[Asked] = []
        self.forgotten: list[str] = []
        self.failure: Exception | None = None

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        if self.failure is not None:
            raise self.failure
        self.asked.append(Asked(source, (await self.vault.reveal(source.reference)).number, deposits))
        return Linked(source.reference, verified=source.kind is SourceKind.CARD)

    async def unlink(self, source: Source) -> None:
        if self.failure is not None:
            raise self.failure
        self.forgotten.append(source.reference)


class Chooses(Network):
    """A network that chooses the two deposits, and alone knows them."""

    def __init__(self, rail: Rail, vault: Vault) -> None:
        super().__init__(rail, vault)
        self.tried: list[tuple[int, int]] = []
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What others do while it is asked."""

    async def verify(self, source: Source, amounts: tuple[int, int]) -> bool:
        if self.meanwhile is not None:
            await self.meanwhile()
        if self.failure is not None:
            raise self.failure
        self.tried.append(amounts)
        return sorted(amounts) == [7, 9]


class Networks(NamedTuple):
    """An application whose cards and bank accounts are real."""

    app: App
    town: Town
    cards: Network
    banks: Network


class Vaulted:
    """The tokens in the vault."""

    def __init__(self, backdoor: Backdoor) -> None:
        self._backdoor = backdoor

    async def tokens(self) -> set[str]:
        return {row[0] for row in await self._backdoor.fetch("SELECT token FROM vault")}


class Answering(SandboxRail):
    """A network that answers as it is told to: the next answer to whatever it is asked next."""

    rail = Rail.VISA_DIRECT

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = self.capabilities._replace(settles=True)
        self.answers: deque[Answer] = deque()
        self.asked: list[tuple[str, Call]] = []
        self.lines: list[Settlement] = []

    async def pull(self, call: Call) -> Answer:
        return self._answer("pull", call)

    async def push(self, call: Call) -> Answer:
        return self._answer("push", call)

    async def reverse(self, call: Call) -> Answer:
        return self._answer("reverse", call)

    async def query(self, call: Call) -> Answer:
        return self._answer("query", call)

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        return [line for line in self.lines if line.booked_at >= since]

    def _answer(self, operation: str, call: Call) -> Answer:
        self.asked.append((operation, call))
        return self.answers.popleft()
