"""Whatever goes wrong, in whatever order: what a bank's rail says in the end is what the bank's books say."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from models.rails import Direction
from rails import Answer, Approved, Call, Declined, RailAdapter, Rejected, Unknown
from tests.harness import banks
from tests.harness.simulator import Simulator

CALLS = 12
DAYS = 8
FINAL = Approved | Declined | Rejected
FAULTS: list[dict[str, Any]] = [
    {"does": "NOTHING"},
    *({"does": does, "moves": moves} for does in ("DROPPED", "MALFORMED", "STATUS") for moves in (True, False)),
    *({"does": "DECLINED", "code": code} for code in ("R02", "FF01")),
    *({"does": "RETURNED", "code": "R10", "seconds": days * 86_400 + 60} for days in (0, 1, 3, 9)),
    *({"does": "PENDING", "code": "R02", "seconds": 86_400, "becomes": one} for one in ("COMPLETED", "FAILED")),
]
Made = Callable[[Simulator], RailAdapter]
RAILS: dict[str, tuple[Made, list[Direction], str]] = {
    "ach": (banks.ach, list(Direction), "us"),
    "sct": (banks.sct, [Direction.PUSH], "iban"),
}


async def in_the_end(
    chance: random.Random, simulator: Simulator, rail: RailAdapter, call: Call, network: str
) -> Answer:
    """What is known of a call after days of asking."""
    answer = await (rail.pull(call) if call.direction is Direction.PULL else rail.push(call))
    for _ in range(DAYS):
        simulator.forward(hours=chance.choice([1, 12, 24]))
        if chance.random() < 0.4:
            simulator.fault(f"{network}.{chance.choice(['query', 'read'])}", chance.choice(["MALFORMED", "STATUS"]))
        answer = await rail.query(call)
        if isinstance(answer, FINAL):
            return answer
    simulator.heal()
    simulator.forward(days=9)
    return await rail.query(call)


def expected(movements: list[dict[str, Any]], lines: list[dict[str, Any]], answer: Answer) -> bool:
    """Whether an answer is what the books say of it."""
    if not movements:
        return isinstance(answer, Unknown | Rejected)
    if movements[0]["status"] == "FAILED":
        return isinstance(answer, Declined)
    kinds = {line["kind"] for line in lines}
    if "RETURNED" in kinds and "SETTLED" in kinds:
        return isinstance(answer, Approved | Declined)  # it was good for a while, or not for long enough
    return isinstance(answer, Declined if "RETURNED" in kinds else Approved)


@pytest.mark.parametrize("network", RAILS)
@pytest.mark.parametrize("seed", range(2))
async def test_what_is_said_of_a_call_is_what_the_books_say(simulator: Simulator, network: str, seed: int) -> None:
    chance, (made, ways, token) = random.Random(seed), RAILS[network]
    rail = made(simulator)
    for number in range(CALLS):
        call, fault = banks.call(chance.choice(ways), token), chance.choice(FAULTS)
        simulator.heal()
        simulator.fault(f"{network}.{call.direction.lower()}", **fault)
        answer = await in_the_end(chance, simulator, rail, call, network)
        books = simulator.books(network)
        of_it = [one for one in books["movements"] if one["facts"]["reference"] == f"{call.trace:012}"]
        lines = [line for line in books["lines"] if of_it and line["movement"] == of_it[0]["id"]]
        assert len(of_it) <= 1
        assert expected(of_it, lines, answer), (seed, number, fault, answer, of_it, lines)
    simulator.heal()
    simulator.forward(days=20)
    booked = [line for line in simulator.books(network)["lines"] if line["kind"] != "RETURNED"]
    told = [line for line in await rail.settlements(datetime(2020, 1, 1, tzinfo=UTC)) if line.kind != "RETURNED"]
    assert sorted((line.line, line.kind.value, line.amount.minor_units) for line in told) == sorted(
        (line["id"], line["kind"], line["amount"]) for line in booked
    )
    await rail.close()
