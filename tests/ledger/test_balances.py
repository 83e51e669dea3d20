"""The arithmetic of one account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.balances import Balance
from ledger.statements import AccountRow
from models.ids import HOUSE, new_id
from models.ledger import AccountCode, Phase, Side
from models.money import Currency

sums = st.integers(0, 1 << 62)


def account(side: Side, sums: tuple[int, int, int, int] = (0, 0, 0, 0), floor: int | None = 0) -> AccountRow:
    return AccountRow(new_id(), HOUSE, AccountCode.WALLET, Currency.USD, 0, side, floor, *sums, 0)


@given(sums, sums, sums, sums)
def test_an_account_of_credits_has_what_came_in_less_what_went_or_is_held(
    debits: int, credits_: int, leaving: int, coming: int
) -> None:
    balance = Balance.of(account(Side.CREDIT, (debits, credits_, leaving, coming)))
    assert balance.posted == credits_ - debits
    assert balance.available == credits_ - debits - leaving


@given(sums, sums, sums, sums)
def test_an_account_of_debits_is_its_mirror(debits: int, credits_: int, coming: int, leaving: int) -> None:
    balance = Balance.of(account(Side.DEBIT, (debits, credits_, coming, leaving)))
    assert balance.posted == debits - credits_
    assert balance.available == debits - credits_ - leaving


def test_a_posting_moves_what_is_posted() -> None:
    balance = Balance.of(account(Side.CREDIT))
    balance.credit(100, Phase.POST)
    balance.debit(30, Phase.POST)
    assert (balance.posted, balance.available) == (70, 70)


def test_held_money_is_not_available_and_money_on_its_way_is_not_here() -> None:
    balance = Balance.of(account(Side.CREDIT, (0, 100, 0, 0)))
    balance.debit(60, Phase.PEND)
    balance.credit(1_000, Phase.PEND)
    assert (balance.posted, balance.available) == (100, 40)


@pytest.mark.parametrize(
    ("floor", "available", "shortfall"), [(0, 5, 0), (0, 0, 0), (0, -1, 1), (10, 7, 3), (-5, -4, 0)]
)
def test_the_shortfall_is_what_lacks_to_the_floor(floor: int, available: int, shortfall: int) -> None:
    balance = Balance.of(account(Side.CREDIT, (10, 10 + available, 0, 0), floor))
    assert balance.shortfall == shortfall


def test_without_a_floor_there_is_no_shortfall() -> None:
    assert Balance.of(account(Side.CREDIT, (1_000, 0, 0, 0), floor=None)).shortfall == 0
