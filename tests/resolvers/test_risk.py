"""Rules against abuse of the rails."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from models.money import Currency
from models.rails import Direction, PayoutSpeed
from models.security import SecurityEventKind
from resolvers import funding, limits, risk, top_ups, withdrawals
from resolvers.context import App, Context
from resolvers.errors import InsufficientFundsError, RailDeclinedError, Refused, RiskHoldError
from resolvers.ids import Kind, public_id
from tests.harness.still_clock import NOON, StillClock
from tests.harness.town import DECLINED, Town, money, new_key, refusal

pytestmark = pytest.mark.usefixtures("clock")

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TOP_UPS, WITHDRAWALS = (risk.VELOCITY[direction].most for direction in Direction)
MOST = risk.IN_AND_OUT.above[Currency.USD]


async def held(work: Awaitable[Any]) -> str:
    """What is said of the rule that stood in the way."""
    error = await refusal(work)
    assert isinstance(error, RiskHoldError)
    return error.message


async def test_a_great_many_top_ups_within_an_hour_are_too_many(town: Town, clock: StillClock) -> None:
    ada = await town.person("ada")
    for _ in range(TOP_UPS):
        await ada.tops_up("1")
        clock.now += timedelta(seconds=59)
    assert await held(ada.tops_up("1")) == risk.VELOCITY[Direction.PULL].message
    clock.now = NOON + HOUR + MINUTE
    await ada.tops_up("1")


async def test_they_are_not_passed_by_asking_for_many_at_once(town: Town) -> None:
    ada = await town.person("ada")
    outcomes = await asyncio.gather(*(ada.tops_up("1") for _ in range(TOP_UPS + 9)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(refused) == 9
    assert all(isinstance(error, RiskHoldError) for outcome in refused for error in outcome.errors)


async def test_declined_top_ups_count_too(town: Town) -> None:
    """Whoever tries out stolen cards is declined a lot."""
    ada = await town.newcomer("ada")
    card = public_id(Kind.CARD, (await ada.links(DECLINED)).id)

    async def tries() -> None:
        await top_ups.top_up_wallet(ada.ctx(), card, money("1"), key=new_key())

    for _ in range(TOP_UPS):
        assert isinstance(await refusal(tries()), RailDeclinedError)
    await held(tries())


async def test_a_great_many_withdrawals_within_an_hour_are_too_many(town: Town, clock: StillClock) -> None:
    ada = await town.person("ada", "100")
    for _ in range(WITHDRAWALS):
        await ada.withdraws("1")
    assert await held(ada.withdraws("1")) == risk.VELOCITY[Direction.PUSH].message
    clock.now += HOUR + MINUTE
    await ada.withdraws("1")


async def test_money_that_comes_from_a_card_in_a_large_amount_does_not_leave_within_the_hour(
    town: Town, clock: StillClock
) -> None:
    ada = await town.person("ada", str(MOST + 1))
    assert await held(ada.withdraws(str(MOST + 1))) == risk.IN_AND_OUT.message
    await ada.withdraws(str(MOST))
    await held(ada.withdraws("0.01"))
    clock.now += 2 * HOUR
    await ada.withdraws("1")


async def test_parts_are_no_way_around_it_nor_is_asking_for_them_at_once(town: Town) -> None:
    ada = await town.person("ada", str(MOST))
    await ada.tops_up(str(MOST))
    outcomes = await asyncio.gather(*(ada.withdraws(str(MOST // 4)) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 4
    assert await ada.has() == f"{MOST}.00"


@pytest.mark.parametrize("speed", PayoutSpeed)
async def test_small_amounts_come_and_go_as_they_like(town: Town, speed: PayoutSpeed) -> None:
    ada = await town.person("ada", str(MOST))
    await ada.withdraws(str(MOST), speed=speed)


async def test_what_others_paid_leaves_at_once(town: Town) -> None:
    ada, ben = await town.person("ada", str(MOST + 500)), await town.person("ben")
    await ada.sends(ben, str(MOST + 500))
    await ben.withdraws(str(MOST + 500))


async def test_each_currency_is_looked_at_by_itself(town: Town) -> None:
    ada, ben = await town.person("ada", str(MOST + 1)), await town.person("ben")
    await ben.tops_up("1900", Currency.EUR)
    await ben.sends(ada, "1900", Currency.EUR)
    [card] = await funding.sources_of_user(ada.ctx(), ada.id)
    await withdrawals.withdraw(
        ada.ctx(), public_id(Kind.CARD, card.id), money("1900", Currency.EUR), speed=PayoutSpeed.INSTANT, key=new_key()
    )
    await held(ada.withdraws(str(MOST + 1)))


async def test_a_hold_is_noted_for_the_account_and_stays_under_its_key(town: Town, clock: StillClock) -> None:
    ada = await town.person("ada", str(MOST + 1))
    ctx, [card] = ada.ctx(), await funding.sources_of_user(ada.ctx(), ada.id)

    def withdraws(ctx: Context) -> Awaitable[Any]:
        source, amount = public_id(Kind.CARD, card.id), money(str(MOST + 1))
        return withdrawals.withdraw(ctx, source, amount, speed=PayoutSpeed.INSTANT, key="k")

    await held(withdraws(ctx))
    assert [event.kind for event in ctx.refusals] == [SecurityEventKind.RISK_REFUSED]
    clock.now += 3 * HOUR
    await held(withdraws(ada.ctx()))


async def test_lack_of_money_is_told_before_any_rule(town: Town) -> None:
    ada = await town.person("ada", str(MOST + 1))
    assert isinstance(await refusal(ada.withdraws(str(MOST + 2))), InsufficientFundsError)


async def test_rules_are_no_limits_that_a_client_is_shown(town: Town) -> None:
    ada = await town.person("ada", "1")
    [states] = await limits.limits_of(ada.ctx(), [ada.as_viewer])
    assert {state.name for state in states} == {limit.name for limit in limits.LIMITS}


async def test_without_money_limits_there_are_no_rules(app: App) -> None:
    town = Town(replace(app, policy=replace(app.policy, money_limits=False)))
    ada = await town.person("ada", str(10 * MOST))
    for _ in range(WITHDRAWALS + 1):
        await ada.withdraws("10")
    await ada.withdraws(str(9 * MOST))


def test_rules_and_limits_have_names_of_their_own() -> None:
    names = [*risk.MESSAGES, *(limit.name for limit in limits.LIMITS), limits.TOKEN_SPEND]
    assert len(names) == len(set(names))
    counted = {rule.counted for rule in risk.VELOCITY.values()}
    assert not counted & {limit.counted for limit in limits.LIMITS}
