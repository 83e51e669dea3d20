"""The arithmetic of one account."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.balances import Balance
from ledger.statements import AccountRow
from models.ids import HOUSE, new_id
from models.ledger import AccountCode, Side
from models.money import Currency

sums = st.integers(0, 1 << 62)


def balance(side: Side, sums: tuple[int, int, int, int] = (0, 0, 0, 0), floor: int | None = 0) -> Balance:
    return Balance.of(AccountRow(new_id(), HOUSE, AccountCode.WALLET, Currency.USD, 0, side, floor, *sums, 0, 0))


@given(sums, sums, sums, sums)
def test_an_account_of_credits_has_what_came_in_less_what_went_or_is_held(
    debits: int, credits_: int, leaving: int, coming: int
) -> None:
    found = balance(Side.CREDIT, (debits, credits_, leaving, coming))
    assert found.posted == credits_ - debits
    assert found.available == credits_ - debits - leaving


@given(sums, sums, sums, sums)
def test_an_account_of_debits_is_its_mirror(debits: int, credits_: int, coming: int, leaving: int) -> None:
    found = balance(Side.DEBIT, (debits, credits_, coming, leaving))
    assert found.posted == debits - credits_
    assert found.available == debits - credits_ - leaving


def test_held_money_is_not_available_and_money_on_its_way_is_not_here() -> None:
    found = balance(Side.CREDIT, (0, 100, 60, 1_000))
    assert (found.posted, found.available) == (100, 40)


@pytest.mark.parametrize(
    ("floor", "available", "shortfall", "spare"),
    [(0, 5, 0, 5), (0, 0, 0, 0), (0, -1, 1, 0), (10, 7, 3, 0), (-5, -4, 0, 1)],
)
def test_the_shortfall_is_what_lacks_to_the_floor_and_the_spare_is_what_lies_above(
    floor: int, available: int, shortfall: int, spare: int
) -> None:
    found = balance(Side.CREDIT, (10, 10 + available, 0, 0), floor)
    assert (found.shortfall, found.spare) == (shortfall, spare)


def test_without_a_floor_there_is_no_shortfall_and_no_end_of_what_can_be_taken() -> None:
    found = balance(Side.CREDIT, (1_000, 0, 0, 0), floor=None)
    assert found.shortfall == 0
    with pytest.raises(AssertionError, match="whatever it is asked for"):
        _ = found.spare


def test_what_is_tried_on_a_copy_leaves_the_balance_alone() -> None:
    found = balance(Side.CREDIT, (1, 100, 2, 3))
    other = found.copy()
    assert other.available == found.available == 97
    other.debits_posted += 50
    other.version += 1
    assert (other.available, found.available, found.version) == (47, 97, 0)
