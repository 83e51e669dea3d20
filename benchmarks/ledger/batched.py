"""Our side: many clients of one ledger, each waiting for its answer before it tips again."""

import asyncio
import gc
import time
from collections.abc import Iterator
from itertools import chain, islice

from benchmarks.ledger import town
from benchmarks.ledger.runs import Run
from benchmarks.ledger.town import Shape
from ledger import Ledger, Order
from ledger.engine import MAX_BATCH
from models.database import open_database
from server.process import spare_the_collector

PREPARED = 20_000
"""So many orders for each second are made before the clock starts: making them is the clients' work, and pgbench's
clients do theirs on another core."""


async def run(url: str, shape: Shape, clients: int, seconds: float, *, largest_batch: int = MAX_BATCH) -> Run:
    """Tips for that long."""
    database = await open_database(url)
    try:
        before = await town.count(database)
        ledger = Ledger(database, largest_batch=largest_batch)
        await ledger.start()
        made = map(town.order, town.tips(shape))
        orders = chain(list(islice(made, round(seconds * PREPARED))), made)
        spare_the_collector()  # as the server does once it has started
        begun = time.perf_counter()
        by_client = await asyncio.gather(*(_client(ledger, orders, begun + seconds) for _ in range(clients)))
        took = time.perf_counter() - begun
        await ledger.stop()
        gc.unfreeze()
        after = await town.count(database)
    finally:
        await database.close()
    latencies = [latency for client in by_client for latency in client]
    return Run.of(clients, took, len(latencies), latencies, {name: after[name] - before[name] for name in after})


async def _client(ledger: Ledger, orders: Iterator[Order], until: float) -> list[float]:
    latencies = []
    began = time.perf_counter()
    while began < until:
        await ledger.submit(next(orders))
        ended = time.perf_counter()
        latencies.append(ended - began)
        began = ended
    return latencies
