"""What the contract is tried on: for each adapter a stage, with the network it speaks to.

A stage says what its network can do (`traits`), so that a test runs on the stages that it is about, and is skipped on
none.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Any, ClassVar, Protocol
from uuid import uuid4

import pytest

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed
from rails import AccountNumber, Answer, Call, CardNumber, Pending, RailAdapter, Source
from rails.sandbox import SandboxRail
from rails.stripe import StripeRail, StripeSettings
from rails.visa import VisaRail
from server.visa import visa_settings
from tests.harness import banks
from tests.harness.server import free_port
from tests.harness.simulator import Simulator

USUAL = Money(100_00, Currency.USD)
SOON_SECONDS = 30
PAUSE_SECONDS = 0.02
IMPATIENT_SECONDS = 0.2
WORKS = "tok_works"

_traces = itertools.count(1)


class Trait(Enum):
    """What a stage has to have for a test to say something about it."""

    REVERSES = auto()
    NETWORK = auto()
    """It speaks to a network, which can fail and keeps books."""
    SETTLES = auto()
    PARTLY = auto()
    """It may approve a part."""
    LATE = auto()
    """It may answer later, for pulls and pushes alike."""
    AT_ONCE = auto()
    """It answers before anything is booked. Others take days, which the stage has go by."""
    PULLS = auto()
    PUSHES = auto()


WAYS = {Direction.PULL: Trait.PULLS, Direction.PUSH: Trait.PUSHES}


class Stage(Protocol):
    """An adapter and its network, ready."""

    traits: ClassVar[frozenset[Trait]]
    adapter: RailAdapter
    works: Source
    """A source that is never declined."""
    declined: tuple[Source, str]
    """A source that is, and the code with which the network says so."""
    late: Source
    """A source of which the network says later what becomes of it, if the stage has no faults for that."""
    broken: AbstractAsyncContextManager[RailAdapter]
    """The same adapter, with a network that cannot be reached."""
    impatient: AbstractAsyncContextManager[RailAdapter]
    """The same adapter, with a network that it does not wait for for long."""

    def fault(self, operation: str, does: str, **more: Any) -> None:
        """Has the next `pull`, `push`, `reverse`, `query` or `report` go wrong."""
        ...

    def forward(self, **by: float) -> None:
        """Moves the network's clock: `days`, `seconds`."""
        ...

    def moved(self) -> int:
        """What all calls together have brought, by the network's books, in minor units."""
        ...

    def movements(self) -> int:
        """How many movements of money the network has in its books."""
        ...

    def give_back(self, network_ref: str, code: str) -> None:
        """Has money come back."""
        ...


class Known(dict[str, CardNumber | AccountNumber]):
    """Numbers by their tokens."""

    async def reveal(self, token: str) -> CardNumber | AccountNumber:
        return self[token]


def a_source(reference: str, kind: SourceKind = SourceKind.CARD) -> Source:
    return Source(uuid4(), kind, reference, "Ada Lovelace")


def a_call(direction: Direction, source: Source, amount: Money = USUAL) -> Call:
    """A call that nobody has made before."""
    return Call(uuid4(), direction, amount, source, PayoutSpeed.INSTANT, next(_traces), datetime.now(UTC))


async def soon(holds: Callable[[], bool]) -> None:
    """Waits for what is bound to happen."""
    async with asyncio.timeout(SOON_SECONDS):
        while not holds():  # noqa: ASYNC110  # another process has no event to wait for
            await asyncio.sleep(PAUSE_SECONDS)


class SandboxStage:
    """The embedded default, which has no network."""

    traits = frozenset({Trait.PULLS, Trait.PUSHES, Trait.AT_ONCE, Trait.REVERSES, Trait.LATE})
    works = a_source("fine")
    declined = (a_source("no-funds"), "51")
    late = a_source("slow")

    def __init__(self) -> None:
        self.adapter: RailAdapter = SandboxRail(Known())

    def fault(self, operation: str, does: str, **more: Any) -> None:
        """Its sources say what happens."""

    def forward(self, **by: float) -> None:
        """It has no clock."""


class VisaStage:
    """Visa Direct, with the simulator's."""

    traits = frozenset(Trait)
    works = a_source(WORKS)
    declined = (a_source("tok_no_funds"), "51")
    late = works
    _operations: ClassVar[Mapping[str, str]] = {"report": "visa.reports"}

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.settings = visa_settings(simulator.folder / "visa.toml")
        self.secrets = Known(
            {
                WORKS: CardNumber("4957030420210454", "12/2030"),
                "tok_no_funds": CardNumber("4000000000009995", "12/2030"),
                "tok_no_such": CardNumber("4111111111111111", "12/2030"),
                "tok_real": CardNumber("4000000000000010", "12/2030"),
                "tok_account": AccountNumber("110000000", "000123456789"),
                "tok_mastercard": CardNumber("5555555555554444", "12/2030"),
            }
        )
        self.adapter: RailAdapter = VisaRail(self.settings, self.secrets)

    @property
    def broken(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self.another(base_url=f"https://127.0.0.1:{free_port()}")

    @property
    def impatient(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self.another(answer_seconds=IMPATIENT_SECONDS)

    @asynccontextmanager
    async def another(self, **changes: Any) -> AsyncIterator[RailAdapter]:
        """The adapter with other settings."""
        adapter = VisaRail(self.settings.model_copy(update=changes), self.secrets)
        yield adapter
        await adapter.close()

    def fault(self, operation: str, does: str, **more: Any) -> None:
        self._simulator.fault(self._operations.get(operation, f"visa.{operation}"), does, **more)

    def forward(self, **by: float) -> None:
        self._simulator.forward(**by)

    def moved(self) -> int:
        moved: int = self._simulator.books("visa")["moved"].get("USD", 0)
        return moved

    def movements(self) -> int:
        return len(self._simulator.books("visa")["movements"])

    def give_back(self, network_ref: str, code: str) -> None:
        self._simulator.give_back(network_ref, code)


class StripeStage:
    """Stripe, with the simulator's. Its sources are linked when it is opened."""

    traits = frozenset(Trait)
    _operations: ClassVar[Mapping[str, str]] = {"report": "stripe.settlements"}

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.settings = stripe_settings(simulator)
        self.secrets = Known(
            {
                WORKS: CardNumber("4000056655665556", "12/2030"),
                "tok_declined": CardNumber("4000000000000341", "12/2030"),
                "tok_no_funds": CardNumber("4000000000009995", "12/2030"),
                "tok_credit": CardNumber("4242424242424242", "12/2030"),
                "tok_not_for_tests": CardNumber("4111111111111111", "12/2030"),
                "tok_account": AccountNumber("110000000", "000123456789"),
                "tok_iban": AccountNumber("", "DE89370400440532013000"),
            }
        )
        self.adapter: RailAdapter = StripeRail(self.settings, self.secrets)
        self.works = self.late = a_source(WORKS)
        self.declined = a_source("tok_declined"), "generic_decline"

    async def open(self) -> None:
        """Links its sources."""
        self.works = self.late = await self.linked(self.works)
        self.declined = await self.linked(self.declined[0]), self.declined[1]

    async def linked(self, source: Source) -> Source:
        """A source as its owner keeps it."""
        return source._replace(reference=(await self.adapter.link(source, None)).reference)

    @property
    def broken(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self.another(url=f"http://127.0.0.1:{free_port()}")

    @property
    def impatient(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self.another(answer_seconds=IMPATIENT_SECONDS)

    @asynccontextmanager
    async def another(self, **changes: Any) -> AsyncIterator[RailAdapter]:
        """The adapter with other settings."""
        adapter = StripeRail(self.settings._replace(**changes), self.secrets)
        yield adapter
        await adapter.close()

    def fault(self, operation: str, does: str, **more: Any) -> None:
        self._simulator.fault(self._operations.get(operation, f"stripe.{operation}"), does, **more)

    def forward(self, **by: float) -> None:
        self._simulator.forward(**by)

    def moved(self) -> int:
        moved: int = self._simulator.books("stripe")["moved"].get("USD", 0)
        return moved

    def movements(self) -> int:
        return len(self._simulator.books("stripe")["movements"])

    def give_back(self, network_ref: str, code: str) -> None:
        self._simulator.give_back(network_ref, code)


def stripe_settings(simulator: Simulator) -> StripeSettings:
    """As the simulator's operator would set it."""
    return StripeSettings(
        api_key="sk_test_simulator",
        webhook_secret="whsec_simulator",
        account="acct_simulator",
        url=simulator.addresses["stripe"],
    )


class Patient:
    """An adapter of a bank: where the bank takes its time, days go by until it knows."""

    def __init__(self, rail: RailAdapter, wait: Callable[[], None]) -> None:
        self._rail = rail
        self._wait = wait

    async def pull(self, call: Call) -> Answer:
        return await self._known(call, await self._rail.pull(call))

    async def push(self, call: Call) -> Answer:
        return await self._known(call, await self._rail.push(call))

    async def reverse(self, call: Call) -> Answer:
        return await self._known(call._replace(reversing=True), await self._rail.reverse(call))

    async def query(self, call: Call) -> Answer:
        return await self._known(call, await self._rail.query(call))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rail, name)

    async def _known(self, call: Call, answer: Answer) -> Answer:
        if not isinstance(answer, Pending):
            return answer
        self._wait()
        return await self._rail.query(call)


class BankStage:
    """ACH or SEPA, with the simulated bank."""

    network: ClassVar[str]
    traits: ClassVar[frozenset[Trait]]
    _operations: ClassVar[Mapping[str, str]] = {"report": "query", "reverse": "push"}

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self.adapter = self._rail()

    def _rail(self, **changes: Any) -> RailAdapter:
        raise NotImplementedError

    @property
    def broken(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self._another(url=f"http://127.0.0.1:{free_port()}")

    @property
    def impatient(self) -> AbstractAsyncContextManager[RailAdapter]:
        return self._another(answer_seconds=IMPATIENT_SECONDS)

    @asynccontextmanager
    async def _another(self, **changes: Any) -> AsyncIterator[RailAdapter]:
        adapter = self._rail(**changes)
        yield adapter
        await adapter.close()

    def fault(self, operation: str, does: str, **more: Any) -> None:
        self._simulator.fault(f"{self.network}.{self._operations.get(operation, operation)}", does, **more)

    def forward(self, **by: float) -> None:
        self._simulator.forward(**by)

    def moved(self) -> int:
        return sum(self._simulator.books(self.network)["moved"].values())

    def movements(self) -> int:
        return len(self._simulator.books(self.network)["movements"])

    def give_back(self, network_ref: str, code: str) -> None:
        found = self._simulator.books(self.network)["movements"]
        (movement,) = [one["id"] for one in found if one["facts"]["reference"] == network_ref]
        self._simulator.give_back(movement, code)

    def _patient(self, rail: RailAdapter) -> RailAdapter:
        adapter: Any = Patient(rail, lambda: self.forward(days=9))
        patient: RailAdapter = adapter
        return patient


class AchStage(BankStage):
    """ACH, whose money is good days after."""

    network = "ach"
    traits = frozenset({Trait.PULLS, Trait.PUSHES, Trait.REVERSES, Trait.NETWORK, Trait.SETTLES})
    works = late = a_source("us", SourceKind.BANK_ACCOUNT)
    declined = (a_source("us-empty", SourceKind.BANK_ACCOUNT), "R01")

    def _rail(self, **changes: Any) -> RailAdapter:
        return self._patient(banks.ach(self._simulator, **changes))


class Iso20022Stage(BankStage):
    """SEPA credit transfers, which only send money."""

    network = "sct"
    traits = frozenset({Trait.PUSHES, Trait.NETWORK, Trait.SETTLES})
    works = late = a_source("iban", SourceKind.BANK_ACCOUNT)
    declined = (a_source("iban-closed", SourceKind.BANK_ACCOUNT), "AC04")

    def _rail(self, **changes: Any) -> RailAdapter:
        return self._patient(banks.sct(self._simulator, **changes))


STAGES: dict[str, type[SandboxStage] | type[VisaStage] | type[StripeStage] | type[BankStage]] = {
    "SANDBOX": SandboxStage,
    "VISA_DIRECT": VisaStage,
    "STRIPE": StripeStage,
    "ACH": AchStage,
    "ISO20022": Iso20022Stage,
}


def on(*traits: Trait) -> pytest.MarkDecorator:
    """Runs a test on each stage that has all of these."""
    return pytest.mark.parametrize("stage", _with(*traits), indirect=True)


def each_way(*traits: Trait) -> pytest.MarkDecorator:
    """Runs a test on each stage that has all of these, for each way in which it moves money."""
    pairs = [(name, way) for way, moves in WAYS.items() for name in _with(moves, *traits)]
    return pytest.mark.parametrize(("stage", "direction"), pairs, indirect=["stage"])


def _with(*traits: Trait) -> list[str]:
    return [name for name, stage in STAGES.items() if stage.traits.issuperset(traits)]
