"""Webhooks over the whole way: the simulator signs and sends them, the endpoint takes them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from models.rails import Direction
from models.transfers import Rail
from rails import Approved
from server.webhooks import PATH, Webhooks
from tests.harness.listening import listening
from tests.harness.simulator import Simulator
from tests.rails.stages import StripeStage, a_call, soon


class Office:
    """Where webhooks arrive. `broken` is how often it fails before it takes one."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.tries = 0
        self.broken = 0

    async def nudge(self, rail: Rail, network_refs: Sequence[str]) -> None:
        self.tries += 1
        if self.tries <= self.broken:
            raise RuntimeError("The database is away.")
        assert rail is Rail.STRIPE
        self.told += network_refs


@pytest.fixture
async def office(stripe: StripeStage, simulator: Simulator) -> AsyncIterator[Office]:
    office = Office()
    app = Starlette(routes=[Route(PATH, Webhooks({Rail.STRIPE: stripe.adapter}, office.nudge), methods=["POST"])])
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(listening(app))
        http = await stack.enter_async_context(httpx2.AsyncClient(trust_env=False))
        answer = await http.post(
            f"{simulator.addresses['stripe']}/v1/webhook_endpoints",
            data={"url": f"{url}/webhooks/stripe", "enabled_events[0]": "*"},
            headers={"authorization": "Bearer sk_test_simulator", "stripe-version": "2026-10-28.endive"},
        )
        assert answer.json()["secret"] == stripe.settings.webhook_secret
        yield office
        simulator.reset()


async def a_pull(stage: StripeStage) -> str:
    answer = await stage.adapter.pull(a_call(Direction.PULL, stage.works))
    assert isinstance(answer, Approved), answer
    assert answer.network_ref
    return answer.network_ref


async def later(stage: StripeStage, office: Office) -> str:
    """A second payment, of which the office hears: whatever was sent before it has arrived."""
    other = await a_pull(stage)
    await soon(lambda: other in office.told)
    return other


async def test_what_has_happened_is_told(stripe: StripeStage, office: Office) -> None:
    pull = await a_pull(stripe)
    await soon(lambda: office.told == [pull])


async def test_what_happens_later_is_told_later(stripe: StripeStage, office: Office) -> None:
    answer = await stripe.adapter.push(a_call(Direction.PUSH, stripe.works))
    assert isinstance(answer, Approved), answer
    await soon(lambda: office.told == [answer.network_ref])
    stripe.forward(hours=1)
    await soon(lambda: office.told == [answer.network_ref] * 2)


async def test_it_is_told_again_until_it_is_taken(stripe: StripeStage, office: Office) -> None:
    office.broken = 2
    pull = await a_pull(stripe)
    for tries in (1, 2):
        await soon(lambda tries=tries: office.tries >= tries)  # type: ignore[misc]
        stripe.forward(hours=1)
    await soon(lambda: office.told == [pull])


async def test_it_may_be_told_twice(stripe: StripeStage, office: Office) -> None:
    stripe.fault("webhook", "DOUBLED")
    pull = await a_pull(stripe)
    await soon(lambda: office.told == [pull, pull])


async def test_it_may_be_told_after_what_happened_later(stripe: StripeStage, office: Office) -> None:
    stripe.fault("webhook", "REORDERED")
    first = await a_pull(stripe)
    second = await a_pull(stripe)
    await soon(lambda: office.told == [second, first])


async def test_it_may_come_late(stripe: StripeStage, office: Office) -> None:
    stripe.fault("webhook", "DELAYED", seconds=3600)
    first = await a_pull(stripe)
    second = await later(stripe, office)
    assert office.told == [second]
    stripe.forward(hours=2)
    await soon(lambda: office.told == [second, first])


async def test_it_may_never_come(stripe: StripeStage, office: Office) -> None:
    stripe.fault("webhook", "LOST")
    await a_pull(stripe)
    assert office.told == [await later(stripe, office)]


@pytest.mark.parametrize("does", ["BADLY_SIGNED", "STALE"])
async def test_what_is_not_well_signed_is_never_taken(stripe: StripeStage, office: Office, does: str) -> None:
    stripe.fault("webhook", does)
    await a_pull(stripe)
    second = await later(stripe, office)
    stripe.forward(hours=3)
    third = await later(stripe, office)
    assert office.told == [second, third]
