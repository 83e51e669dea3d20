"""Batches on books of one's own making. No database."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from ledger import (
    AccountName,
    Ceiling,
    Draw,
)
from ledger.balances import FLOORS, SIDES
from ledger.batch import Batch
from ledger.books import Books
from ledger.kinds.wallets import fee_income, payout_clearing, rail_clearing, wallet
from ledger.statements import AccountRow, ClaimRow, HoldRow, UsageRow
from models.ids import new_id
from models.ledger import AccountCode
from models.types import EPOCH
from tests.harness.books import USD

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
TODAY = NOW.replace(hour=0)
TOMORROW = TODAY + timedelta(days=1)
ADA, BOB, EVE = new_id(), new_id(), new_id()


PEOPLE = {"ada": ADA, "bob": BOB, "eve": EVE}


def account(name: AccountName, sums: tuple[int, int, int, int] = (0, 0, 0, 0)) -> AccountRow:
    return AccountRow(new_id(), *name, SIDES[name.code], FLOORS.get(name.code), *sums, 1 if any(sums) else 0, 0)


def batch(
    claims: Sequence[ClaimRow] = (),
    usage: Sequence[UsageRow] = (),
    holds: Sequence[HoldRow] = (),
    more: Sequence[AccountRow] = (),
    **units: int,
) -> Batch:
    """A batch on wallets with so many cents, the house's accounts, and `more`."""
    rows = [account(wallet(PEOPLE[name], USD), (0, credits_, 0, 0)) for name, credits_ in units.items()]
    given = {(row.owner_id, row.code) for row in more}
    house = (fee_income(USD), rail_clearing(USD), payout_clearing(USD))
    rows += [account(name) for name in house]
    rows = [*(row for row in rows if (row.owner_id, row.code) not in given), *more]
    books = Books()
    books.learn_accounts(rows)
    books.learn_claims(claims)
    books.learn_usage({*PEOPLE.values(), *(row.owner_id for row in usage)}, EPOCH, usage)
    books.learn_holds(holds)
    return Batch(books, NOW)


def written(rows: Iterable[Any], *names: str) -> list[Any]:
    """These columns of the rows that a batch writes."""
    found = [tuple(getattr(row, name) for name in names) for row in rows]
    return [values[0] for values in found] if len(names) == 1 else found


def balances(done: Batch) -> dict[UUID, int]:
    wallets = [balance for balance in done.changed() if balance.account.code is AccountCode.WALLET]
    return {balance.account.owner_id: balance.available for balance in wallets}


def draw(amount: int, most: int, name: str = "SPEND", owner: UUID = ADA) -> Draw:
    return Draw(owner, name, USD, TODAY, amount, (Ceiling(name, most, TODAY, TOMORROW - TODAY),))
