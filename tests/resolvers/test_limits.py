"""Limits: what an account and a token may move in 24 hours and in 30 days."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.limits import Tier
from models.money import Currency, Money
from models.rails import PayoutSpeed
from models.security import SecurityEventKind
from resolvers import limits, refunds, tips, top_ups, withdrawals
from resolvers.context import App, TokenScope
from resolvers.errors import LimitExceededError, LimitState, NotPermittedError, RailDeclinedError, Refused
from resolvers.ids import Kind, public_id
from resolvers.limits import MONTH, TOKEN_SPEND
from tests.harness.still_clock import NOON, StillClock
from tests.harness.town import DECLINED, NO_FUNDS, Person, Town, id_of, money, new_key, refusal

pytestmark = pytest.mark.usefixtures("clock")

USD, EUR, JPY = Currency.USD, Currency.EUR, Currency.JPY
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOON + DAY + HOUR
"""When what is used at noon counts no more within a day."""
SPEND, TOP_UP, WITHDRAWAL = "SPEND_PER_DAY", "TOP_UP_PER_DAY", "WITHDRAWAL_PER_DAY"


def token(person: Person, limit: Money) -> Person:
    """The person, by an access token with a limit."""
    return person.limited(*person.viewer.scopes, spend_limit=limit)


async def exceeded(work: Awaitable[Any]) -> LimitState:
    error = await refusal(work)
    assert isinstance(error, LimitExceededError)
    assert error.path == ("amount", "amount")
    return error.limit


async def states_of(person: Person) -> list[LimitState]:
    [states] = await limits.limits_of(person.ctx(), [person.as_viewer])
    return states


async def limits_of(person: Person) -> dict[tuple[str, Currency], tuple[int, int]]:
    """What a day allows and what is used of it; by the month, it is ten times as much."""
    states = {(state.name, state.max.currency): state for state in await states_of(person)}
    for (name, currency), state in list(states.items()):
        if name.endswith("_PER_DAY"):
            month = states.pop((name.replace("DAY", "MONTH"), currency))
            assert month.max.minor_units == 10 * state.max.minor_units
            assert month.used == state.used
    return {key: (state.max.minor_units, state.used.minor_units) for key, state in states.items()}


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


async def test_withdrawals_draw_on_a_limit_of_their_own(town: Town, clock: StillClock) -> None:
    ada, ben = await town.person("ada", "5000"), await town.person("ben", "10")
    await ben.sends(ada, "10")
    clock.now += 2 * HOUR  # what came from a card a moment ago could not leave
    await ada.withdraws("4999.99")
    assert (await exceeded(ada.withdraws("0.02"))).name == WITHDRAWAL
    await ada.withdraws("0.01")


async def test_each_currency_has_a_limit_of_its_own(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("750000", JPY)
    await ada.sends(ben, "300000", JPY)
    assert await exceeded(ada.sends(ben, "1", JPY)) == LimitState(
        SPEND, Money(300_000, JPY), Money(300_000, JPY), LATER
    )
    await ada.tops_up("5")
    await ada.sends(ben, "5")
    assert (await limits_of(ada))[SPEND, JPY] == (300_000, 300_000)
    assert (await limits_of(ada))[SPEND, USD] == (2_000_00, 5_00)


async def test_a_limit_is_used_up_to_the_last_cent_and_not_past_it(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("4999.99")
    assert await exceeded(ada.tops_up("0.02")) == LimitState(TOP_UP, Money(5_000_00, USD), Money(4_999_99, USD), LATER)
    await ada.tops_up("0.01")
    await ada.sends(ben, "1999.99")
    assert await exceeded(ada.sends(ben, "0.02")) == LimitState(
        SPEND, Money(2_000_00, USD), Money(1_999_99, USD), LATER
    )
    assert await exceeded(ada.tips(await ben.post(), "0.02")) == LimitState(
        SPEND, Money(2_000_00, USD), Money(1_999_99, USD), LATER
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


async def test_what_is_used_counts_for_a_day_and_up_to_an_hour(town: Town, clock: StillClock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("5000")
    await ada.sends(ben, "1500")
    clock.now = NOON + 3 * HOUR
    await ada.sends(ben, "500")
    clock.now = LATER - timedelta(microseconds=1)
    limit = await exceeded(ada.sends(ben, "0.01"))
    assert (limit.used.minor_units, limit.resets_at) == (2_000_00, LATER)
    await exceeded(ada.tops_up("0.01"))
    clock.now = LATER
    limit = await exceeded(ada.sends(ben, "1500.01"))
    assert (limit.used.minor_units, limit.resets_at) == (500_00, LATER + 3 * HOUR)
    await ada.sends(ben, "1500")
    await ada.tops_up("5000")


@pytest.mark.parametrize("minutes", range(0, 60, 7))
async def test_no_24_hours_see_more_than_a_days_limit(town: Town, clock: StillClock, minutes: int) -> None:
    """At whatever minute of the hour it began."""
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("5000")
    clock.now += timedelta(minutes=minutes)
    await ada.sends(ben, "2000")
    clock.now += DAY
    assert (await exceeded(ada.sends(ben, "0.01"))).name == SPEND
    clock.now += HOUR
    await ada.sends(ben, "2000")


async def test_thirty_days_see_ten_days_limits_and_no_more(town: Town, clock: StillClock) -> None:
    ada, ben = await town.people("ada", "ben")
    for _ in range(10):
        await ada.tops_up("2000")
        await ada.sends(ben, "2000")
        clock.now += 2 * DAY
    await ada.tops_up("1")
    limit = await exceeded(ada.sends(ben, "0.01"))
    assert limit == LimitState("SPEND_PER_MONTH", Money(20_000_00, USD), Money(20_000_00, USD), NOON + MONTH + HOUR)
    clock.now = NOON + MONTH + HOUR
    await ada.sends(ben, "0.01")


async def test_a_client_sees_what_is_used_of_each_limit_and_when_that_ends(town: Town, clock: StillClock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("50")
    clock.now += 5 * HOUR
    await ada.sends(ben, "20")
    used = {state.name: (state.used.minor_units, state.resets_at) for state in await states_of(ada)}
    assert used == {
        SPEND: (20_00, LATER + 5 * HOUR),
        TOP_UP: (50_00, LATER),
        WITHDRAWAL: (0, None),
        "SPEND_PER_MONTH": (20_00, NOON + 5 * HOUR + MONTH + HOUR),
        "TOP_UP_PER_MONTH": (50_00, NOON + MONTH + HOUR),
        "WITHDRAWAL_PER_MONTH": (0, None),
    }
    clock.now += DAY
    used = {state.name: (state.used.minor_units, state.resets_at) for state in await states_of(ada)}
    assert used[TOP_UP] == (0, None)
    assert used["TOP_UP_PER_MONTH"] == (50_00, NOON + MONTH + HOUR)


@pytest.mark.parametrize(("tier", "most"), [(Tier.NEW, "200"), (Tier.VERIFIED, "2000"), (Tier.TRUSTED, "20000")])
async def test_limits_go_by_the_tier(app: App, town: Town, tier: Tier, most: str) -> None:
    free = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada, ben = await town.person("ada"), await town.person("ben")
    await Person(free.app, ada.id, "ada").tops_up("50000")
    ada = Person(app, ada.id, "ada", ada.viewer._replace(tier=tier))
    assert (await states_of(ada))[0].max == Money(int(most) * 100, USD)
    assert (await exceeded(ada.sends(ben, f"{most}.01"))).max == Money(int(most) * 100, USD)
    await ada.sends(ben, most)
    await exceeded(ada.sends(ben, "0.01"))


async def test_a_preview_knows_the_limits_by_their_windows(town: Town, clock: StillClock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("5000")
    post = await ben.post()
    await ada.sends(ben, "2000")
    clock.now = LATER - timedelta(microseconds=1)
    refused = await tips.tip_preview(ada.ctx(), id_of(post), money("0.01"))
    [error] = refused.user_errors
    assert isinstance(error, LimitExceededError)
    assert error.limit == await exceeded(ada.tips(post, "0.01"))
    clock.now = LATER
    assert (await tips.tip_preview(ada.ctx(), id_of(post), money("0.01"))).user_errors == []


@pytest.mark.parametrize("number", [DECLINED, NO_FUNDS])
async def test_a_declined_top_up_uses_nothing_up(town: Town, number: str) -> None:
    ada = await town.newcomer("ada")
    source = await ada.links(number)
    for _ in range(3):
        asked = top_ups.top_up_wallet(ada.ctx(), public_id(Kind.CARD, source.id), money("4000"), key=new_key())
        assert isinstance(await refusal(asked), RailDeclinedError)
    assert (await limits_of(ada))[TOP_UP, USD] == (5_000_00, 0)
    await ada.tops_up("5000")


async def test_a_declined_withdrawal_uses_nothing_up(town: Town) -> None:
    ada = await town.newcomer("ada")
    await ada.tops_up("100")
    source = await ada.links(DECLINED)
    asked = withdrawals.withdraw(
        ada.ctx(), public_id(Kind.CARD, source.id), money("100"), speed=PayoutSpeed.INSTANT, key=new_key()
    )
    assert isinstance(await refusal(asked), RailDeclinedError)
    assert (await limits_of(ada))[WITHDRAWAL, USD] == (5_000_00, 0)


async def test_a_cancelled_withdrawal_uses_nothing_up_in_whichever_hour_it_began(town: Town, clock: StillClock) -> None:
    ada = await town.person("ada", "100")
    moved = await ada.withdraws("40", speed=PayoutSpeed.STANDARD)
    assert (await limits_of(ada))[WITHDRAWAL, USD] == (5_000_00, 40_00)
    clock.now += timedelta(minutes=61)
    await ada.withdraws("10", speed=PayoutSpeed.STANDARD)
    for _ in range(2):
        await withdrawals.cancel_withdrawal(ada.ctx(), public_id(Kind.WITHDRAWAL, moved.transfer.id))
    assert (await limits_of(ada))[WITHDRAWAL, USD] == (5_000_00, 10_00)


async def test_what_was_drawn_without_limits_is_not_given_back_with_them(app: App, town: Town) -> None:
    free = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada = await free.person("ada", "100")
    moved = await ada.withdraws("40", speed=PayoutSpeed.STANDARD)
    ada = Person(app, ada.id, "ada")
    await withdrawals.cancel_withdrawal(ada.ctx(), public_id(Kind.WITHDRAWAL, moved.transfer.id))
    assert (await ada.has(), (await limits_of(ada))[WITHDRAWAL, USD]) == ("100.00", (5_000_00, 0))


async def test_a_token_spends_up_to_its_limit_of_the_day(town: Town, clock: StillClock) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("100")
    app_of_ada, post = token(ada, Money(5_00, USD)), await ben.post()
    await app_of_ada.tips(post, "3")
    await app_of_ada.sends(ben, "1.50")
    assert await exceeded(app_of_ada.tips(post, "0.51")) == LimitState(
        TOKEN_SPEND, Money(5_00, USD), Money(4_50, USD), LATER
    )
    await app_of_ada.tips(post, "0.50")
    await ada.sends(ben, "50")  # the account itself may go on
    clock.now = LATER
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
    assert limit == LimitState(TOKEN_SPEND, Money(0, EUR), Money(0, EUR), None)


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
    assert await limits.limits_of(ada.ctx(), [ada.as_viewer]) == [[]]
    assert (await exceeded(token(ada, Money(5_00, USD)).sends(ben, "5.01"))).name == TOKEN_SPEND
