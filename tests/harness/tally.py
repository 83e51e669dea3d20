"""What the books say of one person and of the outside, in the words in which scenarios are told."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from models.database import Query, columns_of
from models.ids import HOUSE
from models.ledger import Account, AccountCode
from models.money import Currency
from resolvers.context import App


class Tally(NamedTuple):
    """What is available, pending or held, clearing, at the bank, and owed."""

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
    """The sums of a person and those of the house, in whole units. What goes over rails must balance at any time."""
    rows = await app.database.fetch(_sums)
    everybodys = _balanced(rows)
    own = _tally([row for row in rows if row.owner_id == owner_id])
    return Tally(*(units // 100 for units in own._replace(C=everybodys.C, B=everybodys.B)))


async def tallies(app: App) -> dict[Currency, Tally]:
    """By currency everybody's sums, in minor units. They must balance at any time, and no wallet has less than none."""
    rows = await app.database.fetch(_sums)
    assert all(_tally([row]).U >= 0 for row in rows), "nobody has less than nothing"
    return {currency: _balanced([row for row in rows if row.currency is currency]) for currency in Currency}


def _balanced(rows: Sequence[_SumsRow]) -> Tally:
    sums = _tally(rows)
    fees = _net(rows, AccountCode.FEE_INCOME, 1)
    assert sums.U + sums.P + sums.H + fees == sums.C + sums.B + sums.L, "money is never made or lost"
    return sums


def _tally(rows: Sequence[_SumsRow]) -> Tally:
    house = [row for row in rows if row.owner_id == HOUSE]
    held = sum(row.debits_pending for row in rows if row.code is AccountCode.WALLET)
    return Tally(
        U=_net(rows, AccountCode.WALLET, 1) - held,
        P=_net(rows, AccountCode.SUSPENSE, 1),
        H=held,
        C=_net(house, AccountCode.RAIL_CLEARING, -1) - _net(house, AccountCode.PAYOUT_CLEARING, 1),
        B=_net(house, AccountCode.BANK_CASH, -1),
        L=_net(rows, AccountCode.RECEIVABLE, -1),
    )


def _net(rows: Sequence[_SumsRow], code: AccountCode, sign: int) -> int:
    return sum(sign * (row.credits_posted - row.debits_posted) for row in rows if row.code is code)
