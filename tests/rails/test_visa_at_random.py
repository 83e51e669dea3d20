"""Whatever goes wrong, in whatever order: what the adapter says of a call in the end is what Visa's books say of it."""

import random

import pytest

from models.rails import Direction
from rails import Answer, Approved, Call, Declined, NotSent, RailAdapter, Unknown
from tests.harness.simulator import Simulator
from tests.rails.stages import VisaStage, a_call

CALLS = 25
TRIES = 4
FAULTS = ("NOTHING", "DROPPED", "MALFORMED", "STATUS", "PENDING", "DUPLICATE", "DECLINED")
STATUSES = (429, 500, 503, 504)


def go_wrong(chance: random.Random, visa: VisaStage, operation: str) -> None:
    does, status = chance.choice(FAULTS), chance.choice(STATUSES)
    visa.fault(
        operation,
        does,
        status=status,
        moves=status != 429 and chance.random() < 0.5,
        seconds=3600,
        becomes=chance.choice(["COMPLETED", "FAILED"]),
        code="05",
    )


def heard(call: Call, answer: Answer) -> Call:
    return call._replace(facts={**call.facts, **getattr(answer, "facts", {})})


async def ask(adapter: RailAdapter, call: Call) -> Answer:
    return await (adapter.pull(call) if call.direction is Direction.PULL else adapter.push(call))


async def in_the_end(chance: random.Random, visa: VisaStage, simulator: Simulator, call: Call) -> Answer:
    """What is known of a call after a day of asking, as the owner of the money would ask."""
    answer = await ask(visa.adapter, call)
    while isinstance(answer, NotSent):
        answer = await ask(visa.adapter, call)
    for _ in range(TRIES):
        if isinstance(answer, Approved | Declined):
            return answer
        call = heard(call, answer)
        visa.forward(hours=chance.choice([0, 1, 2]))
        if chance.random() < 0.5:
            visa.fault(chance.choice(["status", "query"]), chance.choice(["MALFORMED", "DROPPED", "STATUS"]))
        answer = await visa.adapter.query(call)
    simulator.heal()
    visa.forward(hours=25)
    return await visa.adapter.query(call)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_said_of_a_call_is_what_the_books_say(visa: VisaStage, simulator: Simulator, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(CALLS):
        direction = chance.choice(list(Direction))
        before = len(simulator.books("visa")["movements"])
        go_wrong(chance, visa, direction.lower())
        answer = await in_the_end(chance, visa, simulator, a_call(direction, visa.works))
        made = simulator.books("visa")["movements"][before:]
        told = [movement["status"] for movement in made]
        expected = {Approved: ["COMPLETED"], Declined: ["FAILED"], Unknown: []}[type(answer)]
        assert told == expected, (seed, number, answer)
