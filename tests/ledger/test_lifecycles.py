"""Money that takes more than one order to arrive: holds, what comes back, what is owed. On both databases."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import (
    Ceiling,
    Draw,
    HoldResolvedError,
    InsufficientFundsError,
    LedgerError,
    Message,
    Order,
    Receipt,
    Resolution,
    StaleError,
)
from ledger.kinds import chargeback, payment, refund, tip, top_up, withdrawal
from ledger.reads import balances_of_owners
from ledger.verify import verify
from models.ids import new_id
from models.money import Currency, Money
from tests.harness.backdoor import Backdoor
from tests.harness.books import USD, Books, order, payment_of, tip_of, top_up_of

SINCE = datetime(2026, 1, 1, tzinfo=UTC)


class Wallet(NamedTuple):
    available: int
    held: int
    pending: int
    version: int


async def wallet_of(books: Books, owner: UUID) -> Wallet:
    [row] = [row for row in await books.database.fetch(balances_of_owners, keys=[owner]) if row.currency is USD]
    return Wallet(row.available, row.held, row.pending, row.version)


async def house(backdoor: Backdoor) -> dict[str, int]:
    """What the house's accounts and all receivables hold, debits less credits."""
    rows = await backdoor.fetch(
        "SELECT code, CAST(sum(debits_posted - credits_posted) AS bigint), CAST(sum(debits_pending + credits_pending)"
        " AS bigint) FROM accounts WHERE code <> 'WALLET' GROUP BY code"
    )
    assert all(pending == 0 for _, _, pending in rows), "nothing is on its way any more"
    return {code: net for code, net, _ in rows if net}


def cents(units: int) -> Money:
    return Money(units, USD)


def ending(kind: str, owner: UUID, resolutions: tuple[Resolution, ...], **more: Any) -> Order:
    return order(kind, owner, (), resolutions=resolutions, request_hash=repr(resolutions).encode(), **more)


async def held(books: Books, owner: UUID, units: int) -> UUID:
    """A withdrawal that waits for its rail."""
    hold_id = new_id()
    await books.submit(order(withdrawal.KIND, owner, withdrawal.hold(hold_id, owner, cents(units))))
    return hold_id


async def test_a_withdrawal_is_held_then_sent_then_settled_at_the_bank(books: Books, backdoor: Backdoor) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    assert await wallet_of(books, ada) == (600, 400, 0, 1)
    await books.submit(ending(withdrawal.SENT, ada, withdrawal.sent(hold_id, cents(400))))
    assert await wallet_of(books, ada) == (600, 0, 0, 2)
    await books.submit(order(withdrawal.SETTLED, ada, withdrawal.settled(cents(400))))
    assert await house(backdoor) == {"RAIL_CLEARING": 1_000, "BANK_CASH": -400}
    assert (await verify(books.database)).problems == []


async def test_a_withdrawal_that_fails_was_never_gone(books: Books, backdoor: Backdoor) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    await books.submit(ending(withdrawal.FAILED, ada, withdrawal.failed(hold_id)))
    assert await wallet_of(books, ada) == (1_000, 0, 0, 1)
    assert len(await books.entries(ada)) == 1, "what was only held is no line of the statement"
    assert await house(backdoor) == {"RAIL_CLEARING": 1_000}
    assert (await verify(books.database)).problems == []


async def test_what_was_sent_may_come_back(books: Books, backdoor: Backdoor) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    sent = await books.submit(ending(withdrawal.SENT, ada, withdrawal.sent(hold_id, cents(400))))
    back = order(withdrawal.RETURNED, ada, withdrawal.returned(ada, cents(400)), reverses_id=sent.journal_id)
    await books.submit(back)
    assert await wallet_of(books, ada) == (1_000, 0, 0, 3)
    assert await house(backdoor) == {"RAIL_CLEARING": 1_000}
    assert (await verify(books.database)).problems == []


async def test_settling_less_than_was_held_lets_go_of_the_rest(books: Books) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    await books.submit(ending(withdrawal.SENT, ada, withdrawal.sent(hold_id, cents(150))))
    assert await wallet_of(books, ada) == (850, 0, 0, 2)
    assert (await verify(books.database)).problems == []


async def test_held_money_cannot_be_spent(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)
    await held(books, ada, 400)
    for the_order in (
        payment_of(ada, bob, 601),
        order(withdrawal.KIND, ada, withdrawal.hold(new_id(), ada, cents(601))),
    ):
        with pytest.raises(InsufficientFundsError) as refusal:
            await books.submit(the_order)
        assert (refusal.value.available, refusal.value.shortfall) == (cents(600), cents(1))
    await books.submit(payment_of(ada, bob, 600))


@pytest.mark.parametrize("amount", [None, 1, 400])
async def test_a_hold_that_is_resolved_stays_resolved(books: Books, amount: int | None) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    end = ending(withdrawal.SENT, ada, withdrawal.sent(hold_id, cents(400)), key="end")
    receipt = await books.submit(end)
    late = ending(withdrawal.FAILED, ada, (Resolution(hold_id, amount),), key="late")
    for _ in range(2):  # the refusal is kept
        with pytest.raises(HoldResolvedError) as refusal:
            await books.submit(late)
        assert refusal.value.hold_id == hold_id
    assert await books.submit(end) == Receipt(receipt.journal_id, replayed=True)
    assert await wallet_of(books, ada) == (600, 0, 0, 2)


async def test_of_many_that_resolve_a_hold_at_once_one_does(books: Books) -> None:
    [ada] = await books.people(1, 1_000)
    hold_id = await held(books, ada, 400)
    ends = [ending("END", ada, (Resolution(hold_id, amount),)) for amount in (None, 100, 400) for _ in range(7)]
    outcomes = await asyncio.gather(*map(books.submit, ends), return_exceptions=True)
    assert sum(isinstance(outcome, Receipt) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, HoldResolvedError) for outcome in outcomes) == 20
    assert (await wallet_of(books, ada)).held == 0
    assert (await verify(books.database)).problems == []


async def test_a_hold_and_its_end_in_one_batch_do_not_mix(books: Books) -> None:
    """The end names a hold that no other batch has written yet, so it is refused and not guessed."""
    [ada] = await books.people(1, 1_000)
    hold_id = new_id()
    hold = order(withdrawal.KIND, ada, withdrawal.hold(hold_id, ada, cents(400)))
    end = ending(withdrawal.FAILED, ada, withdrawal.failed(hold_id))
    outcomes = await asyncio.gather(books.submit(hold), books.submit(end), return_exceptions=True)
    assert isinstance(outcomes[0], Receipt)
    assert isinstance(outcomes[1], HoldResolvedError)
    assert await wallet_of(books, ada) == (600, 400, 0, 1)


async def test_many_holds_are_resolved_in_one_batch(books: Books, backdoor: Backdoor) -> None:
    people = await books.people(8, 1_000)
    holds = [await held(books, person, 400) for person in people]
    settled = [400, None, 200, None, 1, None, 399, None]
    ends = [Resolution(hold_id, amount) for hold_id, amount in zip(holds, settled, strict=True)]
    await asyncio.gather(
        *(books.submit(ending("END", person, (end,))) for person, end in zip(people, ends, strict=True))
    )
    assert await books.balances(people) == [600, 1_000, 800, 1_000, 999, 1_000, 601, 1_000]
    assert (await house(backdoor))["PAYOUT_CLEARING"] == -1_000
    assert (await verify(books.database)).problems == []


# Top-ups


async def test_a_top_up_on_its_way_is_not_there_until_it_is_approved(books: Books, backdoor: Backdoor) -> None:
    [ada], bob, hold_id = await books.people(1, 100), new_id(), new_id()
    await books.submit(order(top_up.KIND, ada, top_up.hold(hold_id, ada, cents(500))))
    assert await wallet_of(books, ada) == (100, 0, 500, 1)
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 101))
    await books.submit(ending(top_up.APPROVED, ada, top_up.approved(hold_id, cents(500))))
    assert await wallet_of(books, ada) == (600, 0, 0, 2)
    await books.submit(order(top_up.SETTLED, ada, top_up.settled(cents(500))))
    assert await house(backdoor) == {"RAIL_CLEARING": 100, "BANK_CASH": 500}
    assert (await verify(books.database)).problems == []


async def test_a_top_up_that_is_declined_leaves_no_line(books: Books, backdoor: Backdoor) -> None:
    ada, hold_id = new_id(), new_id()
    await books.submit(order(top_up.KIND, ada, top_up.hold(hold_id, ada, cents(500))))
    await books.submit(ending(top_up.DECLINED, ada, top_up.declined(hold_id)))
    assert await wallet_of(books, ada) == (0, 0, 0, 0)
    assert await books.entries(ada) == []
    assert await house(backdoor) == {}
    assert (await verify(books.database)).problems == []


# Chargebacks


async def charge_back(books: Books, owner: UUID, units: int) -> None:
    await books.submit(order(chargeback.KIND, owner, chargeback.lines(owner, cents(units))))


async def test_a_chargeback_that_the_wallet_can_pay_is_paid(books: Books, backdoor: Backdoor) -> None:
    [ada] = await books.people(1, 1_000)
    await charge_back(books, ada, 1_000)
    assert await books.balance(ada) == 0
    assert await house(backdoor) == {}


@pytest.mark.parametrize("come", ["payment", "tip", "top-up", "returned withdrawal"])
async def test_what_is_owed_is_paid_by_whatever_comes_in(books: Books, backdoor: Backdoor, come: str) -> None:
    ada, bob = await books.people(2, 1_000)
    await books.submit(payment_of(ada, bob, 900))
    await charge_back(books, ada, 1_000)
    assert await books.balance(ada) == 0
    assert (await house(backdoor))["RECEIVABLE"] == 900
    incoming: Callable[[int], Order] = {
        "payment": lambda units: payment_of(bob, ada, units),
        "tip": lambda units: tip_of(bob, ada, units),
        "top-up": lambda units: top_up_of(ada, units),
        "returned withdrawal": lambda units: order(withdrawal.RETURNED, ada, withdrawal.returned(ada, cents(units))),
    }[come]
    await books.submit(incoming(500))
    assert await books.balance(ada) == 0
    assert (await house(backdoor))["RECEIVABLE"] == 400
    await books.submit(incoming(500))
    assert await books.balance(ada) == 100
    assert "RECEIVABLE" not in await house(backdoor)
    assert (await verify(books.database)).problems == []
    # What came and went at once is one line of the statement, if anything is left of it.
    assert [line.amount for line in await books.entries(ada)] == [1_000, -900, -100, 100]


async def test_what_is_owed_is_paid_by_a_top_up_that_was_held(books: Books, backdoor: Backdoor) -> None:
    [ada], hold_id = await books.people(1, 100), new_id()
    await charge_back(books, ada, 400)
    await books.submit(order(top_up.KIND, ada, top_up.hold(hold_id, ada, cents(500))))
    await books.submit(ending(top_up.APPROVED, ada, top_up.approved(hold_id, cents(500))))
    assert await books.balance(ada) == 200
    assert "RECEIVABLE" not in await house(backdoor)
    assert (await verify(books.database)).problems == []


async def test_what_is_owed_in_one_currency_is_not_paid_in_another(books: Books, backdoor: Backdoor) -> None:
    ada = new_id()
    await charge_back(books, ada, 500)
    await books.submit(top_up_of(ada, 300, currency=Currency.EUR))
    assert await books.balance(ada, Currency.EUR) == 300


async def test_debts_and_payments_at_once_add_up(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 1_000)
    orders = [
        *(payment_of(bob, ada, 20) for _ in range(20)),
        *(order(chargeback.KIND, ada, chargeback.lines(ada, cents(150))) for _ in range(10)),
    ]
    await asyncio.gather(*map(books.submit, orders))
    owed = (await house(backdoor)).get("RECEIVABLE", 0)
    assert await books.balance(ada) - owed == 1_000 + 400 - 1_500
    assert await books.balance(ada) == 0
    assert (await verify(books.database)).problems == []


# Expectations and messages


async def test_of_orders_made_for_the_same_usage_one_stands_and_the_others_may_try_again(
    books: Books, backdoor: Backdoor
) -> None:
    ada, bob = await books.people(2, 1_000)

    def drawing(key: str, expected: int) -> Order:
        draw = Draw(ada, "REFUND", USD, SINCE, 10, (Ceiling("REFUND", 100, SINCE),), expected)
        return payment_of(ada, bob, 10, key, draws=(draw,))

    keys = [f"key {number}" for number in range(5)]
    outcomes = await asyncio.gather(*(books.submit(drawing(key, 0)) for key in keys), return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Receipt", *["StaleError"] * 4]
    kept = await backdoor.fetch("SELECT key FROM idempotency WHERE key LIKE 'key %'")
    assert len(kept) == 1
    for expected, key in enumerate((key for key in keys if (key,) not in kept), start=1):
        await books.submit(drawing(key, expected * 10))
    assert await books.balance(ada) == 950


async def test_what_is_stale_is_not_refused_for_ever(books: Books) -> None:
    ada, bob = await books.people(2, 100)
    draw = Draw(ada, "REFUND", USD, SINCE, 500, (Ceiling("REFUND", 1_000, SINCE),), expected=7)
    for _ in range(2):
        with pytest.raises(StaleError):
            await books.submit(payment_of(ada, bob, 500, "key", draws=(draw,)))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 500, "key", draws=(draw._replace(expected=0),)))


async def test_messages_are_written_with_their_journal_or_not_at_all(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 100)
    messages = (Message("tips", "one"), Message("mail", "two"))
    posted = payment_of(ada, bob, 60, "key", messages=messages)
    await books.submit(posted)
    await books.submit(payment_of(ada, bob, 60, "key", messages=messages))
    with pytest.raises(InsufficientFundsError):
        await books.submit(payment_of(ada, bob, 60, messages=messages))
    rows = await backdoor.fetch("SELECT journal_id, topic, payload FROM outbox ORDER BY id")
    journal = posted.id.bytes if backdoor.dialect == "sqlite" else posted.id
    assert rows == [(journal, "tips", "one"), (journal, "mail", "two")]


async def test_an_order_that_the_database_refuses_leaves_no_message(books: Books, backdoor: Backdoor) -> None:
    ada, bob = await books.people(2, 100)
    bad = payment_of(ada, bob, 10, messages=(Message("tips", "one"),), reverses_id=new_id())
    good = payment_of(ada, bob, 10, messages=(Message("tips", "two"),))
    outcomes = await asyncio.gather(books.submit(bad), books.submit(good), return_exceptions=True)
    assert isinstance(outcomes[0], Exception)
    assert isinstance(outcomes[1], Receipt)
    assert await backdoor.fetch("SELECT payload FROM outbox") == [("two",)]


# Refunds


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 10_000), st.integers(0, 5_000), st.lists(st.integers(1, 3_000), max_size=6))
async def test_refunds_in_any_parts_leave_everybody_as_before(
    books: Books, units: int, basis_points: int, parts: list[int]
) -> None:
    ada, bob = await books.people(2, units)
    fee = tip.fee_of(cents(units), basis_points).minor_units
    paid = refund.Paid(ada, bob, units, fee, USD)
    given_to = await books.submit(tip_of(ada, bob, units, basis_points=basis_points))
    refunded = 0
    for part in [*parts, units]:
        back = min(part, units - refunded)
        if back:
            await books.submit(
                order(refund.KIND, bob, refund.lines(paid, refunded, back), reverses_id=given_to.journal_id)
            )
            refunded += back
    assert await books.balances([ada, bob]) == [units, units]
    assert (await verify(books.database)).problems == []


async def test_a_refund_that_its_creator_cannot_pay_is_refused_whole(books: Books) -> None:
    ada, bob = await books.people(2, 1_000)
    await books.submit(tip_of(ada, bob, 1_000, basis_points=1_000))
    await books.submit(payment_of(bob, new_id(), 1_500))
    paid = refund.Paid(ada, bob, 1_000, 100, USD)
    with pytest.raises(LedgerError) as refusal:
        await books.submit(order(refund.KIND, bob, refund.lines(paid, 0, 1_000)))
    assert isinstance(refusal.value, InsufficientFundsError)
    assert (refusal.value.available, refusal.value.shortfall) == (cents(400), cents(500))
    assert await books.balance(ada) == 0


def test_kinds_have_names_of_their_own() -> None:
    kinds = [payment.KIND, tip.KIND, top_up.KIND, refund.KIND, withdrawal.KIND, chargeback.KIND]
    kinds += [top_up.APPROVED, top_up.DECLINED, top_up.SETTLED]
    kinds += [withdrawal.SENT, withdrawal.FAILED, withdrawal.SETTLED, withdrawal.RETURNED]
    assert len(set(kinds)) == len(kinds)
