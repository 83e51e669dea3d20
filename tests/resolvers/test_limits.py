"""Limits: what an account and a token may move in one UTC day."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models.money import Currency, Money
from models.security import SecurityEventKind
from resolvers import limits, refunds, top_ups
from resolvers.context import App, Context, TokenScope
from resolvers.errors import LimitExceededError, LimitState, NotPermittedError, Refused
from resolvers.ids import Kind, public_id
from resolvers.limits import SPEND, TOKEN_SPEND, TOP_UP, WITHDRAWAL
from tests.harness.town import Person, Town, money, new_key, refusal

USD, EUR, JPY = Currency.USD, Currency.EUR, Currency.JPY
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


class Clock:
    """The time, as the test says."""

    def __init__(self) -> None:
        self.now = NOON


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """It is noon until the test says otherwise: no midnight falls into a test."""
    clock = Clock()
    monkeypatch.setattr(Context, "now", lambda _: clock.now)
    return clock


def token(person: Person, limit: Money) -> Person:
    """The person, by an access token with a limit."""
    return person.limited(*person.viewer.scopes, spend_limit=limit)


async def exceeded(work: Awaitable[Any]) -> LimitState:
    error = await refusal(work)
    assert isinstance(error, LimitExceededError)
    assert error.path == ("amount", "amount")
    return error.limit


async def limits_of(person: Person) -> dict[tuple[str, Currency], tuple[int, int]]:
    [states] = await limits.limits_of(person.ctx(), [await person.row()])
    assert all(state.resets_at == MIDNIGHT for state in states)
    return {(state.name, state.max.currency): (state.max.minor_units, state.used.minor_units) for state in states}


async def test_a_new_account_has_used_nothing_of_its_limits(town: Town) -> None:
    ada = await town.person("ada")
    assert await limits_of(ada) == {
        (SPEND, USD): (2_000_00, 0),
        (TOP_UP, USD): (5_000_00, 0),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }


async def test_tips_and_payments_draw_on_one_limit_and_top_ups_on_another(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    await ada.tips(await ben.post(), "10")
    await ada.sends(ben, "20")
    assert await limits_of(ada) == {
        (SPEND, USD): (2_000_00, 30_00),
        (TOP_UP, USD): (5_000_00, 100_00),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }
    assert await limits_of(ben) == {
        (SPEND, USD): (2_000_00, 0),
        (TOP_UP, USD): (5_000_00, 0),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }


async def test_withdrawals_draw_on_a_limit_of_their_own(town: Town) -> None:
    ada, ben = await town.person("ada", "5000"), await town.person("ben", "10")
    await ben.sends(ada, "10")
    await ada.withdraws("4999.99")
    assert (await exceeded(ada.withdraws("0.02"))).name == WITHDRAWAL
    await ada.withdraws("0.01")


async def test_each_currency_has_a_limit_of_its_own(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("750000", JPY)
    await ada.sends(ben, "300000", JPY)
    assert await exceeded(ada.sends(ben, "1", JPY)) == LimitState(
        SPEND, Money(300_000, JPY), Money(300_000, JPY), MIDNIGHT
    )
    await ada.tops_up("5")
    await ada.sends(ben, "5")
    assert (await limits_of(ada))[SPEND, JPY] == (300_000, 300_000)
    assert (await limits_of(ada))[SPEND, USD] == (2_000_00, 5_00)


async def test_a_limit_is_used_up_to_the_last_cent_and_not_past_it(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("4999.99")
    assert await exceeded(ada.tops_up("0.02")) == LimitState(
        TOP_UP, Money(5_000_00, USD), Money(4_999_99, USD), MIDNIGHT
    )
    await ada.tops_up("0.01")
    await ada.sends(ben, "1999.99")
    assert await exceeded(ada.sends(ben, "0.02")) == LimitState(
        SPEND, Money(2_000_00, USD), Money(1_999_99, USD), MIDNIGHT
    )
    assert await exceeded(ada.tips(await ben.post(), "0.02")) == LimitState(
        SPEND, Money(2_000_00, USD), Money(1_999_99, USD), MIDNIGHT
    )
    await ada.tips(await ben.post(), "0.01")
    assert await ada.has() == "3000.00"


async def test_what_is_refused_draws_on_no_limit(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("10")
    await refusal(ada.sends(ben, "11"))
    await exceeded(ada.tops_up("6000"))
    assert await limits_of(ada) == {
        (SPEND, USD): (2_000_00, 0),
        (TOP_UP, USD): (5_000_00, 10_00),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }


async def test_a_retry_draws_once(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    for _ in range(3):
        await ada.tops_up("10", key="top-up")
        await ada.sends(ben, "1", key="send")
    assert await limits_of(ada) == {
        (SPEND, USD): (2_000_00, 1_00),
        (TOP_UP, USD): (5_000_00, 10_00),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }


async def test_limits_begin_anew_at_midnight_in_utc(town: Town, clock: Clock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("5000")
    await ada.sends(ben, "2000")
    clock.now = MIDNIGHT - timedelta(microseconds=1)
    await exceeded(ada.sends(ben, "0.01"))
    await exceeded(ada.tops_up("0.01"))
    clock.now = MIDNIGHT
    await ada.sends(ben, "2000")
    await ada.tops_up("0.01")
    [states] = await limits.limits_of(ada.ctx(), [await ada.row()])
    assert [(state.name, state.used, state.resets_at) for state in states] == [
        (SPEND, Money(2_000_00, USD), MIDNIGHT + timedelta(days=1)),
        (TOP_UP, Money(1, USD), MIDNIGHT + timedelta(days=1)),
        (WITHDRAWAL, Money(0, USD), MIDNIGHT + timedelta(days=1)),
    ]


async def test_a_token_spends_up_to_its_limit_of_the_day(town: Town, clock: Clock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    app_of_ada, post = token(ada, Money(5_00, USD)), await ben.post()
    await app_of_ada.tips(post, "3")
    await app_of_ada.sends(ben, "1.50")
    assert await exceeded(app_of_ada.tips(post, "0.51")) == LimitState(
        TOKEN_SPEND, Money(5_00, USD), Money(4_50, USD), MIDNIGHT
    )
    await app_of_ada.tips(post, "0.50")
    await ada.sends(ben, "50")  # the account itself may go on
    clock.now = MIDNIGHT
    await app_of_ada.tips(post, "5")
    assert await ada.has() == "40.00"


async def test_a_tokens_spending_draws_on_the_accounts_limit_too(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("3000")
    await token(ada, Money(5_00, USD)).sends(ben, "5")
    assert (await limits_of(ada))[SPEND, USD] == (2_000_00, 5_00)
    await ada.sends(ben, "1995")
    assert (await exceeded(token(ada, Money(5_00, USD)).sends(ben, "1"))).name == SPEND


async def test_each_token_has_a_limit_of_its_own(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    one, other = token(ada, Money(5_00, USD)), token(ada, Money(5_00, USD))
    await one.sends(ben, "5")
    await other.sends(ben, "5")
    assert (await exceeded(one.sends(ben, "0.01"))).name == TOKEN_SPEND


async def test_a_token_with_a_limit_in_one_currency_spends_nothing_in_another(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100", EUR)
    limit = await exceeded(token(ada, Money(5_00, USD)).sends(ben, "0.01", EUR))
    assert limit == LimitState(TOKEN_SPEND, Money(0, EUR), Money(0, EUR), MIDNIGHT)


@pytest.mark.parametrize("amount", ["100", "0.01"])
@pytest.mark.parametrize("currency", [USD, EUR])
async def test_a_token_with_a_limit_does_not_reach_its_owners_card(town: Town, amount: str, currency: Currency) -> None:
    ada = await town.person("ada", dollars="10")
    ctx = token(ada, Money(5_00, USD)).ctx()
    refused = await refusal(top_ups.top_up_wallet(ctx, None, money(amount, currency), key=new_key()))
    assert type(refused) is NotPermittedError
    assert [event.kind for event in ctx.refusals] == [SecurityEventKind.SCOPE_REFUSED]
    assert (await ada.has(), await ada.has(currency)) == ("10.00", "10.00" if currency is USD else "0.00")
    assert (await limits_of(ada))[TOP_UP, USD] == (5_000_00, 10_00)


async def test_a_token_without_a_limit_tops_up(town: Town) -> None:
    ada = await town.person("ada")
    await ada.limited(TokenScope.PAY).tops_up("100")
    assert await ada.has() == "100.00"


async def test_a_token_with_a_limit_is_not_even_told_what_its_owners_top_up_did(town: Town) -> None:
    ada = await town.person("ada")
    await ada.tops_up("100", key="k")
    again = top_ups.top_up_wallet(token(ada, Money(500_00, USD)).ctx(), None, money("100"), key="k")
    assert isinstance(await refusal(again), NotPermittedError)


async def test_what_a_token_gives_back_draws_on_its_limit_and_on_no_other(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    received = public_id(Kind.PAYMENT, (await ada.sends(ben, "50")).transfer.id)
    app_of_ben = token(ben, Money(5_00, USD))

    async def give_back(person: Person, amount: str) -> None:
        await refunds.refund_transfer(person.ctx(), received, money(amount), key=new_key())

    await give_back(app_of_ben, "4")
    assert (await exceeded(give_back(app_of_ben, "1.01"))).name == TOKEN_SPEND
    assert (await exceeded(app_of_ben.sends(ada, "1.01"))).name == TOKEN_SPEND
    await give_back(app_of_ben, "1")
    await give_back(ben, "20")
    assert await limits_of(ben) == {
        (SPEND, USD): (2_000_00, 0),
        (TOP_UP, USD): (5_000_00, 0),
        (WITHDRAWAL, USD): (5_000_00, 0),
    }
    assert await ben.has() == "25.00"


async def test_many_at_once_do_not_pass_a_limit_together(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    app_of_ada, post = token(ada, Money(5_00, USD)), await ben.post()
    outcomes = await asyncio.gather(*(app_of_ada.tips(post, "1") for _ in range(12)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) == 7
    assert all(isinstance(error, LimitExceededError) for outcome in refused for error in outcome.errors)
    assert await ada.has() == "95.00"


async def test_without_money_limits_an_account_is_free_and_a_token_is_not(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("1000000")
    await ada.sends(ben, "900000")
    assert await limits.limits_of(ada.ctx(), [await ada.row()]) == [[]]
    assert (await exceeded(token(ada, Money(5_00, USD)).sends(ben, "5.01"))).name == TOKEN_SPEND
