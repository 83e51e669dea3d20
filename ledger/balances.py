"""The arithmetic of accounts: what a posting does to the running sums. No database here."""

from dataclasses import dataclass

from ledger.statements import AccountRow
from models.ledger import AccountCode, Phase, Side

SIDES = {
    AccountCode.WALLET: Side.CREDIT,
    AccountCode.FEE_INCOME: Side.CREDIT,
    AccountCode.RAIL_CLEARING: Side.DEBIT,
}
"""The side on which an account's balance grows."""

FLOORS = {AccountCode.WALLET: 0}
"""The least that may be available; an account without one may go as low as it likes."""


@dataclass(slots=True)
class Balance:
    """An account's running sums in minor units, as they change within a batch."""

    account: AccountRow
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    version: int

    @classmethod
    def of(cls, account: AccountRow) -> "Balance":
        """The sums with which a batch begins."""
        return cls(
            account,
            account.debits_posted,
            account.credits_posted,
            account.debits_pending,
            account.credits_pending,
            account.version,
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
    def shortfall(self) -> int:
        """How far the account is under its floor; 0 when it is not."""
        return 0 if self.account.floor is None else max(0, self.account.floor - self.available)

    def debit(self, amount: int, phase: Phase) -> None:
        """Takes the debit side of one posting."""
        if phase is Phase.POST:
            self.debits_posted += amount
            return
        assert phase is Phase.PEND, "holds are resolved by the one who knows what was held"
        self.debits_pending += amount

    def credit(self, amount: int, phase: Phase) -> None:
        """Takes the credit side of one posting."""
        if phase is Phase.POST:
            self.credits_posted += amount
            return
        assert phase is Phase.PEND, "holds are resolved by the one who knows what was held"
        self.credits_pending += amount
