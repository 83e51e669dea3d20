"""A ledger with people in it, for tests that move money."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ledger import Ledger, Line, Order, Receipt
from ledger.kinds import payment, tip, top_up
from ledger.reads import EntryRow, balances_of_owners, entries_of_accounts
from models.database import Database
from models.ids import new_id
from models.money import Currency, Money
from tests.harness.backdoor import Backdoor

USD = Currency.USD
ALL = {"lower": 0, "upper": 1 << 62}
MOST = 10_000


def order(kind: str, actor_id: UUID, lines: tuple[Line, ...], key: str | None = None, **more: Any) -> Order:
    """An order under a key of its own; its lines and its kind are what tells it from another under the same key."""
    the_order = Order(
        id=new_id(),
        kind=kind,
        actor_id=actor_id,
        key=new_id().hex if key is None else key,
        request_hash=repr((kind, lines)).encode(),
        created_at=datetime.now(UTC),
        lines=lines,
    )
    return replace(the_order, **more)


def payment_of(payer: UUID, payee: UUID, units: int, key: str | None = None, **more: Any) -> Order:
    """A payment in cents."""
    return order(payment.KIND, payer, payment.lines(payer, payee, Money(units, USD)), key, **more)


def tip_of(payer: UUID, creator: UUID, units: int, key: str | None = None, basis_points: int = 0, **more: Any) -> Order:
    """A tip in cents, with its fee."""
    money = Money(units, USD)
    return order(tip.KIND, payer, tip.lines(payer, creator, money, tip.fee_of(money, basis_points)), key, **more)


def top_up_of(owner: UUID, units: int, key: str | None = None, currency: Currency = USD, **more: Any) -> Order:
    """A top-up."""
    return order(top_up.KIND, owner, top_up.lines(owner, Money(units, currency)), key, **more)


class Books:
    """A ledger, and what can be seen of it."""

    def __init__(self, database: Database, ledger: Ledger) -> None:
        self.database = database
        self.ledger = ledger

    async def people(self, count: int, units: int) -> list[UUID]:
        """New people, each with so many cents in their wallets."""
        people = [new_id() for _ in range(count)]
        for person in people:
            await self.submit(top_up_of(person, units))
        return people

    async def submit(self, order: Order) -> Receipt:
        """Posts an order."""
        return await self.ledger.submit(order)

    async def balance(self, owner: UUID, currency: Currency = USD) -> int:
        """What is available in a wallet."""
        return (await self.balances([owner], currency))[0]

    async def balances(self, owners: Sequence[UUID], currency: Currency = USD) -> list[int]:
        """What is available in each wallet; nothing where there is none."""
        rows = await self.database.fetch(balances_of_owners, keys=list(set(owners)))
        available = {row.owner_id: row.available for row in rows if row.currency is currency}
        return [available.get(owner, 0) for owner in owners]

    async def entries(self, owner: UUID, currency: Currency = USD) -> list[EntryRow]:
        """A wallet's statement, oldest line first."""
        rows = await self.database.fetch(balances_of_owners, keys=[owner])
        accounts = [row.account_id for row in rows if row.currency is currency]
        return await self.database.fetch(entries_of_accounts.oldest, keys=accounts, **ALL, limit=MOST)


LEDGER = ("accounts", "journals", "postings", "entries", "idempotency", "outbox", "seals", "limit_usage")


async def contents(backdoor: Backdoor) -> dict[str, set[tuple[Any, ...]]]:
    """Every row of every table of the ledger."""
    return {table: set(await backdoor.fetch(f"SELECT * FROM {table}")) for table in LEDGER}
