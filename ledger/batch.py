"""One batch: orders posted together, each with its own outcome. Pure: it is given rows and gives rows.

One order that lacks funds never harms its neighbours: an order is tried on copies of the balances that it touches,
which count only if it fits.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from random import getrandbits
from uuid import UUID

from ledger.balances import REVISION_BITS, Balance
from ledger.books import Books, Claim
from ledger.orders import (
    AccountName,
    BalanceRow,
    Ceiling,
    Draw,
    FrozenError,
    HoldResolvedError,
    InsufficientFundsError,
    LedgerError,
    LimitExceededError,
    Line,
    Order,
    Receipt,
    RefusalError,
    Resolution,
    StaleError,
    TooLargeError,
    Write,
)
from ledger.statements import (
    ClaimRow,
    EntryRow,
    HoldRow,
    JournalRow,
    MessageRow,
    PostingRow,
)
from models.ids import new_id
from models.ledger import AccountCode, Phase
from models.money import MAX_MINOR_UNITS, Money

Outcome = Receipt | LedgerError


class Batch:
    """What a set of orders does to the books."""

    def __init__(self, books: Books, now: datetime) -> None:
        """A batch that changes the books as it goes."""
        self.journals: list[JournalRow] = []
        self.postings: list[PostingRow] = []
        self.entries: list[EntryRow] = []
        self.claims: list[ClaimRow] = []
        self.messages: list[MessageRow] = []
        self.draws: list[Draw] = []
        self.writes: list[Write] = []
        self._books = books
        self._balances = books.balances
        self._changed: set[UUID] = set()
        self._now = now

    def add(self, order: Order) -> Outcome:
        """Posts the order, replays it, or says why not."""
        claim = self._books.claims.get((order.actor_id, order.key))
        if claim is not None:
            return claim.answer(order.request_hash)
        try:
            left = self._post(order)
        except RefusalError as refusal:
            self._claim(order, refusal)
            return refusal
        except LedgerError as error:
            return error
        self._claim(order, Receipt(order.id, replayed=False))
        return Receipt(order.id, replayed=False, left=left)

    def changed(self) -> list[Balance]:
        """The accounts with other sums than before, in the order of their ids."""
        return [self._balances[account_id] for account_id in sorted(self._changed)]

    def _post(self, order: Order) -> tuple[BalanceRow, ...]:
        self._check_expectations(order.draws)  # first: what is stale may not be refused for ever
        if self._books.frozen and not self._books.frozen.isdisjoint(order.movers):
            raise FrozenError
        trial = _Trial(self._balances, order)
        for resolution in order.resolutions:
            trial.resolve(self._standing(resolution), resolution.amount)
        for line in order.lines:
            trial.move(line, self._books.ids)
        if not trial.postings:
            raise ValueError("An order that posts nothing is none.")
        trial.sweep(self._books.receivables)
        trial.check()
        self._check_draws(order.draws)
        # From here on nothing can refuse.
        self._keep(order, trial)
        return tuple([balance.row() for balance in trial.balances.values() if _is_wallet_of(order.actor_id, balance)])

    def _standing(self, resolution: Resolution) -> HoldRow:
        hold = self._books.holds.get(resolution.hold_id)
        if hold is None or (resolution.amount is not None and not 0 < resolution.amount <= hold.amount):
            raise HoldResolvedError(resolution.hold_id)
        return hold

    def _check_expectations(self, draws: Iterable[Draw]) -> None:
        for draw in draws:
            if draw.expected is not None and draw.expected != self._books.used(draw, draw.since):
                raise StaleError

    def _check_draws(self, draws: Iterable[Draw]) -> None:
        for draw in draws:
            for ceiling in draw.ceilings:
                used = self._books.used(draw, ceiling.since)
                if used + draw.amount > ceiling.max:
                    raise self._exceeded(draw, ceiling, used)

    def _exceeded(self, draw: Draw, ceiling: Ceiling, used: int) -> LimitExceededError:
        oldest = self._books.oldest_use(draw, ceiling.since)
        resets_at = None if oldest is None or ceiling.lasts is None else oldest + ceiling.lasts
        return LimitExceededError(
            ceiling.name, Money(ceiling.max, draw.currency), Money(used, draw.currency), resets_at
        )

    def _keep(self, order: Order, trial: "_Trial") -> None:
        self.journals.append(
            JournalRow(order.id, order.kind, order.actor_id, order.reverses_id, order.reference, order.created_at)
        )
        self.postings.extend(trial.postings)
        for account_id, balance in trial.balances.items():
            self._enter(order, self._balances[account_id], balance)
        self._balances.update(trial.balances)
        self._changed.update(trial.balances)
        for resolution in order.resolutions:
            del self._books.holds[resolution.hold_id]
        for draw in order.draws:
            self._books.draw(draw)
        self.draws.extend(order.draws)
        self.writes.extend(order.writes)
        self.messages.extend(
            MessageRow(new_id(), order.id, message.topic, message.payload, order.created_at)
            for message in order.messages
        )

    def _enter(self, order: Order, before: Balance, after: Balance) -> None:
        after.revision = getrandbits(REVISION_BITS)
        posted_before, posted_after = before.posted, after.posted
        if posted_after == posted_before:
            return  # a hold moves nothing yet
        after.version = before.version + 1
        self.entries.append(
            EntryRow(
                after.account.id,
                after.version,
                before.version or None,
                order.id,
                posted_after - posted_before,
                posted_before,
                posted_after,
                self._now,
            )
        )

    def _claim(self, order: Order, outcome: Receipt | RefusalError) -> None:
        self._books.claims[order.actor_id, order.key] = Claim(order.request_hash, outcome, order.created_at)
        self.claims.append(
            ClaimRow(
                actor_id=order.actor_id,
                key=order.key,
                request_hash=order.request_hash,
                journal_id=outcome.journal_id if isinstance(outcome, Receipt) else None,
                refusal=outcome.stored() if isinstance(outcome, RefusalError) else None,
                created_at=order.created_at,
            )
        )


def _is_wallet_of(owner_id: UUID, balance: Balance) -> bool:
    return balance.account.code is AccountCode.WALLET and balance.account.owner_id == owner_id


class _Trial:
    """An order tried on copies of the balances that it touches."""

    def __init__(self, balances: Mapping[UUID, Balance], order: Order) -> None:
        self.balances: dict[UUID, Balance] = {}
        self.postings: list[PostingRow] = []
        self._before = balances
        self._order = order

    def move(self, line: Line, ids: Mapping[AccountName, UUID]) -> None:
        """Takes one line; with an overflow it may become two postings."""
        debit, credit, amount = ids[line.debit], ids[line.credit], line.amount
        if line.overflow is not None:
            taken = min(amount, self._balance(debit).spare)
            if taken < amount:
                self._take(line, ids[line.overflow], credit, amount - taken)
            if taken == 0 < amount:
                return
            amount = taken
        self._take(line, debit, credit, amount)

    def resolve(self, hold: HoldRow, amount: int | None) -> None:
        """Lets a hold go, and moves `amount` of it."""
        debit, credit = self._balance(hold.debit_account_id), self._balance(hold.credit_account_id)
        debit.debits_pending -= hold.amount
        credit.credits_pending -= hold.amount
        if amount is not None:
            debit.debits_posted += amount
            credit.credits_posted += amount
        phase = Phase.VOID if amount is None else Phase.SETTLE
        self._write(debit, credit, hold.amount if amount is None else amount, phase, hold_id=hold.id)

    def sweep(self, receivables: Mapping[UUID, UUID]) -> None:
        """What a wallet gets goes first to what its owner owes."""
        for wallet_id in [account_id for account_id in self.balances if account_id in receivables]:
            gained = self.balances[wallet_id].posted - self._before[wallet_id].posted
            owed = self._balance(receivables[wallet_id])
            amount = min(gained, owed.posted, self.balances[wallet_id].spare)
            if amount > 0:
                self._post(self.balances[wallet_id], owed, amount)

    def check(self) -> None:
        """Raises InsufficientFundsError if an account is under its floor, TooLargeError if it has more than it can."""
        for account_id, balance in self.balances.items():
            shortfall = balance.shortfall
            if shortfall:
                currency = balance.account.currency
                available = Money(self._before[account_id].available, currency)
                raise InsufficientFundsError(available, Money(shortfall, currency))
        if any(balance.largest > MAX_MINOR_UNITS for balance in self.balances.values()):
            raise TooLargeError("A sum of an account would pass 64 bits.")

    def _take(self, line: Line, debit_id: UUID, credit_id: UUID, amount: int) -> None:
        debit, credit = self._balance(debit_id), self._balance(credit_id)
        if line.phase is Phase.POST:
            self._post(debit, credit, amount)
            return
        debit.debits_pending += amount
        credit.credits_pending += amount
        self._write(debit, credit, amount, line.phase, id=line.id)

    def _post(self, debit: Balance, credit: Balance, amount: int) -> None:
        debit.debits_posted += amount
        credit.credits_posted += amount
        self._write(debit, credit, amount, Phase.POST)

    def _balance(self, account_id: UUID) -> Balance:
        balance = self.balances.get(account_id)
        if balance is None:
            balance = self.balances[account_id] = self._before[account_id].copy()
        return balance

    def _write(
        self,
        debit: Balance,
        credit: Balance,
        amount: int,
        phase: Phase,
        *,
        id: UUID | None = None,
        hold_id: UUID | None = None,
    ) -> None:
        self.postings.append(
            PostingRow(
                id or new_id(),
                self._order.id,
                phase,
                debit.account.id,
                credit.account.id,
                amount,
                debit.account.currency,
                hold_id,
            )
        )
