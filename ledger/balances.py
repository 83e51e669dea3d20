"""The arithmetic of accounts: what a posting does to the running sums. No database here."""

from dataclasses import dataclass

from ledger.orders import BalanceRow
from ledger.statements import AccountRow
from models.ledger import AccountCode, Side

SIDES = {
    AccountCode.WALLET: Side.CREDIT,
    AccountCode.RECEIVABLE: Side.DEBIT,
    AccountCode.SUSPENSE: Side.CREDIT,
    AccountCode.FEE_INCOME: Side.CREDIT,
    AccountCode.RAIL_CLEARING: Side.DEBIT,
    AccountCode.PAYOUT_CLEARING: Side.CREDIT,
    AccountCode.BANK_CASH: Side.DEBIT,
}
"""The side on which an account's balance grows."""

FLOORS = {AccountCode.WALLET: 0, AccountCode.RECEIVABLE: 0, AccountCode.SUSPENSE: 0}
"""The least that may be available; an account without one may go as low as it likes."""


REVISION_BITS = 62
"""A revision says which change was the last, and no two are alike: if they were counted, another process's change could
pass for that of a batch that is still in flight."""


@dataclass(slots=True)
class Balance:
    """An account's running sums in minor units, as they change within a batch."""

    account: AccountRow
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    version: int
    revision: int

    @classmethod
    def of(cls, account: AccountRow) -> "Balance":
        """The sums with which a batch begins."""
        return cls(account, *account[-6:])

    def copy(self) -> "Balance":
        """The same sums, to try something on."""
        return Balance(self.account, *self.sums())

    def sums(self) -> tuple[int, int, int, int, int, int]:
        """The sums, the version and the revision, in the order of the account's columns."""
        return (
            self.debits_posted,
            self.credits_posted,
            self.debits_pending,
            self.credits_pending,
            self.version,
            self.revision,
        )

    def row(self) -> BalanceRow:
        """What is told of a wallet."""
        account = self.account
        return BalanceRow(
            account.id,
            account.owner_id,
            account.currency,
            self.available,
            self.debits_pending,
            self.credits_pending,
            self.version,
        )

    @property
    def posted(self) -> int:
        """What the account holds, on its normal side."""
        net = self.credits_posted - self.debits_posted
        return net if self.account.normal_side is Side.CREDIT else -net

    @property
    def available(self) -> int:
        """What can be taken out: money held to go is gone, money on its way in is not here yet."""
        leaving = self.debits_pending if self.account.normal_side is Side.CREDIT else self.credits_pending
        return self.posted - leaving

    @property
    def largest(self) -> int:
        """The largest that one of the sums can become as things stand, with all that is held: a hold can be settled."""
        return max(self.debits_posted + self.debits_pending, self.credits_posted + self.credits_pending)

    @property
    def shortfall(self) -> int:
        """How far the account is under its floor; 0 when it is not."""
        return 0 if self.account.floor is None else max(0, self.account.floor - self.available)

    @property
    def spare(self) -> int:
        """How much can be taken before the account is at its floor. An account without a floor is never asked."""
        assert self.account.floor is not None, "an account without a floor gives whatever it is asked for"
        return max(0, self.available - self.account.floor)
