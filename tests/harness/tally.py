"""What the books say of one person and of the outside, in the words in which scenarios are told."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from models.database import Query, columns_of
from models.ids import HOUSE
from models.ledger import Account, AccountCode
from models.money import Currency
from resolvers.context import App


class Tally(NamedTuple):
    """Sums in whole units of the currency: what is available, pending or held, clearing, at the bank, and owed."""

    U: int = 0
    P: int = 0
    H: int = 0
    C: int = 0
    B: int = 0
    L: int = 0


class _SumsRow(NamedTuple):
    owner_id: UUID
    code: AccountCode
    currency: Currency
    debits_posted: int
    credits_posted: int
    debits_pending: int


_sums = Query(_SumsRow, select(*columns_of(_SumsRow, Account)))


async def tally(app: App, owner_id: UUID) -> Tally:
    """The sums of a person in US dollars, and those of the house. What goes over rails must balance at any time."""
    accounts = await app.database.fetch(_sums)

    def net(code: AccountCode, owner: UUID | None, sign: int) -> int:
        return sum(
            sign * (row.credits_posted - row.debits_posted)
            for row in accounts
            if row.code is code and (owner is None or row.owner_id == owner)
        )

    def everybodys(owner: UUID | None) -> tuple[int, int, int, int]:
        held = sum(
            row.debits_pending
            for row in accounts
            if row.code is AccountCode.WALLET and (owner is None or row.owner_id == owner)
        )
        wallet = net(AccountCode.WALLET, owner, 1) - held
        return wallet, net(AccountCode.SUSPENSE, owner, 1), held, net(AccountCode.RECEIVABLE, owner, -1)

    clearing = net(AccountCode.RAIL_CLEARING, HOUSE, -1) - net(AccountCode.PAYOUT_CLEARING, HOUSE, 1)
    bank = net(AccountCode.BANK_CASH, HOUSE, -1)
    available, suspended, held, owed = everybodys(None)
    fees = net(AccountCode.FEE_INCOME, HOUSE, 1)
    assert clearing + bank + owed == available + suspended + held + fees, "money is never made or lost"
    available, suspended, held, owed = everybodys(owner_id)
    return Tally(*(sums // 100 for sums in (available, suspended, held, clearing, bank, owed)))
