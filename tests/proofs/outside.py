"""Hatful and the networks outside, with one clock for both that can be moved, and what must hold of their books."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx2
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.routing import Route

from ledger import Ledger
from ledger.verify import verify
from models.database import Query, columns_of, open_database
from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed, RailIntent
from models.transfers import Rail, RailEnvironment
from rails import (
    Answer,
    Approved,
    Call,
    Capabilities,
    Declined,
    Linked,
    Notice,
    NotSent,
    RailAdapter,
    Rails,
    Settlement,
    Source,
    UnreachableError,
    Vault,
)
from rails.numbers import card
from rails.stripe import StripeRail, StripeSettings
from rails.vault import new_key
from rails.visa import VisaRail
from rails.visa_requests import rrn, stan
from resolvers import funding, intents, settlements
from resolvers.context import App, Policy
from resolvers.outcomes import IntentRow
from resolvers.settlements import Report
from resolvers.transfers import transfers_by_id
from server.rails import hear_of
from server.visa import visa_settings
from server.webhooks import PATH, Webhooks
from tests.harness.listening import listening
from tests.harness.networks import known
from tests.harness.simulator import Simulator
from tests.harness.tally import tallies
from tests.harness.town import Person, Town
from tests.proofs.mortal import Died
from tests.rails.stages import StripeStage, a_source

Movement = Mapping[str, Any]
"""Money that a network has moved, as the simulator's books have it."""

NETWORKS = {Rail.VISA_DIRECT: "visa", Rail.STRIPE: "stripe"}
"""The rails that the simulator has a face for, and what it calls them."""
HASTY, PATIENT = 0.4, 60.0
"""For how many seconds a network is waited for while some never answer, and when all do."""
OPEN = {IntentState.CREATED, IntentState.SUBMITTING, IntentState.PENDING, IntentState.UNKNOWN, IntentState.REVERSING}
MOST_ROUNDS = 12
VAULT_KEY = new_key()

all_intents = Query(IntentRow, select(*columns_of(IntentRow, RailIntent)))


class Clock:
    """Our clock, which runs ahead of the true one, and is never quite that of the networks."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self.wrong_by = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead + self.wrong_by


class Fate:
    """Whether a process dies when it asks a network: before it does, or before it hears the answer."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.near = False

    def strike(self) -> None:
        """Raises Died."""
        if self.near and self._random.random() < 0.5:
            self.near = False
            raise Died


class Watched:
    """An adapter that notes what is sent over it: nothing may be sent twice that a network may have."""

    def __init__(self, hasty: RailAdapter, patient: RailAdapter, fate: Fate) -> None:
        real = hasty
        self.rail: Rail = real.rail
        self.environment: RailEnvironment = real.environment
        self.capabilities: Capabilities = real.capabilities
        self.asked: Counter[str] = Counter()
        self.sent_twice: list[tuple[str, UUID]] = []
        self._real = real
        self._patient = patient
        self._fate = fate
        self._sent: set[tuple[str, UUID]] = set()

    def be_patient(self) -> None:
        """From now on the network is waited for, however long it takes."""
        self._real = self._patient

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        return await self._real.link(source, deposits)

    async def unlink(self, source: Source) -> None:
        await self._real.unlink(source)

    async def pull(self, call: Call) -> Answer:
        return await self._send("pull", call, self._real.pull)

    async def push(self, call: Call) -> Answer:
        return await self._send("push", call, self._real.push)

    async def reverse(self, call: Call) -> Answer:
        return await self._send("reverse", call, self._real.reverse)

    async def query(self, call: Call) -> Answer:
        return await self._ask("query", call, self._real.query)

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        notices = self._real.notices(body, headers, now)
        self.asked["notices"] += len(notices)
        return notices

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        return await self._real.settlements(since)

    async def close(self) -> None:
        """Whoever has opened the real one closes it."""

    async def _send(self, operation: str, call: Call, send: Callable[[Call], Awaitable[Answer]]) -> Answer:
        name = operation, call.id
        if name in self._sent:
            self.sent_twice.append(name)
        self._sent.add(name)
        answer = await self._ask(operation, call, send)
        if isinstance(answer, NotSent):
            self._sent.discard(name)
        return answer

    async def _ask(self, operation: str, call: Call, ask: Callable[[Call], Awaitable[Answer]]) -> Answer:
        self.asked[operation] += 1
        self._fate.strike()
        answer = await ask(call)
        self._fate.strike()
        return answer


class Judgement(NamedTuple):
    """What has become of everything in the end."""

    states: Counter[IntentState]
    findings: int
    resolved: int
    """How many the operator had to decide."""
    left: int
    """How many reversals the networks did not make: their money stays in suspense."""


@dataclass(eq=False)
class Outside:
    """An application with its networks, and the work that is done on what goes over them."""

    app: App
    simulator: Simulator
    clock: Clock
    networks: Mapping[Rail, Watched]
    fate: Fate
    ada: Person
    ben: Person
    purses: Sequence["Purse"]
    """Ada's."""
    spoilt: bool = False
    """Whether settlement lines were made wrong."""

    async def later(self, **by: float) -> None:
        """Time goes by, here and at the networks."""
        self.clock.ahead += timedelta(**by)
        self.simulator.forward(seconds=timedelta(**by).total_seconds())

    async def works(self) -> None:
        """All that is due is done."""
        while (taken := await intents.take(self.app, self.clock.now())) is not None:
            await intents.see_to(self.app, taken, self.clock.now)

    async def reads(self, rail: Rail) -> Report:
        """A network's books are read."""
        return await settlements.reconcile(self.app, rail, self.clock.now())

    async def check(self) -> None:
        """What holds at any time."""
        await tallies(self.app)
        for network in self.networks.values():
            assert network.sent_twice == [], "what a network may have was sent again"

    async def end(self) -> Judgement:
        """Faults end, time goes by, and the operator decides what is left. The books must then be the networks'."""
        self.simulator.heal()
        self.clock.wrong_by = timedelta()
        for network in self.networks.values():
            network.be_patient()
        resolved = 0
        for _ in range(MOST_ROUNDS):
            await self.later(days=3)
            await self.works()
            await self._read_all()
            await self.works()
            await self.check()
            decided = await self._decide()
            resolved += decided
            if not decided and not await self._under_way():
                break
        await self.later(days=9)
        return await self._judge(await self._read_all(), resolved)

    def movements(self) -> dict[Rail, Sequence[Movement]]:
        """What the networks have moved, or would not."""
        return {rail: self.simulator.books(name)["movements"] for rail, name in NETWORKS.items()}

    async def _read_all(self) -> Sequence[Report]:
        """All networks' books are read, though one may be so busy that it does not answer the first time."""
        reports: dict[Rail, Report] = {}
        async with asyncio.timeout(PATIENT * 10):
            while len(reports) < len(self.networks):
                for rail in self.networks.keys() - reports.keys():
                    with suppress(UnreachableError):
                        reports[rail] = await self.reads(rail)
        return list(reports.values())

    # The operator

    async def _under_way(self) -> bool:
        rows = await self.app.database.fetch(all_intents)
        return any(row.state in OPEN and row.due_at is not None for row in rows)

    async def _decide(self) -> int:
        """The operator says what the networks' books say of what nobody asks about any more."""
        decided = 0
        movements = self.movements()
        for intent in await intents.waiting(self.app):
            answer = await self._word(intent, movements[intent.rail])
            if answer is not None:
                await intents.resolve(self.app, intent.id, answer, self.clock.now())
                decided += 1
        return decided

    async def _word(self, intent: IntentRow, movements: Sequence[Movement]) -> Approved | Declined | None:
        pull, reversal = await self._keys(intent)
        if intent.state is IntentState.REVERSING:
            undone = next((each for each in movements if each["key"] == reversal), None)
            return Approved("by hand") if undone is not None and undone["status"] == "COMPLETED" else None
        found = next((each for each in movements if each["key"] == pull), None)
        if found is None or found["status"] != "COMPLETED":
            return Declined("by hand", "The network has not done it.")
        moved = Money(found["amount"], intent.currency)
        return Approved("by hand", found["id"], moved=None if moved == intent.money() else moved)

    async def _keys(self, intent: IntentRow) -> tuple[str, str]:
        """By what the network knows an intent, and its reversal."""
        if intent.rail is Rail.STRIPE:
            return str(intent.id), f"{intent.id}-reverse"
        call = intents.call_of(intent, await funding.source_by_id(self.app, intent.source_id))
        numbers = f"{stan(call):06d}:{rrn(call)}"
        return f"{intent.direction.lower()}:{numbers}", f"reverse:{numbers}"

    # What must hold in the end

    async def _judge(self, reports: Sequence[Report], resolved: int) -> Judgement:
        await self.check()
        assert (await verify(self.app.database)).problems == []
        rows = await self.app.database.fetch(all_intents)
        left = await intents.waiting(self.app)
        assert {row.id for row in rows if row.state in OPEN} == {row.id for row in left}, "whatever waits is named"
        assert {row.state for row in left} <= {IntentState.REVERSING}, "the operator has decided the others"
        told = await transfers_by_id(self.ada.ctx(), [row.id for row in rows])
        assert {row.id: told[row.id].status for row in rows} == {row.id: intents.status_of(row) for row in rows}
        await self._check_movements(rows)
        await self._check_sums(left)
        states = Counter(row.state for row in rows)
        return Judgement(states, sum(len(report.findings) for report in reports), resolved, len(left))

    async def _check_movements(self, rows: Sequence[IntentRow]) -> None:
        """Each movement of a network is what one intent has asked for, and what the intent says of it."""
        known = {key: row for row in rows for key in (await self._keys(row))}
        for movements in self.movements().values():
            assert len({each["key"] for each in movements}) == len(movements), "nobody is charged or paid twice"
            for movement in movements:
                row = known[movement["key"]]
                assert (movement["kind"] == "PUSH") == (row.direction is Direction.PUSH)
                if movement["kind"] != "REVERSAL" and movement["status"] != "COMPLETED":
                    assert row.state is IntentState.DECLINED, f"{row} has not moved anything: {movement}"
        moved = {key for each in self.movements().values() for key in (one["key"] for one in each)}
        for row in rows:
            if row.state in {IntentState.APPROVED, IntentState.SETTLED, IntentState.RETURNED}:
                assert (await self._keys(row))[0] in moved, f"{row} has moved nothing"

    async def _check_sums(self, left: Sequence[IntentRow]) -> None:
        """What the networks have brought, less what was given back, is what clears and what the bank has."""
        brought: Counter[str] = Counter()
        for name in NETWORKS.values():
            books = self.simulator.books(name)
            back = {(line["movement"], line["amount"]) for line in books["lines"] if line["kind"] == "RETURNED"}
            for movement in books["movements"]:
                if movement["status"] != "COMPLETED":
                    continue
                returned = not movement["reversed"] and (movement["id"], movement["amount"]) in back
                sign = 1 if movement["kind"] == "PULL" else -1
                brought[movement["currency"]] += 0 if returned else sign * movement["amount"]
        suspended = Counter[str]()
        for row in left:
            suspended[row.currency] += row.suspended
        for currency, sums in (await tallies(self.app)).items():
            assert brought[currency] == sums.C + sums.B, (
                f"{currency}: {sums}, and the networks have {brought[currency]}"
            )
            assert (suspended[currency], 0) == (sums.P, sums.H), f"{currency}: {sums}, though nothing is under way"
            if not self.spoilt:
                assert sums.C == 0, f"{currency}: {sums}, though all of it is booked"


class Purse(NamedTuple):
    """A card or an account that is linked, and what can be done with it."""

    id: str
    rail: Rail
    currencies: Sequence[Currency]
    speeds: Sequence[PayoutSpeed]


@asynccontextmanager
async def outside(url: str, simulator: Simulator, clock: Clock, random: Random) -> AsyncIterator[Outside]:
    """An application on a new database, with its networks as if they had just been started."""
    simulator.reset()
    clock.ahead = clock.wrong_by = timedelta()
    async with AsyncExitStack() as stack:
        database = await open_database(url)
        stack.push_async_callback(database.close)
        ledger = Ledger(database)
        await ledger.start()
        stack.push_async_callback(ledger.stop)
        vault = Vault(database, [VAULT_KEY])
        stripe = StripeStage(simulator)
        stack.push_async_callback(stripe.adapter.close)
        fate = Fate(random)
        hasty, patient = (_adapters(simulator, vault, stripe.settings, seconds) for seconds in (HASTY, PATIENT))
        for adapter in (*hasty, *patient):
            stack.push_async_callback(adapter.close)
        networks = {one.rail: Watched(one, other, fate) for one, other in zip(hasty, patient, strict=True)}
        rails = Rails(networks, Rail.VISA_DIRECT, Rail.STRIPE, vault)
        app = App(database, ledger, Policy(money_limits=False), rails)
        ada, ben = await Town(app).people("ada", "ben")
        purses = [
            await _visa(ada, vault),
            *[await _stripe(ada, stripe, token) for token in ("tok_works", "tok_account")],
        ]
        yield Outside(app, simulator, clock, networks, fate, ada, ben, purses)


def _adapters(simulator: Simulator, vault: Vault, stripe: StripeSettings, seconds: float) -> Sequence[RailAdapter]:
    """The adapters, which wait for a network for so long."""
    visa = visa_settings(simulator.folder / "visa.toml").model_copy(update={"answer_seconds": seconds})
    return VisaRail(visa, vault), StripeRail(stripe._replace(answer_seconds=seconds), vault)


async def _visa(person: Person, vault: Vault) -> Purse:
    kept = await vault.keep_card(person.id, card("4957030420210454", "12/2030", datetime.now(UTC)), datetime.now(UTC))
    id_ = await known(person, Rail.VISA_DIRECT, kept.token)
    return Purse(id_, Rail.VISA_DIRECT, (Currency.USD, Currency.EUR, Currency.JPY), (PayoutSpeed.INSTANT,))


async def _stripe(person: Person, stage: StripeStage, token: str) -> Purse:
    kind = SourceKind.BANK_ACCOUNT if token == "tok_account" else SourceKind.CARD
    linked = await stage.linked(a_source(token, kind))
    if kind is SourceKind.BANK_ACCOUNT:
        assert await stage.adapter.verify(linked, (32, 45))  # type: ignore[attr-defined]
    id_ = await known(person, Rail.STRIPE, linked.reference, kind)
    return Purse(id_, Rail.STRIPE, (Currency.USD,), tuple(PayoutSpeed))


@asynccontextmanager
async def told(world: Outside) -> AsyncIterator[None]:
    """Has Stripe tell the application what happens, as long as the block runs."""
    webhooks = Webhooks(world.networks, partial(hear_of, world.app))
    async with listening(Starlette(routes=[Route(PATH, webhooks, methods=["POST"])])) as url:
        await tell(world.simulator, url)
        yield


async def tell(simulator: Simulator, url: str) -> None:
    """Has Stripe tell a server what happens."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(
            f"{simulator.addresses['stripe']}/v1/webhook_endpoints",
            data={"url": f"{url}/webhooks/stripe", "enabled_events[0]": "*"},
            headers={"authorization": "Bearer sk_test_simulator", "stripe-version": "2026-10-28.endive"},
        )
    assert answer.is_success, answer.text
