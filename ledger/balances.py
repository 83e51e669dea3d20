"""The arithmetic of accounts: what a posting does to the running sums. No database here."""

from ledger.statements import AccountRow
from models.ledger import AccountCode, Side

SIDES = {
    AccountCode.WALLET: Side.CREDIT,
    AccountCode.RECEIVABLE: Side.DEBIT,
    AccountCode.FEE_INCOME: Side.CREDIT,
    AccountCode.RAIL_CLEARING: Side.DEBIT,
    AccountCode.PAYOUT_CLEARING: Side.CREDIT,
    AccountCode.BANK_CASH: Side.DEBIT,
}
"""The side on which an account's balance grows."""

FLOORS = {AccountCode.WALLET: 0, AccountCode.RECEIVABLE: 0}
"""The least that may be available; an account without one may go as low as it likes."""


class Balance:
    """An account's running sums in minor units, as they change within a batch."""

    __slots__ = ("account", "credits_pending", "credits_posted", "debits_pending", "debits_posted", "version")

    def __init__(self, account: AccountRow) -> None:
        self.account = account
        self.debits_posted = account.debits_posted
        self.credits_posted = account.credits_posted
        self.debits_pending = account.debits_pending
        self.credits_pending = account.credits_pending
        self.version = account.version

    def copy(self) -> "Balance":
        """The same sums, to try something on."""
        other = Balance.__new__(Balance)
        other.account = self.account
        other.debits_posted = self.debits_posted
        other.credits_posted = self.credits_posted
        other.debits_pending = self.debits_pending
        other.credits_pending = self.credits_pending
        other.version = self.version
        return other

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
    def shortfall(self) -> int:
        """How far the account is under its floor; 0 when it is not."""
        return 0 if self.account.floor is None else max(0, self.account.floor - self.available)

    @property
    def spare(self) -> int:
        """How much can be taken before the account is at its floor. An account without a floor is never asked."""
        assert self.account.floor is not None, "an account without a floor gives whatever it is asked for"
        return max(0, self.available - self.account.floor)
