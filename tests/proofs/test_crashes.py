"""What was acknowledged outlives the process that said so, and what is asked again is done once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import select

from ledger.reads import balances_of_owners
from ledger.verify import verify
from models.database import Query, any_of, columns_of, migrate, open_database
from models.ledger import Idempotency
from models.transfers import PostTips, Transfer
from resolvers.ids import Kind, key_of
from tests.harness.postgres import FragilePostgres, fragile_postgres
from tests.proofs.conftest import Say
from tests.proofs.crashes import START_UNITS, Acknowledged, Crowd, People, nursery, settle

BOOKS = "books"
WORKING_SECONDS = (0.02, 0.4)
KILLS = [pytest.param(1, id="small"), pytest.param(100, id="full", marks=pytest.mark.proof)]


class _ClaimRow(NamedTuple):
    actor_id: UUID
    key: str
    journal_id: UUID | None


class _TipRow(NamedTuple):
    id: UUID
    sender_id: UUID
    post_id: UUID | None
    amount: int


class _TotalRow(NamedTuple):
    post_id: UUID
    tip_count: int
    total: int


claims_of = Query(_ClaimRow, select(*columns_of(_ClaimRow, Idempotency)).where(any_of(Idempotency.actor_id)))
tips_of = Query(_TipRow, select(*columns_of(_TipRow, Transfer)).where(any_of(Transfer.sender_id)))
totals_of = Query(_TotalRow, select(*columns_of(_TotalRow, PostTips)).where(any_of(PostTips.post_id)))


@pytest.fixture
def fragile() -> Iterator[FragilePostgres]:
    """A PostgreSQL that loses nothing that it has committed, with a migrated database."""
    with fragile_postgres() as server:
        server.run(f"CREATE DATABASE {BOOKS}")
        migrate.upgrade(server.url(BOOKS))
        yield server


@pytest.mark.parametrize("kills", KILLS)
async def test_what_a_server_acknowledged_stands_once_after_it_was_killed(
    database_url: str, tmp_path: Path, kills: int, seed: int, say: Say
) -> None:
    people = await settle(database_url)
    async with nursery(tmp_path, database_url) as servers:
        await servers.start()

        async def kill() -> None:
            await servers.kill()
            await servers.start()

        crowd = Crowd(servers.url, people, tmp_path, seed)
        await _kill_again_and_again(crowd, kill, kills, seed)
    told = await _account(database_url, people, crowd)
    say(f"kill -9 of the server: {kills} kills under load; {told}")


@pytest.mark.parametrize("kills", KILLS)
async def test_what_a_server_acknowledged_stands_once_after_postgresql_was_killed(
    fragile: FragilePostgres, tmp_path: Path, kills: int, seed: int, say: Say
) -> None:
    url = fragile.url(BOOKS)
    people = await settle(url)
    async with nursery(tmp_path, url) as servers:
        await servers.start()

        async def kill() -> None:
            await asyncio.to_thread(fragile.kill)
            await asyncio.to_thread(fragile.start)

        crowd = Crowd(servers.url, people, tmp_path, seed)
        await _kill_again_and_again(crowd, kill, kills, seed)
    told = await _account(url, people, crowd)
    say(f"kill -9 of PostgreSQL, fsync=on: {kills} kills under load; {told}")


async def _kill_again_and_again(crowd: Crowd, kill: Callable[[], Awaitable[None]], kills: int, seed: int) -> None:
    random = Random(seed)
    crowd.begin()
    try:
        for _ in range(kills):
            await crowd.work_for(random.uniform(*WORKING_SECONDS))
            await kill()
        await crowd.work_for(WORKING_SECONDS[1])
        await crowd.end()
    finally:
        await crowd.leave()


async def _account(url: str, people: People, crowd: Crowd) -> str:
    """Compares what the clients were told with what stands. Says how it was."""
    acknowledged = crowd.acknowledged()
    assert len(acknowledged) == crowd.counts["acknowledged"]
    payers, post_id = [payer.user_id for payer in people.payers], key_of(people.post, Kind.POST)
    assert post_id is not None, "it is a post's id"
    database = await open_database(url)
    tips = [row for row in await database.fetch(tips_of, keys=payers) if row.post_id == post_id]
    claims = {(row.actor_id, row.key): row.journal_id for row in await database.fetch(claims_of, keys=payers)}
    balances = {row.owner_id: row.available for row in await database.fetch(balances_of_owners, keys=payers)}
    totals = await database.fetch(totals_of, keys=[post_id])
    report = await verify(database)
    await database.close()

    for ack in acknowledged:
        assert claims[ack.payer_id, ack.key] == ack.tip_id, "the key stands for the tip that its client was told of"
    # Each client has had its answer at last, so nothing else may stand either.
    assert sorted((tip.id, tip.sender_id, tip.amount) for tip in tips) == sorted(
        (ack.tip_id, ack.payer_id, ack.amount) for ack in acknowledged
    )
    for payer in payers:
        assert balances[payer] == START_UNITS - _sum(ack for ack in acknowledged if ack.payer_id == payer)
    assert totals == [(post_id, len(acknowledged), _sum(acknowledged))]
    assert report.problems == []
    return (
        f"{len(acknowledged):,} tips were acknowledged and each stands once; {crowd.counts['again']:,} requests were"
        f" sent again, and {crowd.counts['replayed']:,} of these had been done; verify finds nothing"
    )


def _sum(acknowledged: Iterable[Acknowledged]) -> int:
    return sum(ack.amount for ack in acknowledged)
