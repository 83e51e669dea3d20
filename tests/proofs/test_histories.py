"""Any history of orders, of every kind and in any order, comes to what plain integers come to."""

import asyncio
from collections import defaultdict
from random import Random
from typing import NamedTuple

import pytest

from ledger import Ledger
from ledger.verify import verify
from models.database import Database, open_database
from models.ids import HOUSE
from models.ledger import AccountCode
from models.money import Currency
from tests.proofs.conftest import Say
from tests.proofs.events import Way
from tests.proofs.histories import History, accounts_of

AT_ONCE = 16
LEDGERS = 2


class Size(NamedTuple):
    runs: int
    steps: int


@pytest.mark.parametrize(
    "size",
    [pytest.param(Size(20, 50), id="small"), pytest.param(Size(1_000, 50), id="full", marks=pytest.mark.proof)],
)
async def test_every_history_comes_to_what_plain_integers_come_to(
    database_url: str, size: Size, seed: int, say: Say
) -> None:
    databases = [await open_database(database_url) for _ in range(1 if database_url.startswith("sqlite") else LEDGERS)]
    ledgers = [Ledger(database) for database in databases]
    for ledger in ledgers:
        await ledger.start()
    seeds = Random(seed)
    histories = [History(ledgers, databases[0], seeds.randrange(1 << 32)) for _ in range(size.runs)]
    waiting = iter(histories)

    async def live() -> None:
        for history in waiting:
            await history.live(size.steps)

    try:
        await asyncio.gather(*(live() for _ in range(AT_ONCE)))
        await _compare_house(databases[0], histories)
        report = await verify(databases[0])
        assert report.problems == []
    finally:
        for ledger in ledgers:
            await ledger.stop()
        for database in databases:
            await database.close()
    outcomes = _sum(histories)
    assert all(outcomes[way.name] for way in Way), "every kind has happened"
    told = ", ".join(f"{name} {number:,}" for name, number in sorted(outcomes.items()) if name.islower())
    say(f"{size.runs:,} histories of {size.steps} steps: as in plain integers after each step; orders: {told}")


async def _compare_house(database: Database, histories: list[History]) -> None:
    """The house's accounts are everybody's, so they are compared when all histories have ended."""
    found: dict[tuple[AccountCode, Currency], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for account in await database.fetch(accounts_of, keys=[HOUSE]):
        posted, leaving, coming, _ = account.balance
        name = account.code, account.currency
        found[name] = found[name][0] + posted, found[name][1] + leaving + coming
    expected: dict[tuple[AccountCode, Currency], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for history in histories:
        for name, posted in history.model.house.items():
            expected[name] = expected[name][0] + posted, expected[name][1]
        for hold in history.model.holds.values():
            name = (AccountCode.RAIL_CLEARING if hold.coming else AccountCode.PAYOUT_CLEARING), hold.currency
            held = hold.amount if hold.stands else 0
            expected[name] = expected[name][0], expected[name][1] + held
    assert {name: sums for name, sums in found.items() if any(sums)} == {
        name: sums for name, sums in expected.items() if any(sums)
    }


def _sum(histories: list[History]) -> dict[str, int]:
    outcomes: dict[str, int] = defaultdict(int)
    for history in histories:
        for name, number in history.outcomes.items():
            outcomes[name] += number
    return outcomes
