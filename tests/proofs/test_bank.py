"""Whatever is sent to and fro, and whenever one looks: no money comes into being or is lost, and nobody owes any."""

import asyncio
import time
from random import Random
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import BigInteger, cast, func, select
from sqlmodel import col

from ledger.verify import verify
from models.database import Database, Query, any_of
from models.ledger import Account, AccountCode
from tests.harness.books import Books
from tests.proofs import processes
from tests.proofs.conftest import Say

ACCOUNTS = 64
UNITS = 100
CLIENTS = 32
PROCESSES = 2
PAUSE_SECONDS = 0.002


class Snapshot(NamedTuple):
    accounts: int
    total: int
    least: int


_posted = col(Account.credits_posted) - col(Account.debits_posted)
snapshot = Query(
    Snapshot,
    select(func.count(), cast(func.sum(_posted), BigInteger), func.min(_posted - col(Account.debits_pending))).where(
        any_of(Account.owner_id), col(Account.code) == AccountCode.WALLET
    ),
)


@pytest.mark.parametrize(
    "transfers", [pytest.param(400, id="small"), pytest.param(50_000, id="full", marks=pytest.mark.proof)]
)
async def test_the_total_never_moves_and_nobody_comes_under_their_floor(
    books: Books, database_url: str, transfers: int, seed: int, say: Say
) -> None:
    people = await books.people(ACCOUNTS, UNITS)
    over = asyncio.Event()
    reading = [asyncio.create_task(_read(books.database, people, over)) for _ in range(2)]
    began, seeds = time.monotonic(), Random(seed)
    given = {
        "url": database_url,
        "people": [person.hex for person in people],
        "clients": CLIENTS // PROCESSES,
        "transfers": transfers // PROCESSES,
    }
    try:
        counts = await asyncio.gather(
            *(processes.run("tests.proofs.bank", **given, seed=seeds.randrange(1 << 32)) for _ in range(PROCESSES))
        )
    finally:
        over.set()
        reads = sum(await asyncio.gather(*reading))
    seconds = time.monotonic() - began
    assert sum(count["sent"] for count in counts) == transfers
    assert sum(await books.balances(people)) == ACCOUNTS * UNITS
    report = await verify(books.database)
    assert report.problems == []
    assert report.journals == ACCOUNTS + transfers
    refused, again = (sum(count.get(name, 0) for count in counts) for name in ("refused", "again"))
    say(
        f"bank: {transfers:,} transfers among {ACCOUNTS} accounts by {CLIENTS} clients in {PROCESSES} processes,"
        f" {refused:,} refused, {again:,} tried again; the total was the same in {reads:,} snapshots"
        f" and nobody was under 0; {transfers / seconds:,.0f} transfers/s"
    )


async def _read(database: Database, people: list[UUID], over: asyncio.Event) -> int:
    reads = 0
    while not over.is_set():
        seen = await database.first(snapshot, keys=people)
        assert seen is not None, "a sum has a row"
        assert (seen.accounts, seen.total) == (ACCOUNTS, ACCOUNTS * UNITS), f"after {reads} reads"
        assert seen.least >= 0, f"after {reads} reads"
        reads += 1
        await asyncio.sleep(PAUSE_SECONDS)
    return reads
