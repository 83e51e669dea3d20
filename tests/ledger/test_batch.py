"""What a batch of orders does to the books it is given. No database here."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import (
    IdempotencyConflictError,
    InsufficientFundsError,
    LimitExceededError,
    Line,
    Message,
    Receipt,
    Resolution,
    StaleError,
    TooLargeError,
)
from ledger.batch import Outcome
from ledger.books import Claim
from ledger.kinds.wallets import rail_clearing, wallet
from ledger.orders import refusal_from
from ledger.statements import ClaimRow, UsageRow
from models.ids import new_id
from models.ledger import Phase
from models.money import MAX_MINOR_UNITS, Money
from tests.harness.batches import ADA, BOB, EVE, NOW, TODAY, TOMORROW, balances, batch, draw, written
from tests.harness.books import USD, order, payment_of, tip_of


def refusal(outcome: Outcome) -> InsufficientFundsError | LimitExceededError:
    assert isinstance(outcome, InsufficientFundsError | LimitExceededError)
    return outcome


def test_moves_money_and_writes_it_down() -> None:
    books = batch(ada=100, bob=0)
    the_order = payment_of(ADA, BOB, 30)
    outcome = books.add(the_order)
    assert isinstance(outcome, Receipt)
    assert (outcome.journal_id, outcome.replayed) == (the_order.id, False)
    assert balances(books) == {ADA: 70, BOB: 30}
    assert written(books.journals, "id") == [the_order.id]
    assert written(books.postings, "amount") == [30]
    assert written(books.claims, "key", "journal_id", "refusal") == [(the_order.key, the_order.id, None)]


def test_a_receipt_says_what_the_order_has_left_in_the_actors_wallets() -> None:
    books = batch(ada=100, bob=0)
    receipts = [books.add(payment_of(ADA, BOB, units)) for units in (30, 50)]
    left = [receipt.left for receipt in receipts if isinstance(receipt, Receipt)]
    assert [[(row.owner_id, row.available, row.held, row.version) for row in rows] for rows in left] == [
        [(ADA, 70, 0, 2)],
        [(ADA, 20, 0, 3)],
    ]


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


def test_an_order_that_posts_nothing_is_none() -> None:
    books = batch(ada=20, bob=0)
    with pytest.raises(ValueError, match="posts nothing"):
        books.add(order("PAYMENT", ADA, ()))
    assert (books.journals, books.claims, books.changed()) == ([], [], [])


def test_the_accounts_to_write_are_in_the_order_of_their_ids() -> None:
    books = batch(ada=100, bob=100, eve=100)
    books.add(payment_of(EVE, ADA, 1))
    books.add(payment_of(BOB, EVE, 1))
    ids = [balance.account.id for balance in books.changed()]
    assert ids == sorted(ids)
    assert len(ids) == 3


# Sums of 64 bits


def test_a_sum_may_be_as_large_as_64_bits_and_no_larger() -> None:
    books = batch(ada=100, bob=MAX_MINOR_UNITS - 50)
    assert isinstance(books.add(payment_of(ADA, BOB, 50)), Receipt)
    assert balances(books) == {ADA: 50, BOB: MAX_MINOR_UNITS}
    assert isinstance(books.add(payment_of(ADA, BOB, 1)), TooLargeError)


def test_what_would_pass_64_bits_leaves_nothing_and_harms_no_neighbour() -> None:
    books = batch(ada=100, bob=MAX_MINOR_UNITS - 50, eve=0)
    orders = [payment_of(ADA, BOB, 20), payment_of(ADA, BOB, 40), payment_of(ADA, EVE, 40), payment_of(ADA, BOB, 30)]
    outcomes = [books.add(each) for each in orders]
    assert [type(outcome) for outcome in outcomes] == [Receipt, TooLargeError, Receipt, Receipt]
    assert balances(books) == {ADA: 10, BOB: MAX_MINOR_UNITS, EVE: 40}
    posted = [each.key for each in (orders[0], orders[2], orders[3])]
    assert written(books.claims, "key") == posted, "its key can be used again"


def test_a_payer_who_lacks_the_funds_is_told_so_first() -> None:
    books = batch(ada=100, bob=MAX_MINOR_UNITS)
    assert isinstance(books.add(payment_of(ADA, BOB, 101)), InsufficientFundsError)


def test_a_wallet_that_has_passed_on_all_it_had_is_full_as_well() -> None:
    """Each of its sums grows for ever, whatever is left on it."""
    books = batch(bob=MAX_MINOR_UNITS, eve=0)
    assert isinstance(books.add(payment_of(BOB, EVE, MAX_MINOR_UNITS)), Receipt)
    assert isinstance(books.add(payment_of(EVE, BOB, 1)), TooLargeError)
    assert balances(books) == {BOB: 0, EVE: MAX_MINOR_UNITS}


def test_what_is_held_may_not_pass_64_bits_either() -> None:
    books = batch(ada=100, bob=0)
    most = Line(rail_clearing(USD), wallet(ADA, USD), MAX_MINOR_UNITS - 100, Phase.PEND)
    assert isinstance(books.add(order("HOLD", ADA, (most,))), Receipt)
    # With what is there already, a settled hold would pass them.
    assert isinstance(books.add(order("HOLD", ADA, (most._replace(amount=1),))), TooLargeError)


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
    for outcome in (books.add(retry), Claim.of(claim).answer(retry.request_hash)):
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
    token = new_id()
    books = batch(usage=[UsageRow(token, "TOKEN", USD, TODAY, 0)], ada=100, bob=0)
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
