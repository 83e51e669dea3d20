"""Random lives of money on its way: what people ask for, what goes wrong outside, and who dies of it when."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

from ledger import LedgerError
from models.database import DatabaseError
from models.money import Money
from models.rails import PayoutSpeed
from models.transfers import Rail
from rails import UnreachableError
from resolvers import intents, top_ups, withdrawals
from resolvers.errors import Refused
from resolvers.ids import Kind, public_id
from resolvers.inputs import MoneyAsked
from resolvers.transfers import Moved
from tests.harness.simulator import Simulator
from tests.harness.town import money, new_key
from tests.proofs.mortal import Died, dying
from tests.proofs.outside import NETWORKS, Judgement, Outside, Purse

MOST_WAITS = 80
"""Whoever dies does so within so many waits, if the work has as many."""
MOST_UNITS = 20_000
DEATHS = 0.3
FAULTS = 0.6
CODES = ("05", "51", "91")
OPERATIONS = ("pull", "pull", "push", "push", "reverse", "query", "report", "line", "webhook")
PAUSES: Sequence[dict[str, float]] = (
    *({"seconds": seconds} for seconds in (1.0, 6.0, 40.0)),
    *({"minutes": minutes} for minutes in (2.0, 6.0, 11.0)),
    *({"hours": hours} for hours in (1.0, 5.0)),
    *({"days": days} for days in (1.01, 2.5)),
)


Fault = tuple[str, dict[str, Any]]
"""What a fault does, and what else it says of itself."""


class Request(NamedTuple):
    """What somebody has asked for, and may ask for again under the same key."""

    is_top_up: bool
    purse: Purse
    asked: MoneyAsked
    speed: PayoutSpeed
    key: str


class Life:
    """What happens to one application, its people and its networks."""

    def __init__(self, world: Outside, random: Random) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._random = random
        self._requests: list[Request] = []
        self._known: dict[str, UUID] = {}
        self._ways: Sequence[tuple[int, Callable[[], Awaitable[None]]]] = (
            (6, self._asks_for_more),
            (3, self._asks_again),
            (6, self._works),
            (4, self._time_goes_by),
            (2, self._books_are_read),
            (2, self._pays),
            (2, self._something_comes_back),
            (1, self._cancels),
            (1, self._operator_asks_again),
        )

    async def live(self, steps: int) -> Judgement:
        """Lives so many steps, and sees what has become of everything in the end."""
        weights = [weight for weight, _ in self._ways]
        for purse in self._world.purses[:2]:
            await self._asks(Request(True, purse, money("100"), PayoutSpeed.INSTANT, new_key()))
        for _ in range(steps):
            if self._random.random() < FAULTS:
                self._goes_wrong()
            [(_, happens)] = self._random.choices(self._ways, weights)
            await happens()
            await self._world.check()
        await self._dies_out()
        judgement = await self._world.end()
        for network in self._world.networks.values():
            self.counts.update(network.asked)
        return judgement

    # People

    async def _asks_for_more(self) -> None:
        purse = self._random.choice(self._world.purses)
        currency = self._random.choice(purse.currencies)
        is_top_up, speed = self._random.random() < 0.5, self._random.choice(purse.speeds)
        units = self._random.randint(1, MOST_UNITS)
        if not is_top_up and self._random.random() < 0.9:
            units = self._random.randint(1, max(1, (await self._world.ada.balance(currency)).available.minor_units))
        asked = MoneyAsked(Money(units, currency).amount, currency)
        request = Request(is_top_up, purse, asked, speed, new_key())
        self._requests.append(request)
        copies = 2 if self._random.random() < 0.2 else 1
        await self._attempt(*(self._asks(request) for _ in range(copies)))

    async def _asks_again(self) -> None:
        if not self._requests:
            return
        request = self._random.choice(self._requests)
        if request.key in self._known and self._random.random() < 0.2:
            more = request.asked._replace(amount=request.asked.amount + 1)
            with suppress(Refused):
                moved = await self._ask(request._replace(asked=more))
                raise AssertionError(f"{moved} was asked for under the key of something else")
            self.counts["conflicts"] += 1
            return
        await self._attempt(self._asks(request))

    async def _asks(self, request: Request) -> None:
        try:
            moved = await self._ask(request)
        except Refused:
            self.counts["refused"] += 1
            return
        first = self._known.setdefault(request.key, moved.transfer.id)
        assert first == moved.transfer.id, "a key stands for one transfer"
        self.counts["replayed" if moved.replayed else "top-ups" if request.is_top_up else "withdrawals"] += 1

    async def _ask(self, request: Request) -> Moved:
        ctx = self._world.ada.ctx()
        if request.is_top_up:
            return await top_ups.top_up_wallet(ctx, request.purse.id, request.asked, key=request.key)
        return await withdrawals.withdraw(ctx, request.purse.id, request.asked, speed=request.speed, key=request.key)

    async def _pays(self) -> None:
        """What has come in is spent, before it may turn out that it was never there."""
        balance = await self._world.ada.balance()
        units = balance.available.minor_units
        if units > 0:
            with suppress(Refused):
                await self._world.ada.sends(self._world.ben, str(Decimal(self._random.randint(1, units)) / 100))

    async def _cancels(self) -> None:
        transfer_ids = list(self._known.values())
        if transfer_ids:
            chosen = public_id(Kind.WITHDRAWAL, self._random.choice(transfer_ids))
            await self._attempt(self._cancel(chosen))

    async def _cancel(self, withdrawal_id: str) -> None:
        with suppress(Refused):
            await withdrawals.cancel_withdrawal(self._world.ada.ctx(), withdrawal_id)
            self.counts["cancelled"] += 1

    # The house

    async def _works(self) -> None:
        workers = self._random.choice((1, 1, 2, 3))
        await self._attempt(*(self._world.works() for _ in range(workers)))

    async def _books_are_read(self) -> None:
        rail = self._random.choice(list(NETWORKS))
        readers = self._random.choice((1, 1, 2))
        await self._attempt(*(self._read(rail) for _ in range(readers)))

    async def _read(self, rail: Rail) -> None:
        await self._world.reads(rail)

    async def _operator_asks_again(self) -> None:
        waiting = await intents.waiting(self._world.app)
        if waiting:
            await intents.retry(self._world.app, self._random.choice(waiting).id, self._world.clock.now)

    async def _attempt(self, *works: Coroutine[Any, Any, None]) -> None:
        """Does some things at once; perhaps the process dies of one of them."""
        fate, lots = self._world.fate, self._random
        waits = [0] * len(works)
        if lots.random() < DEATHS:
            if lots.random() < 0.5:
                fate.near = True
            else:
                waits[lots.randrange(len(works))] = round(math.exp(lots.uniform(0, math.log(MOST_WAITS))))
        mortal = [dying(work, waits) if waits else work for work, waits in zip(works, waits, strict=True)]
        answers = await asyncio.gather(*mortal, return_exceptions=True)
        fate.near = False
        if any(isinstance(answer, Died) for answer in answers):
            self.counts["deaths"] += 1
            await self._dies_out()
        for answer in answers:
            match answer:
                case None | Died():
                    pass
                case DatabaseError() | LedgerError() | UnreachableError():
                    self.counts[type(answer).__name__] += 1  # it is tried again
                case BaseException():
                    raise answer

    async def _dies_out(self) -> None:
        """What was under way in the process ends with it."""
        under_way = list(self._world.app.under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    # The outside

    async def _time_goes_by(self) -> None:
        await self._world.later(**self._random.choice(PAUSES))
        self._world.clock.wrong_by = timedelta(seconds=self._random.choice((0, 0, 3, -3, 170, -170)))

    async def _something_comes_back(self) -> None:
        whole = [
            movement
            for movements in self._world.movements().values()
            for movement in movements
            if movement["kind"] != "REVERSAL"
            and movement["outcome"] == "COMPLETED"
            and movement["facts"]["asked"] == str(movement["amount"])
        ]
        if whole:
            chosen = self._random.choice(whole)
            self._world.simulator.give_back(chosen["id"], self._random.choice(("R01", "R03", "R10")))
            self.counts["given back"] += 1

    def _goes_wrong(self) -> None:
        self._world.spoilt |= go_wrong(self._world.simulator, self._random)
        self.counts["faults"] += 1


def go_wrong(simulator: Simulator, lots: Random, *, never: Sequence[str] = ()) -> bool:
    """Has something go wrong outside the next time. Whether that spoils what networks tell of their books."""
    network = lots.choice(list(NETWORKS.values()))
    operation = lots.choice(OPERATIONS)
    faults = [fault for fault in _faults(operation, lots) if fault[0] not in never]
    does, more = lots.choice(faults)
    simulator.fault(_name(network, operation), does, **more)
    return operation == "line"


def _name(network: str, operation: str) -> str:
    match operation:
        case "webhook":
            return "stripe.webhook"  # the others send none
        case "report":
            return "visa.reports" if network == "visa" else f"{network}.settlements"
        case "line":
            return f"{network}.settlement"
        case _:
            return f"{network}.{operation}"


def _faults(operation: str, lots: Random) -> Sequence[Fault]:
    """What can go wrong with an operation."""
    later = {"seconds": lots.choice((3, 600, 20_000)), "becomes": lots.choice(("COMPLETED", "FAILED")), "code": "05"}
    taken_up: Sequence[Fault] = (
        ("PENDING", later),
        ("DUPLICATE", later),
        ("DECLINED", {"code": lots.choice(CODES)}),
        ("RETURNED", {"seconds": lots.choice((60, 100_000, 300_000)), "code": "R01"}),
    )
    match operation:
        case "pull":
            return [*_breaks(lots), *taken_up, *[("PARTIAL", {"amount": lots.randint(1, 99)})] * 3]
        case "push":
            return [*_breaks(lots), *taken_up]
        case "reverse":
            return [*_breaks(lots), ("PENDING", {**later, "seconds": 600}), ("DECLINED", {"code": "05"})]
        case "line":
            return [(f"SETTLEMENT_{kind}", {"amount": 1}) for kind in ("MISSING", "WRONG", "EXTRA")]
        case "webhook":
            kinds = ("DELAYED", "DOUBLED", "REORDERED", "LOST", "BADLY_SIGNED", "STALE")
            return [(kind, {"seconds": 30}) for kind in kinds]
        case _:
            return _breaks(lots)


def _breaks(lots: Random) -> list[Fault]:
    """What can go wrong with an answer, whether the money moves or not."""
    moves = {"moves": lots.random() < 0.5}
    return [
        ("SILENT", moves),
        ("DROPPED", moves),
        ("MALFORMED", moves),
        ("STATUS", {"status": lots.choice((500, 503, 504)), **moves}),
        ("STATUS", {"status": lots.choice((401, 429)), "moves": False}),
    ]
