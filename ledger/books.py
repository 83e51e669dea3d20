"""What the ledger knows of the books, from which batches are made: balances, limits used, keys taken, holds.

It holds rows that were read, and what batches have made of them since. Nothing here reads or writes a database.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ledger.balances import Balance
from ledger.orders import AccountName, Draw, IdempotencyConflictError, Line, Order, Receipt, RefusalError, refusal_from
from ledger.statements import FROZEN, AccountRow, ClaimRow, HoldRow, UsageRow
from models.ledger import AccountCode

Unknown = dict[UUID, datetime]
"""Owners, and since when something must be known of them."""
Buckets = dict[datetime, int]
"""How much of a limit was used in each of its buckets, by when that began."""


class Claim(NamedTuple):
    """A key that is taken: by which request, and what became of it."""

    request_hash: bytes
    outcome: Receipt | RefusalError
    created_at: datetime

    @classmethod
    def of(cls, row: ClaimRow) -> "Claim":
        """The claim that a row keeps."""
        if row.refusal is not None:
            return cls(row.request_hash, refusal_from(row.refusal), row.created_at)
        assert row.journal_id is not None, "the database holds that a claim is posted or refused"
        return cls(row.request_hash, Receipt(row.journal_id, replayed=True), row.created_at)

    def answer(self, request_hash: bytes) -> Receipt | RefusalError | IdempotencyConflictError:
        """What a request that comes with the key again is answered."""
        if self.request_hash != request_hash:
            return IdempotencyConflictError(self.created_at)
        if isinstance(self.outcome, RefusalError):
            return self.outcome
        return Receipt(self.outcome.journal_id, replayed=True)


class Books:
    """The books as far as they are known. True for as long as nobody else writes."""

    def __init__(self) -> None:
        self.ids: dict[AccountName, UUID] = {}
        self.balances: dict[UUID, Balance] = {}
        self.receivables: dict[UUID, UUID] = {}
        """For each wallet whose owner has owed something, the account that says how much."""
        self.usage: dict[UUID, dict[tuple[str, str], Buckets]] = {}
        """By owner, and by the limit's name and currency."""
        self.frozen: set[UUID] = set()
        """Of those whose usage is known, who is frozen."""
        self.claims: dict[tuple[UUID, str], Claim] = {}
        self.holds: dict[UUID, HoldRow] = {}
        """The holds that stand."""
        self._usage_since: dict[UUID, datetime] = {}
        self._names: dict[UUID, list[AccountName]] = {}

    def __len__(self) -> int:
        return len(self.balances) + len(self.claims)

    # What is learned

    def learn_accounts(self, rows: Iterable[AccountRow]) -> None:
        """Takes in accounts that are not known yet. With a wallet comes what its owner owes."""
        owing = []
        for row in rows:
            if row.code is AccountCode.RECEIVABLE:
                owing.append(row)
            if row.id in self.balances:
                continue
            name = AccountName(row.owner_id, row.code, row.currency, row.stripe)
            self.ids[name] = row.id
            self.balances[row.id] = Balance.of(row)
            self._names.setdefault(row.owner_id, []).append(name)
        for row in owing:
            wallet_id = self.ids.get(AccountName(row.owner_id, AccountCode.WALLET, row.currency))
            if wallet_id is not None:
                self.receivables[wallet_id] = row.id

    def learn_usage(self, owners: Iterable[UUID], since: datetime, rows: Iterable[UsageRow]) -> None:
        """Takes in whether these owners are frozen, and all that they have used of limits since then or later."""
        for owner in owners:
            self.usage.setdefault(owner, {})
            self._usage_since[owner] = min(since, self._usage_since.get(owner, since))
            self.frozen.discard(owner)
        for row in rows:
            if row.name == FROZEN:
                self.frozen.add(row.owner_id)
            else:
                buckets = self.usage[row.owner_id].setdefault((row.name, row.currency), {})
                buckets.setdefault(row.since, row.used)

    def learn_claims(self, rows: Iterable[ClaimRow]) -> None:
        """Takes in keys that are taken."""
        self.claims.update(((row.actor_id, row.key), Claim.of(row)) for row in rows)

    def learn_holds(self, rows: Iterable[HoldRow]) -> None:
        """Takes in those holds that stand."""
        self.holds.update((row.id, row) for row in rows if not row.resolved)

    # What is known

    def unknown_accounts(self, orders: Iterable[Order]) -> set[AccountName]:
        """The accounts of the orders that are not known."""
        return {name for order in orders for line in order.lines for name in names_of(line) if name not in self.ids}

    def unknown_usage(self, orders: Iterable[Order], unknown_accounts: Collection[AccountName] = ()) -> Unknown:
        """The owners whose freezes and use of limits are not known, and since when the use must be.

        What is known of an owner is true at the revisions of the accounts that are known. So whoever meets another
        account looks again.
        """
        unknown: Unknown = {}
        for order in orders:
            is_new = bool(unknown_accounts) and any(
                name in unknown_accounts for line in order.lines for name in names_of(line)
            )
            for draw in order.draws:
                known, needed = self._usage_since.get(draw.owner_id), draw.looks_back_to
                if is_new or known is None or needed < known:
                    unknown[draw.owner_id] = min(needed, unknown.get(draw.owner_id, needed))
            for mover in order.movers:
                if is_new or mover not in self._usage_since:
                    unknown.setdefault(mover, order.created_at)
        return unknown

    def used(self, draw: Draw, since: datetime) -> int:
        """How much of the limit was used in the buckets that began then or later."""
        return sum([used for began, used in self._buckets(draw).items() if began >= since])

    def oldest_use(self, draw: Draw, since: datetime) -> datetime | None:
        """The first of these buckets in which anything was used."""
        return min((began for began, used in self._buckets(draw).items() if began >= since and used), default=None)

    def draw(self, draw: Draw) -> None:
        """Counts a draw."""
        buckets = self.usage[draw.owner_id].setdefault((draw.name, draw.currency), {})
        buckets[draw.since] = buckets.get(draw.since, 0) + draw.amount

    def _buckets(self, draw: Draw) -> Buckets:
        return self.usage[draw.owner_id].get((draw.name, draw.currency), {})

    def touched(self, orders: Iterable[Order]) -> dict[UUID, int]:
        """The accounts on which these orders' outcomes depend, each at its revision."""
        touched: dict[UUID, int] = {}
        for order in orders:
            for line in order.lines:
                for name in names_of(line):
                    account_id = self.ids[name]
                    touched[account_id] = self.balances[account_id].revision
                    owed = self.receivables.get(account_id)
                    if owed is not None:
                        touched[owed] = self.balances[owed].revision
        return touched

    # What is known better, or not any more

    def adopt(self, books: "Books") -> None:
        """Takes over what others know of the same accounts, with what has become of their orders."""
        self.learn_accounts(balance.account for balance in books.balances.values())
        self.balances.update(books.balances)
        self.receivables.update(books.receivables)
        # What was known of limits was known at the accounts' revisions before these: it may be more by now.
        self.usage, self._usage_since = dict(books.usage), dict(books._usage_since)
        self.frozen = set(books.frozen)
        self.claims.update(books.claims)

    def forget(self, orders: Iterable[Order]) -> None:
        """Drops what the orders may have changed."""
        owners = {name.owner_id for order in orders for line in order.lines for name in names_of(line)}
        for order in orders:
            self.claims.pop((order.actor_id, order.key), None)
            owners.update(draw.owner_id for draw in order.draws)
            owners.update(order.movers)
        for owner in owners:
            for name in self._names.pop(owner, ()):
                account_id = self.ids.pop(name)
                del self.balances[account_id]
                self.receivables.pop(account_id, None)
            self.usage.pop(owner, None)
            self._usage_since.pop(owner, None)
            self.frozen.discard(owner)


def names_of(line: Line) -> tuple[AccountName, ...]:
    """The accounts that a line may touch."""
    return (line.debit, line.credit) if line.overflow is None else (line.debit, line.credit, line.overflow)
