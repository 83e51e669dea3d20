"""Tipping, sending and topping up: inputs, payloads and what connects them to the commands."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from execution.fields import edge
from models.rails import PayoutSpeed
from models.transfers import Visibility
from resolvers import payments, refunds, tips, top_ups, withdrawals
from resolvers.context import Context
from resolvers.payments import RecipientAsked
from resolvers.transfers import Moved
from resolvers.wallets import WalletRow
from schema.errors import MoneyError
from schema.money import MoneyInput
from schema.payloads import AnyQuery, given, of_result, query_field, replayed_field
from schema.posts import Post
from schema.transfers import Payment, RailTransfer, Tip, Transfer
from schema.wallets import Wallet

_ERRORS = "What went wrong; empty if nothing did. After an error no money has moved and the other fields are null."
_KEY = (
    "A new random text for each payment that is meant, and the same again for each retry: 1 to 255 characters. "
    "The same key with the same input never moves money twice."
)
_WALLET = "The viewer's wallet after it."


@strawberry.input(description="A tip of a post.")
class TipPostInput:
    """A tip of a post."""

    post_id: strawberry.ID = strawberry.field(description="The post.")
    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=_KEY)
    note: str | None = strawberry.field(
        default=strawberry.UNSET, description="A word to the author: at most 280 characters."
    )
    visibility: Visibility = strawberry.field(
        default=Visibility.PUBLIC, description="Who may see it, besides you and the author."
    )


@strawberry.input(one_of=True, description="A person, by id or by handle.")
class RecipientInput:
    """A person, by id or by handle."""

    user_id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The person's id.")
    handle: str | None = strawberry.field(default=strawberry.UNSET, description="The person's handle.")


@strawberry.input(description="Money to be sent to a person.")
class SendMoneyInput:
    """Money to be sent to a person."""

    to: RecipientInput = strawberry.field(description="To whom.")
    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=_KEY)
    note: str | None = strawberry.field(default=strawberry.UNSET, description="What it is for: at most 280 characters.")
    visibility: Visibility = strawberry.field(
        default=Visibility.PARTIES_ONLY, description="Who may see it, besides the two of you."
    )


@strawberry.input(description="Money to be drawn into the wallet.")
class TopUpWalletInput:
    """Money to be drawn into the wallet."""

    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=_KEY)
    funding_source_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="From where; the account's first source if nothing is said."
    )


@strawberry.input(description="Money to be sent out of the wallet.")
class WithdrawInput:
    """Money to be sent out of the wallet."""

    funding_source_id: strawberry.ID = strawberry.field(description="To where: one of the viewer's funding sources.")
    amount: MoneyInput = strawberry.field(description="How much.")
    idempotency_key: str = strawberry.field(description=_KEY)
    speed: PayoutSpeed = strawberry.field(default=PayoutSpeed.STANDARD, description="How fast.")


@strawberry.input(description="A withdrawal to be taken back before it leaves.")
class CancelWithdrawalInput:
    """A withdrawal to be taken back before it leaves."""

    transfer_id: strawberry.ID = strawberry.field(description="The withdrawal.")


@strawberry.input(description="A tip or a payment to be given back by who received it.")
class RefundTransferInput:
    """A tip or a payment to be given back."""

    transfer_id: strawberry.ID = strawberry.field(description="The tip or the payment.")
    idempotency_key: str = strawberry.field(description=_KEY)
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="How much of it; all that is left if nothing is said."
    )


@strawberry.type(description="A tip, with all that it changed.")
class TipPostPayload:
    """A tip, with all that it changed."""

    tip: Tip | None = strawberry.field(description="The tip.")
    post: Post | None = edge(of_result("tip", tips.tipped_posts_of), "The post with its new totals.")
    wallet: Wallet | None = strawberry.field(description=_WALLET)
    replayed: bool = replayed_field()
    query: AnyQuery = query_field()
    user_errors: list[MoneyError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A payment, with all that it changed.")
class PaymentPayload:
    """A payment, with all that it changed."""

    payment: Payment | None = strawberry.field(description="The payment.")
    wallet: Wallet | None = strawberry.field(description=_WALLET)
    replayed: bool = replayed_field()
    query: AnyQuery = query_field()
    user_errors: list[MoneyError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A refund, with all that it changed.")
class RefundPayload:
    """A refund, with all that it changed."""

    refund: Transfer | None = strawberry.field(description="The refund.")
    wallet: Wallet | None = strawberry.field(description=_WALLET)
    replayed: bool = replayed_field()
    query: AnyQuery = query_field()
    user_errors: list[MoneyError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A top-up or a withdrawal, with all that it changed.")
class RailTransferPayload:
    """A top-up or a withdrawal, with all that it changed."""

    transfer: RailTransfer | None = strawberry.field(description="The top-up or the withdrawal.")
    wallet: Wallet | None = strawberry.field(description=_WALLET)
    replayed: bool = replayed_field()
    query: AnyQuery = query_field()
    user_errors: list[MoneyError] = strawberry.field(description=_ERRORS)


Values = Mapping[str, Any]


async def tip_post(ctx: Context, *, input: Annotated[TipPostInput, "The tip."]) -> Values:
    """Tips a post."""
    note, visibility, key = given(input.note), input.visibility, input.idempotency_key
    moved = await tips.tip_post(ctx, input.post_id, input.amount.asked(), note=note, visibility=visibility, key=key)
    return _moved(ctx, "tip", moved)


async def send_money(ctx: Context, *, input: Annotated[SendMoneyInput, "The payment."]) -> Values:
    """Sends money."""
    to = RecipientAsked(given(input.to.user_id), given(input.to.handle))
    note, visibility, key = given(input.note), input.visibility, input.idempotency_key
    moved = await payments.send_money(ctx, to, input.amount.asked(), note=note, visibility=visibility, key=key)
    return _moved(ctx, "payment", moved)


async def refund_transfer(ctx: Context, *, input: Annotated[RefundTransferInput, "The refund."]) -> Values:
    """Refunds a tip or a payment."""
    amount = given(input.amount)
    asked = None if amount is None else amount.asked()
    moved = await refunds.refund_transfer(ctx, input.transfer_id, asked, key=input.idempotency_key)
    return _moved(ctx, "refund", moved)


async def top_up_wallet(ctx: Context, *, input: Annotated[TopUpWalletInput, "The top-up."]) -> Values:
    """Tops up the wallet."""
    source, asked = given(input.funding_source_id), input.amount.asked()
    moved = await top_ups.top_up_wallet(ctx, source, asked, key=input.idempotency_key)
    return _moved(ctx, "transfer", moved)


async def withdraw(ctx: Context, *, input: Annotated[WithdrawInput, "The withdrawal."]) -> Values:
    """Withdraws money."""
    asked, key = input.amount.asked(), input.idempotency_key
    moved = await withdrawals.withdraw(ctx, input.funding_source_id, asked, speed=input.speed, key=key)
    return _moved(ctx, "transfer", moved)


async def cancel_withdrawal(ctx: Context, *, input: Annotated[CancelWithdrawalInput, "Which one."]) -> Values:
    """Takes a withdrawal back."""
    transfer = await withdrawals.cancel_withdrawal(ctx, input.transfer_id)
    return _moved(ctx, "transfer", Moved(transfer, replayed=False))


def _moved(ctx: Context, name: str, moved: Moved) -> Values:
    assert ctx.viewer_id is not None, "money moves for someone"
    return {name: moved.transfer, "wallet": WalletRow(ctx.viewer_id, moved.left), "replayed": moved.replayed}
