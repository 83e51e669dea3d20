"""Verify keeps up with books of a real size."""

import asyncio
from random import Random
from uuid import UUID

import pytest

from ledger import Order
from ledger.verify import verify
from models.database import Database
from tests.harness.books import Books, tip_of
from tests.proofs.conftest import Say

PEOPLE = 1_000
AT_ONCE = 256
FEE_BASIS_POINTS = 1_000
MILLION = 1_000_000


@pytest.mark.parametrize(
    "tips", [pytest.param(500, id="small"), pytest.param(100_000, id="full", marks=pytest.mark.proof)]
)
async def test_verify_goes_through_all_postings(
    books: Books, database: Database, tips: int, seed: int, say: Say
) -> None:
    random = Random(seed)
    people = await books.people(min(PEOPLE, tips), 10_000_000)
    for start in range(0, tips, AT_ONCE):
        wave = range(start, min(start + AT_ONCE, tips))
        await asyncio.gather(*(books.submit(_some_tip(people, random)) for _ in wave))
    report = await verify(database)
    assert report.problems == []
    assert report.postings == len(people) + 2 * tips
    say(
        f"verify: {report.postings:,} postings, {report.entries:,} entries and {report.journals:,} journals in"
        f" {report.seconds:.2f} s: {report.seconds * MILLION / report.postings:.1f} s per million postings at this size"
    )


def _some_tip(people: list[UUID], random: Random) -> Order:
    payer, creator = random.sample(people, 2)
    return tip_of(payer, creator, random.randint(100, 999), basis_points=FEE_BASIS_POINTS)
