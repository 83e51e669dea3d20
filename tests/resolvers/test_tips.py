"""Tips: what they move, who sees them, and that the preview says beforehand what a tip will do."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from models.money import Currency, Money
from models.transfers import Visibility
from resolvers import nodes, tips, transfers
from resolvers.context import App, TokenScope
from resolvers.errors import (
    BlockedError,
    InputError,
    InsufficientFundsError,
    LimitExceededError,
    NotFoundError,
    NotPermittedError,
    Refused,
    SignInRequiredError,
    UserError,
)
from resolvers.ids import Kind, public_id
from resolvers.posts import PostRow
from resolvers.tips import TipPreview
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of, money, refusal

USD, EUR, JPY = Currency.USD, Currency.EUR, Currency.JPY


async def total(viewer: Person, post: PostRow, currency: Currency = USD) -> str:
    [total] = await tips.tip_total_of(viewer.ctx(), [post], currency=currency)
    return str(total.amount)


async def own_total(viewer: Person, post: PostRow, currency: Currency = USD) -> str:
    [total] = await tips.viewer_tip_total_of(viewer.ctx(), [post], currency=currency)
    assert total is not None
    return str(total.amount)


async def notes(viewer: Person, post: PostRow) -> list[str | None]:
    [page] = await tips.tips_of(viewer.ctx(), [post])
    return [edge.node.note for edge in page.edges]


async def preview(viewer: Person, post: PostRow, amount: str, currency: Currency = USD) -> TipPreview:
    return await tips.tip_preview(viewer.ctx(), id_of(post), money(amount, currency))


async def test_a_tip_goes_from_the_wallet_to_the_author_and_into_the_posts_totals(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post, other = await ben.post(), await ben.post()
    await ada.tips(post, "2.50")
    await ada.tips(post, "1.25")
    assert [await ada.has(), await ben.has()] == ["6.25", "3.75"]
    assert await tips.tip_count_of(ada.ctx(), [other, post]) == [0, 2]
    assert [await total(ada, post), await total(ada, other)] == ["3.75", "0.00"]
    assert [await own_total(ada, post), await own_total(ben, post)] == ["3.75", "0.00"]
    assert await tips.viewer_tip_total_of(town.stranger(), [post]) == [None]


async def test_currencies_are_counted_together_and_added_up_apart(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    await ada.tops_up("10", EUR)
    await ada.tops_up("1000", JPY)
    post = await ben.post()
    for amount, currency in (("1.01", USD), ("2.02", EUR), ("30", JPY)):
        await ada.tips(post, amount, currency)
    assert await tips.tip_count_of(ada.ctx(), [post]) == [3]
    assert [await total(ada, post, currency) for currency in (USD, EUR, JPY, Currency.GBP)] == [
        "1.01",
        "2.02",
        "30",
        "0.00",
    ]
    assert await own_total(ada, post, JPY) == "30"
    assert [await ben.has(currency) for currency in (USD, EUR, JPY)] == ["1.01", "2.02", "30"]


async def test_over_the_balance_the_shortfall_is_told_and_nothing_moves(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post = await ben.post()
    error = await refusal(ada.tips(post, "12.34"))
    assert error == InsufficientFundsError(
        "The balance is too low.", ("amount", "amount"), available=Money(1000, USD), shortfall=Money(234, USD)
    )
    error = await refusal(ada.tips(post, "1", EUR))
    assert isinstance(error, InsufficientFundsError)
    assert (error.available, error.shortfall) == (Money(0, EUR), Money(100, EUR))
    assert [await ada.has(), await ben.has(), await total(ada, post)] == ["10.00", "0.00", "0.00"]
    assert await miscounts(backdoor) == []


async def test_the_whole_balance_can_be_tipped(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    await ada.tips(await ben.post(), "10")
    assert [await ada.has(), await ben.has()] == ["0.00", "10.00"]


async def test_a_fee_is_taken_from_the_amount_and_rounded_down(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, fee_basis_points=250)))
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post = await ben.post()
    for amount, fee, gets in (("4.00", 10, 390), ("0.39", 0, 39), ("0.40", 1, 39), ("0.01", 0, 1)):
        before = (await ben.balance()).available.minor_units
        foretold = await preview(ada, post, amount)
        assert (foretold.fee, foretold.recipient_gets) == (Money(fee, USD), Money(gets, USD))
        assert (await ada.tips(post, amount)).transfer.fee == fee
        assert (await ben.balance()).available.minor_units - before == gets
    assert await total(ada, post) == "4.80", "the total is what was given, fees included"
    assert await ada.has() == "5.20"


async def test_nobody_tips_their_own_post(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada", "10")
    post = await ada.post()
    before = await contents(backdoor)
    error = await refusal(ada.tips(post))
    assert isinstance(error, NotPermittedError)
    assert error.path == ("postId",)
    assert await contents(backdoor) == before


async def test_the_post_of_a_tip_is_null_once_it_is_deleted(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post = await ben.post()
    tip = (await ada.tips(post)).transfer
    assert await tips.tipped_posts_of(ada.ctx(), [tip]) == [post]
    await ben.deletes(post)
    assert await tips.tipped_posts_of(ada.ctx(), [tip]) == [None]
    [sender], [recipient] = [await edge(ada.ctx(), [tip]) for edge in (transfers.senders_of, transfers.recipients_of)]
    assert sender is not None
    assert recipient is not None
    assert (sender.handle, recipient.handle) == ("ada", "ben")


# Who sees a tip


async def test_tips_stand_under_their_post_the_latest_first(town: Town) -> None:
    ada, ben, cem = await town.people("ada", "ben", "cem", dollars="10")
    post, other = await ben.post(), await ben.post()
    await ada.tips(post, note="one")
    await cem.tips(post, note="two")
    await ada.tips(other, note="elsewhere")
    await cem.sends(ben, note="no tip", visibility=Visibility.PUBLIC)
    await ada.tips(post, note="three")
    assert await notes(ada, post) == ["three", "two", "one"]
    [first] = await tips.tips_of(town.stranger(), [post], first=2)
    [rest] = await tips.tips_of(town.stranger(), [post], first=2, after=first.page_info.end_cursor)
    assert [edge.node.note for edge in (*first.edges, *rest.edges)] == ["three", "two", "one"]
    assert (first.page_info.has_next_page, rest.page_info.has_next_page) == (True, False)


Viewers = dict[str, Person | None]


@pytest.fixture
async def viewers(town: Town) -> Viewers:
    tipper, author, fan, fan_of_author, idol, blocked, blocker, passer_by = await town.people(
        "tipper", "author", "fan", "fan_of_author", "idol", "blocked", "blocker", "passer_by", dollars="10"
    )
    await fan.follows(tipper)
    await fan_of_author.follows(author)
    await tipper.follows(idol)
    await tipper.blocks(blocked)
    await blocker.blocks(tipper)
    everybody = (tipper, author, fan, fan_of_author, idol, blocked, blocker, passer_by)
    return {**{person.handle: person for person in everybody}, "nobody": None}


WHO_SEES = {
    Visibility.PUBLIC: {"tipper", "author", "fan", "fan_of_author", "idol", "passer_by", "nobody"},
    Visibility.FOLLOWERS: {"tipper", "author", "fan"},
    Visibility.PARTIES_ONLY: {"tipper", "author"},
}


@pytest.mark.parametrize("visibility", Visibility)
async def test_a_tip_is_seen_by_those_for_whom_it_is_under_the_post_and_by_its_id(
    town: Town, viewers: Viewers, visibility: Visibility
) -> None:
    tipper, author = viewers["tipper"], viewers["author"]
    assert tipper is not None
    assert author is not None
    post = await author.post()
    tip = (await tipper.tips(post, visibility=visibility)).transfer
    tip_id = public_id(Kind.TIP, tip.id)
    seen_below, seen_by_id = set(), set()
    for name, viewer in viewers.items():
        ctx = town.stranger() if viewer is None else viewer.ctx()
        [page] = await tips.tips_of(ctx, [post])
        found = await nodes.node(ctx, tip_id)
        if [edge.node for edge in page.edges] == [tip]:
            seen_below.add(name)
        if found == tip:
            seen_by_id.add(name)
        assert await tips.tip_count_of(ctx, [post]) == [1], "the count is everybody's"
    assert seen_below == seen_by_id == WHO_SEES[visibility]


@pytest.mark.parametrize("visibility", Visibility)
async def test_a_payment_is_seen_by_those_for_whom_it_is(town: Town, viewers: Viewers, visibility: Visibility) -> None:
    tipper, author = viewers["tipper"], viewers["author"]
    assert tipper is not None
    assert author is not None
    payment = (await tipper.sends(author, visibility=visibility)).transfer
    payment_id = public_id(Kind.PAYMENT, payment.id)
    seen = {
        name
        for name, viewer in viewers.items()
        if await nodes.node(town.stranger() if viewer is None else viewer.ctx(), payment_id) == payment
    }
    assert seen == WHO_SEES[visibility]


# Many at once


async def test_many_tips_at_once_are_all_there(town: Town, backdoor: Backdoor) -> None:
    ben = await town.person("ben")
    crowd = await town.people(*(f"fan{n}" for n in range(10)), dollars="10")
    post = await ben.post()
    await asyncio.gather(*(fan.tips(post, f"0.0{n}") for fan in crowd for n in range(1, 6)))
    assert await tips.tip_count_of(ben.ctx(), [post]) == [50]
    assert [await total(ben, post), await ben.has(), (await ben.balance()).version] == ["1.50", "1.50", 50]
    assert [await fan.has() for fan in crowd] == ["9.85"] * 10
    assert await miscounts(backdoor) == []


async def test_tips_in_a_circle_at_once_lose_nothing(town: Town, backdoor: Backdoor) -> None:
    people = await town.people(*(f"p{n}" for n in range(5)), dollars="1")
    posts = {person.handle: await person.post() for person in people}
    tipping = [
        one.tips(posts[other.handle], "0.10")
        for _ in range(3)
        for one in people
        for other in people
        if one is not other
    ]
    outcomes = await asyncio.gather(*tipping, return_exceptions=True)
    assert all(isinstance(error, InsufficientFundsError) for outcome in outcomes if isinstance(outcome, Refused)
               for error in outcome.errors)  # fmt: skip
    balances = [(await person.balance()).available.minor_units for person in people]
    assert sum(balances) == 500
    assert min(balances) >= 0
    assert await miscounts(backdoor) == []


# The preview


async def test_a_preview_says_what_would_be_left_and_writes_nothing(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post = await ben.post()
    before = await contents(backdoor)
    assert await preview(ada, post, "4") == TipPreview(Money(0, USD), Money(400, USD), Money(600, USD), [])
    assert await contents(backdoor) == before


async def test_a_preview_gives_the_reasons_for_which_a_tip_would_be_refused(town: Town) -> None:
    ada, ben, eve = await town.people("ada", "ben", "eve", dollars="10")
    post, own, gone, blocked = await ben.post(), await ada.post(), await ben.post(), await eve.post()
    await ben.deletes(gone)
    await ada.blocks(eve)
    for tipped, amount, kind in [
        (post, "0", InputError),
        (post, "-1", InputError),
        (post, "0.001", InputError),
        (post, "1e30", InputError),
        (post, "10.01", InsufficientFundsError),
        (own, "1", NotPermittedError),
        (gone, "1", NotFoundError),
        (blocked, "1", BlockedError),
    ]:
        foretold = await preview(ada, tipped, amount)
        assert foretold.balance_after is None
        assert [type(error) for error in foretold.user_errors] == [kind]
        assert foretold.user_errors == [await refusal(ada.tips(tipped, amount))]
    reader = ada.limited(TokenScope.READ)
    assert [type(error) for error in (await preview(reader, post, "1")).user_errors] == [NotPermittedError]
    with pytest.raises(SignInRequiredError):
        await tips.tip_preview(town.stranger(), id_of(post), money("1"))


Attempt = Callable[[], Awaitable[Any]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    balance_and_spent=st.tuples(st.integers(0, 2_000_00), st.integers(0, 1_999_00)),
    amount=st.integers(-1, 2_500_00) | st.integers(0, 10),
    basis_points=st.integers(0, 5_000),
    limit=st.none() | st.integers(1, 3_000_00),
)
@example(balance_and_spent=(10_00, 0), amount=6_00, basis_points=250, limit=None)
@example(balance_and_spent=(10_00, 0), amount=10_01, basis_points=0, limit=None)
@example(balance_and_spent=(10_00, 0), amount=6_00, basis_points=0, limit=5_99)
@example(balance_and_spent=(2_000_00, 1_000_00), amount=1_000_00, basis_points=0, limit=None)
async def test_the_preview_agrees_with_the_tip(
    app: App, balance_and_spent: tuple[int, int], amount: int, basis_points: int, limit: int | None
) -> None:
    balance, spent = balance_and_spent
    town = Town(replace(app, policy=replace(app.policy, fee_basis_points=basis_points)))
    number = app.database.statements  # grows, so every example has people of its own
    ada, ben = await town.people(f"ada{number}", f"ben{number}")
    await ada.tops_up(str(Money(balance + spent + 1, USD).amount))
    post = await ben.post()
    await ada.sends(ben, str(Money(spent + 1, USD).amount))  # draws on the account's limit
    token = ada.limited(*TokenScope)
    token.viewer = token.viewer._replace(spend_limit=None if limit is None else Money(limit, USD))
    asked = str(Money(amount, USD).amount)

    foretold = await preview(token, post, asked)
    errors: list[UserError] = []
    try:
        moved = await token.tips(post, asked)
    except Refused as refused:
        errors = list(refused.errors)
    else:
        assert foretold.fee.minor_units == moved.transfer.fee == amount * basis_points // 10_000
        assert foretold.balance_after == (await ada.balance()).available
        assert foretold.recipient_gets.minor_units + foretold.fee.minor_units == amount
    assert foretold.user_errors == errors
    assert (foretold.balance_after is None) is bool(errors)
    expected = (
        InputError if amount <= 0
        else InsufficientFundsError if amount > balance
        else LimitExceededError if amount + spent + 1 > 2_000_00 or (limit is not None and amount > limit)
        else None
    )  # fmt: skip
    assert [type(error) for error in errors] == ([] if expected is None else [expected])
