"""Holds and debts in a batch. No database here."""

from typing import Any
from uuid import UUID

import pytest

from ledger import (
    HoldResolvedError,
    InsufficientFundsError,
    Line,
    Receipt,
    Resolution,
)
from ledger.batch import Batch
from ledger.kinds import chargeback
from ledger.kinds.wallets import payout_clearing, receivable, wallet
from ledger.orders import refusal_from
from ledger.statements import HoldRow
from models.ids import new_id
from models.ledger import AccountCode, Phase
from models.money import Money
from tests.harness.batches import ADA, BOB, account, balances, batch, written
from tests.harness.books import USD, order, payment_of

# Holds


def held(amount: int, hold_id: UUID, payer: UUID = ADA) -> Line:
    return Line(wallet(payer, USD), payout_clearing(USD), amount, Phase.PEND, id=hold_id)


def resolved(hold_id: UUID, amount: int | None) -> dict[str, Any]:
    return {"resolutions": (Resolution(hold_id, amount),), "request_hash": repr((hold_id, amount)).encode()}


def standing(books_units: int, amount: int, *, gone: bool = False) -> tuple[Batch, UUID]:
    """A batch that finds a hold of `amount` on Ada's wallet of so many cents, or one that is resolved already."""
    ada = account(wallet(ADA, USD), (0, books_units, 0 if gone else amount, 0))
    clearing = account(payout_clearing(USD), (0, 0, 0, 0 if gone else amount))
    hold = HoldRow(new_id(), ada.id, clearing.id, amount, USD, gone)
    return batch(holds=[hold], more=[ada, clearing], bob=0), hold.id


@pytest.mark.parametrize(
    ("amount", "left", "phase", "written_amount"),
    [(60, 40, Phase.SETTLE, 60), (25, 75, Phase.SETTLE, 25), (None, 100, Phase.VOID, 60)],
)
def test_a_hold_is_settled_whole_or_in_part_or_let_go(
    amount: int | None, left: int, phase: Phase, written_amount: int
) -> None:
    books, hold_id = standing(100, 60)
    assert isinstance(books.add(order("END", ADA, (), **resolved(hold_id, amount))), Receipt)
    assert balances(books) == {ADA: left}
    assert written(books.postings, "phase", "amount", "pending_id") == [(phase, written_amount, hold_id)]
    assert [(balance.debits_pending, balance.credits_pending) for balance in books.changed()] == [(0, 0), (0, 0)]
    moved = [] if amount is None else sorted([-amount, amount])
    assert sorted(written(books.entries, "amount")) == moved


@pytest.mark.parametrize("first", [60, 10, None])
@pytest.mark.parametrize("second", [60, 10, None])
def test_a_hold_is_resolved_once(first: int | None, second: int | None) -> None:
    books, hold_id = standing(100, 60)
    assert isinstance(books.add(order("END", ADA, (), **resolved(hold_id, first))), Receipt)
    again = books.add(order("END", ADA, (), **resolved(hold_id, second)))
    assert isinstance(again, HoldResolvedError)
    assert again.hold_id == hold_id
    assert len(books.postings) == 1


@pytest.mark.parametrize("amount", [61, 0, -1])
def test_no_more_than_was_held_is_settled_and_no_less_than_something(amount: int) -> None:
    books, hold_id = standing(100, 60)
    the_order = order("END", ADA, (), **resolved(hold_id, amount))
    assert isinstance(books.add(the_order), HoldResolvedError)
    assert books.changed() == []
    [stored] = written(books.claims, "refusal")
    again = refusal_from(stored)
    assert isinstance(again, HoldResolvedError)
    assert again.hold_id == hold_id


def test_a_hold_that_was_resolved_before_the_batch_is_gone() -> None:
    books, hold_id = standing(100, 60, gone=True)
    assert isinstance(books.add(order("END", ADA, (), **resolved(hold_id, None))), HoldResolvedError)


def test_a_hold_that_is_refused_can_still_be_resolved() -> None:
    books, hold_id = standing(100, 60)
    both = order("END", ADA, payment_of(ADA, BOB, 41).lines, **resolved(hold_id, 60))
    assert isinstance(books.add(both), InsufficientFundsError)
    assert isinstance(books.add(order("END", ADA, (), **resolved(hold_id, 60))), Receipt)


def test_what_a_hold_lets_go_can_be_spent_by_the_same_order() -> None:
    books, hold_id = standing(100, 60)
    both = order("END", ADA, payment_of(ADA, BOB, 75).lines, **resolved(hold_id, 25))
    assert isinstance(books.add(both), Receipt)
    assert balances(books) == {ADA: 0, BOB: 75}


def test_a_hold_has_the_id_that_it_was_given() -> None:
    books, hold_id = batch(ada=100, bob=0), new_id()
    books.add(order("HOLD", ADA, (held(60, hold_id),)))
    assert written(books.postings, "id", "phase", "pending_id") == [(hold_id, Phase.PEND, None)]


# Overflow, and what is owed


def owing(units: int, ada: int, bob: int = 0) -> Batch:
    """A batch in which Ada owes so much."""
    return batch(more=[account(receivable(ADA, USD), (units, 0, 0, 0))], ada=ada, bob=bob)


def owed(done: Batch) -> int | None:
    return next((each.posted for each in done.changed() if each.account.code is AccountCode.RECEIVABLE), None)


@pytest.mark.parametrize(
    ("has", "amount", "left", "owes"), [(100, 60, 40, None), (100, 100, 0, None), (100, 130, 0, 30), (0, 50, 0, 50)]
)
def test_what_a_wallet_has_not_is_owed(has: int, amount: int, left: int, owes: int | None) -> None:
    books = owing(0, ada=has)
    assert isinstance(books.add(order("CHARGEBACK", ADA, chargeback.lines(ADA, Money(amount, USD)))), Receipt)
    assert balances(books).get(ADA, 0) == left
    assert owed(books) in (owes, owes or 0)
    assert sum(written(books.postings, "amount")) == amount


def test_held_money_is_not_taken_back() -> None:
    books = owing(0, ada=100)
    books.add(order("HOLD", ADA, (held(70, new_id()),)))
    books.add(order("CHARGEBACK", ADA, chargeback.lines(ADA, Money(50, USD))))
    assert (balances(books)[ADA], owed(books)) == (0, 20)


@pytest.mark.parametrize(("owes", "comes", "left", "still"), [(30, 50, 20, 0), (30, 30, 0, 0), (30, 10, 0, 20)])
def test_what_comes_in_goes_first_to_what_is_owed(owes: int, comes: int, left: int, still: int) -> None:
    books = owing(owes, ada=0, bob=100)
    assert isinstance(books.add(payment_of(BOB, ADA, comes)), Receipt)
    assert (balances(books)[ADA], owed(books)) == (left, still)
    assert sum(written(books.postings, "amount")) == comes + min(owes, comes)


def test_a_debt_that_arises_in_the_batch_is_paid_in_the_batch() -> None:
    books = owing(0, ada=10, bob=100)
    books.add(order("CHARGEBACK", ADA, chargeback.lines(ADA, Money(50, USD))))
    books.add(payment_of(BOB, ADA, 25))
    assert (balances(books)[ADA], owed(books)) == (0, 15)
    books.add(payment_of(BOB, ADA, 25))
    assert (balances(books)[ADA], owed(books)) == (10, 0)


def test_spending_pays_no_debt() -> None:
    books = owing(30, ada=50, bob=0)
    books.add(payment_of(ADA, BOB, 20))
    assert balances(books) == {ADA: 30, BOB: 20}
    assert owed(books) in (None, 30)
