"""One process of the bank: clients that send each other money through a ledger of its own."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from random import Random
from uuid import UUID

from ledger import BusyError, InsufficientFundsError, Ledger, Order
from models.database import ContentionError, UnavailableError, open_database
from tests.harness.books import payment_of
from tests.proofs import processes

MOST = 60
PAUSE_SECONDS = 0.01


async def clients(url: str, people: list[str], clients: int, transfers: int, seed: int) -> Counter[str]:
    """Sends money so many times, and says what became of it. What lacks funds is counted and does not count."""
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    counts: Counter[str] = Counter()
    random, owners, left = Random(seed), [UUID(hex=person) for person in people], iter(range(transfers))
    try:
        await asyncio.gather(*(_client(ledger, owners, left, random, counts) for _ in range(clients)))
    finally:
        await ledger.stop()
        await database.close()
    return counts


async def _client(
    ledger: Ledger, owners: list[UUID], left: Iterator[int], random: Random, counts: Counter[str]
) -> None:
    for _ in left:
        sent = False
        while not sent:
            payer, payee = random.sample(owners, 2)
            sent = await _sent(ledger, payment_of(payer, payee, random.randint(1, MOST)), counts)


async def _sent(ledger: Ledger, order: Order, counts: Counter[str]) -> bool:
    while True:
        try:
            receipt = await ledger.submit(order)
        except InsufficientFundsError:
            counts["refused"] += 1
            return False
        except (BusyError, ContentionError, UnavailableError):  # what a client does then: the same again
            counts["again"] += 1
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            assert receipt.journal_id == order.id, "every key is new"
            counts["sent"] += 1
            return True


if __name__ == "__main__":
    processes.answer(**asyncio.run(clients(**processes.given())))
