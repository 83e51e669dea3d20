"""What a batch of orders does to the books it is given. No database here."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    AccountName,
    Draw,
    HoldResolvedError,
    IdempotencyConflictError,
    InsufficientFundsError,
    LimitExceededError,
    Line,
    Message,
    Receipt,
    Resolution,
    StaleError,
)
from ledger.balances import FLOORS, SIDES
from ledger.batch import Batch, Books, Outcome, answer
from ledger.kinds import chargeback
from ledger.kinds.wallets import fee_income, payout_clearing, rail_clearing, receivable, wallet
from ledger.orders import refusal_from
from ledger.statements import AccountRow, ClaimRow, HoldRow, UsageRow
from models.ids import new_id
from models.ledger import AccountCode, Phase
from models.money import Money
from tests.harness.books import USD, order, payment_of, tip_of

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
TODAY = NOW.replace(hour=0)
TOMORROW = TODAY + timedelta(days=1)
ADA, BOB, EVE = new_id(), new_id(), new_id()


PEOPLE = {"ada": ADA, "bob": BOB, "eve": EVE}


def account(name: AccountName, sums: tuple[int, int, int, int] = (0, 0, 0, 0)) -> AccountRow:
    return AccountRow(new_id(), *name, SIDES[name.code], FLOORS.get(name.code), *sums, 1 if any(sums) else 0)


def batch(
    claims: Sequence[ClaimRow] = (),
    usage: Sequence[UsageRow] = (),
    holds: Sequence[HoldRow] = (),
    more: Sequence[AccountRow] = (),
    **units: int,
) -> Batch:
    """A batch on wallets with so many cents, the house's accounts, and `more`."""
    rows = [account(wallet(PEOPLE[name], USD), (0, credits_, 0, 0)) for name, credits_ in units.items()]
    given = {(row.owner_id, row.code) for row in more}
    house = (fee_income(USD), rail_clearing(USD), payout_clearing(USD))
    rows += [account(name) for name in house]
    rows = [*(row for row in rows if (row.owner_id, row.code) not in given), *more]
    ids = {AccountName(row.owner_id, row.code, row.currency, row.stripe): row.id for row in rows}
    return Batch(Books(ids, rows, claims, usage, holds), NOW)


def written(rows: Iterable[Any], *names: str) -> list[Any]:
    """These columns of the rows that a batch writes."""
    found = [tuple(getattr(row, name) for name in names) for row in rows]
    return [values[0] for values in found] if len(names) == 1 else found


def balances(done: Batch) -> dict[UUID, int]:
    wallets = [balance for balance in done.changed() if balance.account.code is AccountCode.WALLET]
    return {balance.account.owner_id: balance.available for balance in wallets}


def draw(amount: int, most: int, name: str = "SPEND", owner: UUID = ADA) -> Draw:
    return Draw(owner, name, USD, TODAY, TOMORROW, most, amount)


def refusal(outcome: Outcome) -> InsufficientFundsError | LimitExceededError:
    assert isinstance(outcome, InsufficientFundsError | LimitExceededError)
    return outcome


def test_moves_money_and_writes_it_down() -> None:
    books = batch(ada=100, bob=0)
    the_order = payment_of(ADA, BOB, 30)
    assert books.add(the_order) == Receipt(the_order.id, replayed=False)
    assert balances(books) == {ADA: 70, BOB: 30}
    assert written(books.journals, "id") == [the_order.id]
    assert written(books.postings, "amount") == [30]
    assert written(books.claims, "key", "journal_id", "refusal") == [(the_order.key, the_order.id, None)]


def test_entries_chain_within_a_batch() -> None:
    books = batch(ada=100, bob=0)
    for units in (30, 50):
        books.add(payment_of(ADA, BOB, units))
    lines = written(books.entries, "version", "previous_version", "balance_before", "amount", "balance_after")
    assert lines[0::2] == [(2, 1, 100, -30, 70), (3, 2, 70, -50, 20)]
    assert lines[1::2] == [(1, None, 0, 30, 30), (2, 1, 30, 50, 80)]


def test_an_order_has_one_entry_an_account_however_many_its_lines() -> None:
    books = batch(ada=1_000, bob=0)
    books.add(tip_of(ADA, BOB, 1_000, basis_points=500))
    assert written(books.entries, "amount") == [-1_000, 950, 50]
    assert len(books.postings) == 2


def test_an_order_that_lacks_funds_changes_nothing_but_is_remembered() -> None:
    books = batch(ada=20, bob=0)
    the_order = payment_of(ADA, BOB, 30)
    outcome = refusal(books.add(the_order))
    assert isinstance(outcome, InsufficientFundsError)
    assert (outcome.available, outcome.shortfall) == (Money(20, USD), Money(10, USD))
    assert (books.journals, books.postings, books.entries, books.changed()) == ([], [], [], [])
    assert written(books.claims, "key", "journal_id") == [(the_order.key, None)]


def test_a_refusal_does_not_harm_its_neighbours() -> None:
    books = batch(ada=20, bob=0)
    outcomes = [books.add(payment_of(ADA, BOB, units)) for units in (15, 10, 5)]
    assert [isinstance(outcome, Receipt) for outcome in outcomes] == [True, False, True]
    assert balances(books) == {ADA: 0, BOB: 20}


def test_money_that_comes_in_within_the_batch_can_go_on() -> None:
    books = batch(ada=20, bob=0, eve=0)
    assert isinstance(books.add(payment_of(BOB, EVE, 20)), InsufficientFundsError)
    assert isinstance(books.add(payment_of(ADA, BOB, 20)), Receipt)
    assert isinstance(books.add(payment_of(BOB, EVE, 20)), Receipt)
    assert balances(books) == {ADA: 0, BOB: 0, EVE: 20}


def test_an_account_that_ends_as_it_began_still_has_its_entries() -> None:
    books = batch(ada=20, bob=0)
    books.add(payment_of(ADA, BOB, 20))
    books.add(payment_of(BOB, ADA, 20))
    assert balances(books) == {ADA: 20, BOB: 0}
    assert len(books.entries) == 4


def test_a_hold_makes_money_unavailable_without_an_entry() -> None:
    books = batch(ada=100, bob=0)
    line = Line(wallet(ADA, USD), wallet(BOB, USD), 60, Phase.PEND)
    assert isinstance(books.add(order("HOLD", ADA, (line,))), Receipt)
    assert isinstance(books.add(payment_of(ADA, BOB, 50)), InsufficientFundsError)
    assert balances(books) == {ADA: 40, BOB: 0}
    assert books.entries == []


def test_the_accounts_to_write_are_in_the_order_of_their_ids() -> None:
    books = batch(ada=100, bob=100, eve=100)
    books.add(payment_of(EVE, ADA, 1))
    books.add(payment_of(BOB, EVE, 1))
    ids = [balance.account.id for balance in books.changed()]
    assert ids == sorted(ids)
    assert len(ids) == 3


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


# Messages and expectations


def test_a_message_leaves_with_what_was_posted_and_with_nothing_else() -> None:
    books = batch(ada=20, bob=0)
    message = Message("tips", "hello")
    posted = payment_of(ADA, BOB, 15, "key", messages=(message,))
    books.add(posted)
    books.add(payment_of(ADA, BOB, 15, "key", messages=(message,)))  # a replay
    books.add(payment_of(ADA, BOB, 15, messages=(message,)))  # refused
    assert written(books.messages, "journal_id", "topic", "payload") == [(posted.id, "tips", "hello")]


def test_an_order_made_for_other_usage_is_stale_and_nothing_is_kept_of_it() -> None:
    books = batch(usage=[UsageRow(ADA, "SPEND", USD, TODAY, 8)], ada=100, bob=0)
    stale = payment_of(ADA, BOB, 1, "key", draws=(draw(1, 10)._replace(expected=7),))
    assert isinstance(books.add(stale), StaleError)
    assert books.claims == []
    again = payment_of(ADA, BOB, 1, "key", draws=(draw(1, 10)._replace(expected=8),))
    assert isinstance(books.add(again), Receipt)


@pytest.mark.parametrize("reason", ["no funds", "a limit", "a hold"])
def test_what_is_stale_is_not_refused_for_ever(reason: str) -> None:
    books = batch(ada=5, bob=0)
    units = 6 if reason == "no funds" else 5
    most = 1 if reason == "a limit" else 10
    more = {"resolutions": (Resolution(new_id(), 1),)} if reason == "a hold" else {}
    stale = payment_of(ADA, BOB, units, "key", draws=(draw(units, most)._replace(expected=3),), **more)
    assert isinstance(books.add(stale), StaleError)
    assert books.claims == []


def test_of_two_orders_made_for_the_same_usage_one_is_stale() -> None:
    books = batch(ada=100, bob=0)
    outcomes = [books.add(payment_of(ADA, BOB, 1, draws=(draw(1, 10)._replace(expected=0),))) for _ in range(2)]
    assert [type(outcome) for outcome in outcomes] == [Receipt, StaleError]


# Idempotency


def test_the_same_order_again_replays() -> None:
    books = batch(ada=100, bob=0)
    first, again = payment_of(ADA, BOB, 30, "key"), payment_of(ADA, BOB, 30, "key")
    books.add(first)
    assert books.add(again) == Receipt(first.id, replayed=True)
    assert balances(books) == {ADA: 70, BOB: 30}
    assert len(books.claims) == 1


def test_another_order_under_the_same_key_is_a_conflict() -> None:
    books = batch(ada=100, bob=0)
    first = payment_of(ADA, BOB, 30, "key")
    books.add(first)
    outcome = books.add(payment_of(ADA, BOB, 31, "key"))
    assert isinstance(outcome, IdempotencyConflictError)
    assert outcome.first_used_at == first.created_at
    assert balances(books) == {ADA: 70, BOB: 30}


def test_the_same_key_of_another_actor_is_another_key() -> None:
    books = batch(ada=100, bob=100)
    assert isinstance(books.add(payment_of(ADA, BOB, 30, "key")), Receipt)
    assert isinstance(books.add(payment_of(BOB, ADA, 10, "key")), Receipt)
    assert balances(books) == {ADA: 80, BOB: 120}


def test_a_refusal_stays_even_if_money_comes() -> None:
    books = batch(ada=0, bob=50)
    first = refusal(books.add(payment_of(ADA, BOB, 30, "key")))
    books.add(payment_of(BOB, ADA, 50))
    again = refusal(books.add(payment_of(ADA, BOB, 30, "key")))
    assert again.stored() == first.stored()


@pytest.mark.parametrize("same", [True, False])
def test_a_stored_claim_is_answered_as_in_a_batch(same: bool) -> None:
    posted = payment_of(ADA, BOB, 30, "key")
    claim = ClaimRow(ADA, "key", posted.request_hash, posted.id, None, NOW)
    books = batch([claim], ada=100, bob=0)
    retry = payment_of(ADA, BOB, 30 if same else 31, "key")
    for outcome in (books.add(retry), answer(claim, retry.request_hash)):
        if same:
            assert outcome == Receipt(posted.id, replayed=True)
        else:
            assert isinstance(outcome, IdempotencyConflictError)
            assert outcome.first_used_at == NOW
    assert books.changed() == []


def test_stored_refusals_say_the_same_as_fresh_ones() -> None:
    funds = InsufficientFundsError(Money(20, USD), Money(10, USD))
    limit = LimitExceededError("SPEND", Money(100, USD), Money(90, USD), TOMORROW)
    again = refusal_from(funds.stored())
    assert isinstance(again, InsufficientFundsError)
    assert (again.available, again.shortfall) == (funds.available, funds.shortfall)
    once_more = refusal_from(limit.stored())
    assert isinstance(once_more, LimitExceededError)
    assert vars(once_more) == vars(limit)


# Limits


def test_a_limit_may_be_used_up_but_not_passed() -> None:
    books = batch(ada=100, bob=0)
    assert isinstance(books.add(payment_of(ADA, BOB, 10, draws=(draw(10, 10),))), Receipt)
    outcome = refusal(books.add(payment_of(ADA, BOB, 1, draws=(draw(1, 10),))))
    assert isinstance(outcome, LimitExceededError)
    assert (outcome.max, outcome.used, outcome.resets_at) == (Money(10, USD), Money(10, USD), TOMORROW)
    assert balances(books) == {ADA: 90, BOB: 10}


def test_what_was_used_before_counts() -> None:
    used = UsageRow(ADA, "SPEND", USD, TODAY, 8)
    books = batch(usage=[used], ada=100, bob=0)
    assert isinstance(books.add(payment_of(ADA, BOB, 3, draws=(draw(3, 10),))), LimitExceededError)
    assert isinstance(books.add(payment_of(ADA, BOB, 2, draws=(draw(2, 10),))), Receipt)


def test_what_was_used_yesterday_or_of_another_limit_does_not_count() -> None:
    used = [
        UsageRow(ADA, "SPEND", USD, TODAY - timedelta(days=1), 10),
        UsageRow(ADA, "TOP_UP", USD, TODAY, 10),
        UsageRow(BOB, "SPEND", USD, TODAY, 10),
    ]
    books = batch(usage=used, ada=100, bob=0)
    assert isinstance(books.add(payment_of(ADA, BOB, 10, draws=(draw(10, 10),))), Receipt)


def test_every_limit_of_an_order_has_to_hold() -> None:
    books = batch(ada=100, bob=0)
    token = new_id()
    both = (draw(10, 100), draw(10, 5, "TOKEN", token))
    outcome = refusal(books.add(payment_of(ADA, BOB, 10, draws=both)))
    assert isinstance(outcome, LimitExceededError)
    assert outcome.name == "TOKEN"
    assert books.draws == []


def test_a_refused_order_uses_up_no_limit() -> None:
    books = batch(ada=5, bob=0)
    assert isinstance(books.add(payment_of(ADA, BOB, 6, draws=(draw(6, 10),))), InsufficientFundsError)
    assert isinstance(books.add(payment_of(ADA, BOB, 5, draws=(draw(5, 5),))), Receipt)


def test_a_replay_uses_up_no_limit() -> None:
    books = batch(ada=100, bob=0)
    for _ in range(3):
        books.add(payment_of(ADA, BOB, 10, "key", draws=(draw(10, 10),)))
    assert len(books.draws) == 1


# Against plain integers


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 60)).filter(lambda move: move[0] != move[1])
    ),
    st.lists(st.integers(0, 100), min_size=3, max_size=3),
)
def test_agrees_with_plain_integers(moves: list[tuple[int, int, int]], opening: list[int]) -> None:
    people = [ADA, BOB, EVE]
    books = batch(ada=opening[0], bob=opening[1], eve=opening[2])
    expected = list(opening)
    for payer, payee, units in moves:
        outcome = books.add(payment_of(people[payer], people[payee], units))
        fits = units <= expected[payer]
        assert isinstance(outcome, Receipt if fits else InsufficientFundsError)
        if fits:
            expected[payer] -= units
            expected[payee] += units
    changed = balances(books)
    assert [changed.get(person, opening[number]) for number, person in enumerate(people)] == expected
    assert sum(expected) == sum(opening)
