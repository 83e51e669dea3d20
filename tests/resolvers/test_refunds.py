"""Refunds: who may give back what, how much, and what becomes of the totals."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from models.money import Currency
from models.transfers import TransferKind, TransferStatus, Visibility
from resolvers import refunds, tips, transfers
from resolvers.context import App, TokenScope
from resolvers.errors import (
    IdempotencyConflictError,
    InputError,
    InsufficientFundsError,
    NotFoundError,
    NotPermittedError,
    Refused,
    SignInRequiredError,
)
from resolvers.ids import Kind, public_id
from resolvers.posts import PostRow
from resolvers.transfers import KINDS, Moved, TransferRow
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, money, new_key, refusal

USD, EUR = Currency.USD, Currency.EUR


def name_of(transfer: TransferRow) -> str:
    return public_id(KINDS[transfer.kind], transfer.id)


async def refund(
    who: Person, transfer: TransferRow, amount: str | None = None, currency: Currency = USD, key: str | None = None
) -> Moved:
    asked = None if amount is None else money(amount, currency)
    return await refunds.refund_transfer(who.ctx(), name_of(transfer), asked, key=key or new_key())


async def tipped(town: Town, amount: str = "10") -> tuple[Person, Person, PostRow, TransferRow]:
    """Ada has tipped Ben's post with all that she had."""
    ada, ben = await town.person("ada", amount), await town.person("ben")
    post = await ben.post()
    return ada, ben, post, (await ada.tips(post, amount)).transfer


async def now(viewer: Person, transfer: TransferRow) -> TransferRow:
    return (await transfers.transfers_by_id(viewer.ctx(), [transfer.id]))[transfer.id]


async def total(viewer: Person, post: PostRow) -> str:
    [found] = await tips.tip_total_of(viewer.ctx(), [post])
    return str(found.amount)


async def test_a_tip_is_given_back_whole(town: Town) -> None:
    ada, ben, post, tip = await tipped(town)
    moved = await refund(ben, tip)
    assert not moved.replayed
    given = moved.transfer
    assert (given.kind, given.sender_id, given.recipient_id) == (TransferKind.REFUND, ben.id, ada.id)
    assert (given.amount, given.fee, given.refund_of_id) == (1_000, 0, tip.id)
    assert given.visibility is Visibility.PARTIES_ONLY
    assert [await ada.has(), await ben.has()] == ["10.00", "0.00"]
    after = await now(ada, tip)
    assert (after.refunded, after.status) == (1_000, TransferStatus.REVERSED)
    assert await total(ada, post) == "0.00"
    assert await tips.tip_count_of(ada.ctx(), [post]) == [1], "it was a tip all the same"


async def test_a_payment_is_given_back_in_parts(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    paid = (await ada.sends(ben, "10")).transfer
    for amount, left, status in (("4", "6.00", "COMPLETED"), ("5.99", "0.01", "COMPLETED"), (None, "0.00", "REVERSED")):
        await refund(ben, paid, amount)
        assert await ben.has() == left
        assert (await now(ada, paid)).status == status
    assert await ada.has() == "10.00"
    assert (await now(ada, paid)).refunded == 1_000


async def test_the_fees_share_comes_back_too(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, fee_basis_points=700)))
    ada, ben, post, tip = await tipped(town, "9.99")
    assert tip.fee == 69
    fees = [(await refund(ben, tip, amount)).transfer.fee for amount in ("3.33", "3.33", None)]
    assert (fees, sum(fees)) == ([23, 23, 23], tip.fee)
    assert [await ada.has(), await ben.has()] == ["9.99", "0.00"]
    assert await total(ada, post) == "0.00"


async def test_the_totals_follow(town: Town, backdoor: Backdoor) -> None:
    ada, ben, post, tip = await tipped(town)
    await refund(ben, tip, "2.50")
    assert await total(ada, post) == "7.50"
    [own] = await tips.viewer_tip_total_of(ada.ctx(), [post])
    assert own is not None
    assert str(own.amount) == "7.50"
    assert not [line for line in await miscounts(backdoor) if "totals" not in line]


@pytest.mark.parametrize("who", ["the sender", "somebody else"])
async def test_only_the_recipient_gives_back(town: Town, backdoor: Backdoor, who: str) -> None:
    ada, _, _, tip = await tipped(town)
    eve = await town.person("eve", "10")
    before = await contents(backdoor)
    error = await refusal(refund(ada if who == "the sender" else eve, tip))
    assert isinstance(error, NotPermittedError if who == "the sender" else NotFoundError)
    assert error.path == ("transferId",)
    assert await contents(backdoor) == before


async def test_nobody_gives_back_without_leave(town: Town) -> None:
    _, ben, _, tip = await tipped(town)
    error = await refusal(refund(ben.limited(TokenScope.READ, TokenScope.WRITE), tip))
    assert isinstance(error, NotPermittedError)
    with pytest.raises(SignInRequiredError):
        await refunds.refund_transfer(town.stranger(), name_of(tip), None, key=new_key())


async def test_top_ups_and_refunds_are_not_given_back(town: Town) -> None:
    ada, ben, _, tip = await tipped(town)
    drawn = (await ada.tops_up("5")).transfer
    back = (await refund(ben, tip)).transfer
    for transfer in (drawn, back):
        error = await refusal(refund(ada, transfer))
        assert isinstance(error, NotPermittedError)
        assert "Only tips and payments" in error.message


@pytest.mark.parametrize("name", ["", "tip_x", "post_" + "0" * 32, "tip_" + "0" * 32])
async def test_what_is_not_there_is_not_given_back(town: Town, name: str) -> None:
    ben = await town.person("ben")
    error = await refusal(refunds.refund_transfer(ben.ctx(), name, None, key=new_key()))
    assert error == NotFoundError("There is no such transfer.", ("transferId",))


@pytest.mark.parametrize(
    ("amount", "currency", "path"),
    [
        ("10.01", USD, ("amount", "amount")),
        ("0", USD, ("amount", "amount")),
        ("-1", USD, ("amount", "amount")),
        ("0.001", USD, ("amount", "amount")),
        ("1", EUR, ("amount", "currency")),
    ],
)
async def test_no_more_than_was_paid_and_in_no_other_currency(
    town: Town, backdoor: Backdoor, amount: str, currency: Currency, path: tuple[str, ...]
) -> None:
    _, ben, _, tip = await tipped(town)
    before = await contents(backdoor)
    error = await refusal(refund(ben, tip, amount, currency))
    assert isinstance(error, InputError)
    assert error.path == path
    assert await contents(backdoor) == before


async def test_what_is_left_can_be_given_back_and_no_more(town: Town) -> None:
    _, ben, _, tip = await tipped(town)
    await refund(ben, tip, "9")
    error = await refusal(refund(ben, tip, "1.01"))
    assert error.message == "Only 1.00 USD of it is left to refund."
    await refund(ben, tip)
    error = await refusal(refund(ben, tip))
    assert error.message == "All of it has been refunded."


async def test_what_is_spent_cannot_be_given_back(town: Town) -> None:
    ada, ben, _, tip = await tipped(town)
    eve = await town.person("eve")
    await ben.sends(eve, "9.50")
    error = await refusal(refund(ben, tip))
    assert isinstance(error, InsufficientFundsError)
    assert str(error.shortfall.amount) == "9.50"
    assert await ada.has() == "0.00"
    assert (await now(ada, tip)).refunded == 0
    await refund(ben, tip, "0.50")


async def test_the_same_request_again_is_answered_with_the_first(town: Town) -> None:
    ada, ben, _, tip = await tipped(town)
    first = await refund(ben, tip, "4", key="key")
    again = await refund(ben, tip, "4", key="key")
    assert (again.transfer, again.replayed) == (first.transfer, True)
    error = await refusal(refund(ben, tip, "5", key="key"))
    assert isinstance(error, IdempotencyConflictError)
    await refund(ben, tip)
    again = await refund(ben, tip, "4", key="key")  # though nothing is left of it by now
    assert (again.transfer.id, again.replayed) == (first.transfer.id, True)
    assert await ada.has() == "10.00"


async def test_two_at_once_never_give_back_more_than_was_paid(town: Town) -> None:
    ada, ben, post, tip = await tipped(town)
    await ben.tops_up("100")
    outcomes: list[Any] = await asyncio.gather(*(refund(ben, tip, "3") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Moved) for outcome in outcomes) == 3
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Moved)]
    assert all(isinstance(outcome, Refused) for outcome in refused)
    assert [await ada.has(), await ben.has(), await total(ada, post)] == ["9.00", "101.00", "1.00"]
    outcomes = await asyncio.gather(*(refund(ben, tip) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Moved) for outcome in outcomes) == 1
    assert [await ada.has(), await ben.has()] == ["10.00", "100.00"]


async def test_one_key_at_once_gives_back_once(town: Town) -> None:
    ada, ben, _, tip = await tipped(town)
    moved = await asyncio.gather(*(refund(ben, tip, "4", key="key") for _ in range(8)))
    assert sum(not each.replayed for each in moved) == 1
    assert len({each.transfer.id for each in moved}) == 1
    assert await ada.has() == "4.00"


async def test_a_refund_knows_what_it_gives_back(town: Town) -> None:
    ada, ben, _, tip = await tipped(town)
    back = (await refund(ben, tip, "4")).transfer
    [original] = await refunds.refunded_by(ada.ctx(), [back])
    assert original.id == tip.id
    assert original.refunded == 400
    assert name_of(back).startswith(Kind.REFUND)


async def test_through_the_schema(town: Town) -> None:
    ada, ben, post, tip = await tipped(town)
    query = """mutation($id: ID!, $key: String!, $amount: MoneyInput) {
        refundTransfer(input: {transferId: $id, idempotencyKey: $key, amount: $amount}) {
            refund { __typename amount { amount } ... on Refund { refundOf { id status } } }
            wallet { balance { available { amount } } } replayed
            userErrors { __typename ... on UserError { message } }
    } }"""
    asked = {"id": name_of(tip), "key": "key", "amount": {"amount": "4"}}
    expected = {
        "refund": {
            "__typename": "Refund",
            "amount": {"amount": "4.00"},
            "refundOf": {"id": name_of(tip), "status": "COMPLETED"},
        },
        "wallet": {"balance": {"available": {"amount": "6.00"}}},
        "replayed": False,
        "userErrors": [],
    }
    assert (await town.ask(query, ben, **asked)).data["refundTransfer"] == expected
    assert (await town.ask(query, ben, **asked)).data["refundTransfer"] == {**expected, "replayed": True}
    refused = (await town.ask(query, ada, **asked)).data["refundTransfer"]
    assert (refused["refund"], refused["userErrors"][0]["__typename"]) == (None, "NotPermittedError")
    assert await total(ada, post) == "6.00"
