"""Retries of whatever moves money: the same key with the same input moves it once, for tips, payments and top-ups."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from ledger.verify import verify
from models.money import Currency, Money
from models.transfers import TransferKind, Visibility
from resolvers import payments, tips, top_ups
from resolvers.context import App, TokenScope
from resolvers.errors import (
    IdempotencyConflictError,
    InputError,
    InsufficientFundsError,
    LimitExceededError,
    NotFoundError,
    NotPermittedError,
    Refused,
    SignInRequiredError,
)
from resolvers.ids import Kind, public_id
from resolvers.payments import RecipientAsked
from resolvers.posts import PostRow
from resolvers.transfers import Moved
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of, money, refusal


class Scene(NamedTuple):
    """Ada, who has money, and a post of Ben's."""

    town: Town
    ada: Person
    ben: Person
    post: PostRow


@pytest.fixture
async def scene(town: Town) -> Scene:
    ada, ben = await town.person("ada", "100"), await town.person("ben")
    return Scene(town, ada, ben, await ben.post())


Move = Callable[..., Awaitable[Moved]]


async def _tip(scene: Scene, amount: str, key: str, currency: Currency = Currency.USD) -> Moved:
    return await scene.ada.tips(scene.post, amount, currency, key=key)


async def _send(scene: Scene, amount: str, key: str, currency: Currency = Currency.USD) -> Moved:
    return await scene.ada.sends(scene.ben, amount, currency, key=key)


async def _top_up(scene: Scene, amount: str, key: str, currency: Currency = Currency.USD) -> Moved:
    return await scene.ada.tops_up(amount, currency, key=key)


MOVES: dict[str, Move] = {"tip": _tip, "send": _send, "top-up": _top_up}
SPENDING: dict[str, Move] = {"tip": _tip, "send": _send}
every_move = pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
every_spending = pytest.mark.parametrize("move", SPENDING.values(), ids=SPENDING)


@every_move
async def test_a_retry_gets_the_same_transfer_and_nothing_moves_again(
    scene: Scene, backdoor: Backdoor, move: Move
) -> None:
    first = await move(scene, "5.00", "k")
    assert not first.replayed
    before = await contents(backdoor)
    balance = await scene.ada.balance()
    for amount in ("5.00", "5", "5.000000", "5e0"):  # the same amount, however it is written
        again = await move(scene, amount, "k")
        assert again.replayed
        assert again.transfer == first.transfer
    assert await scene.ada.balance() == balance
    assert await contents(backdoor) == before


@every_move
async def test_the_key_with_another_amount_is_a_conflict(scene: Scene, backdoor: Backdoor, move: Move) -> None:
    first = await move(scene, "5.00", "k")
    before = await contents(backdoor)
    for amount, currency in (("5.01", Currency.USD), ("5.00", Currency.EUR), ("500", Currency.USD)):
        error = await refusal(move(scene, amount, "k", currency))
        assert isinstance(error, IdempotencyConflictError)
        assert error.path == ("idempotencyKey",)
        assert error.first_used_at == first.transfer.created_at
    assert await contents(backdoor) == before


async def test_the_key_with_any_other_input_is_a_conflict(scene: Scene, backdoor: Backdoor) -> None:
    ada, ben, post = scene.ada, scene.ben, scene.post
    other_post, eve = await ben.post(), await scene.town.person("eve")
    await ada.tips(post, key="tip")
    await ada.sends(ben, key="send")
    await ada.tops_up("1.00", key="top-up")
    before = await contents(backdoor)
    for other in (
        ada.tips(other_post, key="tip"),
        ada.tips(post, key="tip", note="Thanks"),
        ada.tips(post, key="tip", visibility=Visibility.FOLLOWERS),
        ada.sends(ben, key="tip"),
        ada.tops_up("1.00", key="tip"),
        ada.sends(eve, key="send"),
        ada.sends(ben, key="send", note="Thanks"),
        ada.sends(ben, key="send", visibility=Visibility.PUBLIC),
        ada.tips(post, key="send"),
        ada.sends(ben, key="top-up"),
    ):
        assert isinstance(await refusal(other), IdempotencyConflictError)
    assert await contents(backdoor) == before


async def test_the_key_is_kept_exactly(scene: Scene) -> None:
    moved = [
        await scene.ada.tops_up("1.00", key=key) for key in ("k", "K", " k", "k ", "k k", "\uff4b", "é", "e\u0301")
    ]
    assert [one.replayed for one in moved] == [False] * 8
    assert await scene.ada.has() == "108.00"


async def test_a_key_is_an_accounts_own(scene: Scene) -> None:
    cem = await scene.town.person("cem", "100")
    assert not (await scene.ada.tips(scene.post, key="k")).replayed
    assert not (await cem.tips(scene.post, key="k")).replayed
    assert (await scene.ada.tips(scene.post, key="k")).transfer.sender_id == scene.ada.id
    assert (await cem.tips(scene.post, key="k")).transfer.sender_id == cem.id


async def test_a_retry_by_another_token_of_the_account_is_a_retry(scene: Scene) -> None:
    first = await scene.ada.tips(scene.post, key="k")
    again = await scene.ada.limited(TokenScope.PAY).tips(scene.post, key="k")
    assert again == Moved(first.transfer, replayed=True)


@every_spending
async def test_a_refusal_is_kept_for_its_key_and_a_new_key_tries_again(
    scene: Scene, backdoor: Backdoor, move: Move
) -> None:
    error = await refusal(move(scene, "150.00", "k"))
    assert isinstance(error, InsufficientFundsError)
    assert (error.available, error.shortfall) == (Money(100_00, Currency.USD), Money(50_00, Currency.USD))
    await scene.ada.tops_up("100")
    before = await contents(backdoor)
    assert await refusal(move(scene, "150.00", "k")) == error
    assert isinstance(await refusal(move(scene, "1.00", "k")), IdempotencyConflictError)
    assert await contents(backdoor) == before
    assert not (await move(scene, "150.00", "new")).replayed
    assert await scene.ada.has() == "50.00"


@every_move
async def test_a_limits_refusal_is_kept_too(scene: Scene, move: Move) -> None:
    await scene.ada.tops_up("4000")
    error = await refusal(move(scene, "2500" if move is not _top_up else "1000", "k"))
    assert isinstance(error, LimitExceededError)
    assert await refusal(move(scene, "2500" if move is not _top_up else "1000", "k")) == error
    assert not (await move(scene, "100", "new")).replayed


@every_move
async def test_a_refusal_leaves_nothing_but_itself(scene: Scene, backdoor: Backdoor, move: Move) -> None:
    before = await contents(backdoor)
    await refusal(move(scene, "5001", "k"))
    after = await contents(backdoor)
    [kept] = [row for row in after.pop("idempotency") if row not in before["idempotency"]]
    assert "k" in kept
    before.pop("idempotency")
    assert after == before


@every_move
@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "1e30", "NaN", "Infinity"])
async def test_a_malformed_amount_leaves_the_key_free(
    scene: Scene, backdoor: Backdoor, move: Move, amount: str
) -> None:
    before = await contents(backdoor)
    error = await refusal(move(scene, amount, "k"))
    assert isinstance(error, InputError)
    assert error.path == ("amount", "amount")
    assert await contents(backdoor) == before
    assert not (await move(scene, "5.00", "k")).replayed


@every_move
@pytest.mark.parametrize("key", ["", "x" * 256, "\x00", "a\nb", "\ud800"])
async def test_a_malformed_key_is_refused(scene: Scene, backdoor: Backdoor, move: Move, key: str) -> None:
    before = await contents(backdoor)
    error = await refusal(move(scene, "5.00", key))
    assert isinstance(error, InputError)
    assert error.path == ("idempotencyKey",)
    assert await contents(backdoor) == before


@every_spending
@pytest.mark.parametrize("note", ["x" * 281, "\x00", "a\ud800"])
async def test_a_malformed_note_is_refused(scene: Scene, backdoor: Backdoor, move: Move, note: str) -> None:
    before = await contents(backdoor)
    way = scene.ada.tips(scene.post, note=note) if move is _tip else scene.ada.sends(scene.ben, note=note)
    error = await refusal(way)
    assert isinstance(error, InputError)
    assert error.path == ("note",)
    assert await contents(backdoor) == before


async def test_all_that_is_malformed_is_told_at_once(scene: Scene) -> None:
    with pytest.raises(Refused) as refused:
        await scene.ada.tips(scene.post, "-1", note="\x00", key="")
    assert {error.path for error in refused.value.errors} == {("amount", "amount"), ("note",), ("idempotencyKey",)}


async def test_what_names_nothing_that_is_there_leaves_the_key_free(scene: Scene, backdoor: Backdoor) -> None:
    ada, ctx, amount = scene.ada, scene.ada.ctx(), money("1")
    unknown = ctx.new_id()
    before = await contents(backdoor)
    for wrong in (public_id(Kind.POST, unknown), scene.ben.public_id, "", "post_", "\x00", "\ud800"):
        visibility = Visibility.PUBLIC
        tip = tips.tip_post(ctx, wrong, amount, note=None, visibility=visibility, key="k")
        assert await refusal(tip) == NotFoundError("There is no such post.", ("postId",))
    for to in (
        RecipientAsked(public_id(Kind.USER, unknown), None),
        RecipientAsked(id_of(scene.post), None),
        RecipientAsked("", None),
        RecipientAsked("\x00", None),
        RecipientAsked(None, "nobody"),
        RecipientAsked(None, ""),
        RecipientAsked(None, "\x00"),
        RecipientAsked(None, "\ud800"),
    ):
        sent = payments.send_money(ctx, to, amount, note=None, visibility=Visibility.PUBLIC, key="k")
        assert await refusal(sent) == NotFoundError("There is no such user.", ("to",))
    for source in (public_id(Kind.CARD, unknown), ada.public_id, "", "\x00"):
        drawn = top_ups.top_up_wallet(ctx, source, amount, key="k")
        assert await refusal(drawn) == NotFoundError("You have no such funding source.", ("fundingSourceId",))
    assert isinstance(await refusal((await ada.post(), ada)[1].tips(await ada.post(), key="k")), NotPermittedError)
    assert (await contents(backdoor))["idempotency"] == before["idempotency"]
    assert not (await ada.tips(scene.post, key="k")).replayed


async def test_a_tip_is_replayed_after_its_post_is_deleted(scene: Scene) -> None:
    first = await scene.ada.tips(scene.post, "5", key="k")
    await scene.ben.deletes(scene.post)
    assert await scene.ada.tips(scene.post, "5", key="k") == Moved(first.transfer, replayed=True)
    assert isinstance(await refusal(scene.ada.tips(scene.post, "6", key="k")), IdempotencyConflictError)
    assert isinstance(await refusal(scene.ada.tips(scene.post, "5", key="new")), NotFoundError)


@every_spending
@pytest.mark.parametrize("blocker", ["ada", "ben"])
async def test_a_transfer_is_replayed_after_a_block(scene: Scene, move: Move, blocker: str) -> None:
    first = await move(scene, "5", "k")
    await (scene.ada.blocks(scene.ben) if blocker == "ada" else scene.ben.blocks(scene.ada))
    assert await move(scene, "5", "k") == Moved(first.transfer, replayed=True)
    assert isinstance(await refusal(move(scene, "6", "k")), IdempotencyConflictError)
    await refusal(move(scene, "5", "new"))
    assert await scene.ada.has() == "95.00"


@every_spending
async def test_a_refusal_is_replayed_after_a_block(scene: Scene, move: Move) -> None:
    error = await refusal(move(scene, "150", "k"))
    await scene.ada.blocks(scene.ben)
    assert await refusal(move(scene, "150", "k")) == error


@every_spending
async def test_a_transfer_is_replayed_when_nothing_is_left(scene: Scene, move: Move) -> None:
    first = await move(scene, "99", "k")
    await scene.ada.sends(scene.ben, "1")
    assert await scene.ada.has() == "0.00"
    assert await move(scene, "99", "k") == Moved(first.transfer, replayed=True)


@every_move
async def test_many_retries_at_once_move_it_once(scene: Scene, backdoor: Backdoor, move: Move) -> None:
    before = (await scene.ada.balance()).version
    moved = await asyncio.gather(*(move(scene, "5.00", "k") for _ in range(16)))
    assert [one.replayed for one in moved].count(False) == 1
    assert len({one.transfer.id for one in moved}) == 1
    assert (await scene.ada.balance()).version == before + 1
    assert await scene.ada.has() == ("105.00" if move is _top_up else "95.00")
    assert await miscounts(backdoor) == []


@every_move
async def test_of_many_inputs_with_one_key_at_once_one_stands(scene: Scene, move: Move) -> None:
    outcomes = await asyncio.gather(*(move(scene, f"{n}.00", "k") for n in range(1, 9)), return_exceptions=True)
    [stands] = [one for one in outcomes if isinstance(one, Moved)]
    refused = [one.errors for one in outcomes if isinstance(one, Refused)]
    assert len(refused) == 7
    assert all(isinstance(error, IdempotencyConflictError) for [error] in refused)
    moved = stands.transfer.amount if move is _top_up else -stands.transfer.amount
    assert (await scene.ada.balance()).available.minor_units == 100_00 + moved


@every_spending
async def test_the_last_dollar_is_spent_once(scene: Scene, move: Move) -> None:
    await scene.ada.sends(scene.ben, "99")
    outcomes = await asyncio.gather(*(move(scene, "1.00", f"k{n}") for n in range(12)), return_exceptions=True)
    refused = [one.errors for one in outcomes if isinstance(one, Refused)]
    assert len(refused) == 11
    assert all(isinstance(error, InsufficientFundsError) for [error] in refused)
    assert await scene.ada.has() == "0.00"


@every_move
async def test_moving_money_takes_the_scope_pay(scene: Scene, backdoor: Backdoor, move: Move) -> None:
    before = await contents(backdoor)
    unable = scene._replace(ada=scene.ada.limited(TokenScope.READ, TokenScope.WRITE))
    assert isinstance(await refusal(move(unable, "1", "k")), NotPermittedError)
    assert await contents(backdoor) == before
    await move(scene._replace(ada=scene.ada.limited(TokenScope.PAY)), "1", "k")


async def test_the_signed_out_move_no_money(scene: Scene) -> None:
    stranger, amount = scene.town.stranger(), money("1")
    to = RecipientAsked(None, "ben")
    visibility = Visibility.PUBLIC
    commands: list[Awaitable[Any]] = [
        tips.tip_post(stranger, id_of(scene.post), amount, note=None, visibility=visibility, key="k"),
        payments.send_money(stranger, to, amount, note=None, visibility=visibility, key="k"),
        top_ups.top_up_wallet(stranger, None, amount, key="k"),
    ]
    for command in commands:
        with pytest.raises(SignInRequiredError):
            await command


async def test_what_would_pass_64_bits_moves_nothing_and_harms_nobody(app: App, backdoor: Backdoor) -> None:
    town = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("92233720368547758.07")
    before = await contents(backdoor)
    too_large = InputError("The amount is larger than an account can take.", ("amount", "amount"))
    assert await refusal(ada.tops_up("0.01", key="k")) == too_large
    assert await contents(backdoor) == before, "its key can be used again"
    errors, _ = await asyncio.gather(refusal(ada.tops_up("0.01")), ben.tops_up("5", Currency.EUR))
    assert errors == too_large
    assert [await ada.has(), await ben.has(Currency.EUR)] == ["92233720368547758.07", "5.00"]
    assert len((await contents(backdoor))["journals"]) == len(before["journals"]) + 2, "one is opened, and approved"
    assert (await verify(app.database)).problems == []


async def test_a_client_is_told_of_an_amount_that_would_pass_64_bits(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada = await town.person("ada", "92233720368547758.07")
    mutation = """mutation { topUpWallet(input: {amount: {amount: "0.01", currency: USD}, idempotencyKey: "k"}) {
        transfer { amount { amount } } userErrors { __typename ... on InputError { code path } }
    } }"""
    error = {"__typename": "InputError", "code": "INVALID", "path": ["amount", "amount"]}
    assert (await town.ask(mutation, ada)).data["topUpWallet"] == {"transfer": None, "userErrors": [error]}


async def test_what_is_kept_of_a_transfer(scene: Scene) -> None:
    note, followers = " Thanks!\r\n", Visibility.FOLLOWERS
    tip = (await scene.ada.tips(scene.post, "2.50", note=note, visibility=followers)).transfer
    sent = (await scene.ada.sends(scene.ben, "3", note=note)).transfer
    drawn = (await scene.ada.tops_up("4")).transfer
    assert [(one.kind, one.amount, one.fee, one.currency) for one in (tip, sent, drawn)] == [
        (TransferKind.TIP, 250, 0, Currency.USD),
        (TransferKind.PAYMENT, 300, 0, Currency.USD),
        (TransferKind.TOP_UP, 400, 0, Currency.USD),
    ]
    assert [(one.sender_id, one.recipient_id, one.post_id) for one in (tip, sent, drawn)] == [
        (scene.ada.id, scene.ben.id, scene.post.id),
        (scene.ada.id, scene.ben.id, None),
        (None, scene.ada.id, None),
    ]
    assert [(one.note, one.visibility) for one in (tip, sent, drawn)] == [
        ("Thanks!", followers),
        ("Thanks!", Visibility.PARTIES_ONLY),
        (None, Visibility.PARTIES_ONLY),
    ]
    assert [one.status for one in (tip, sent, drawn)] == ["COMPLETED"] * 3
    assert all(abs(one.created_at - scene.ada.ctx().now()) < timedelta(minutes=10) for one in (tip, sent, drawn))
