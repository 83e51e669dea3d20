"""Earnings: what tips brought in, after fees and refunds, by day, by post and by person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from models.money import Currency, Money
from resolvers import earnings, refunds
from resolvers.context import App, Context
from resolvers.earnings import Earnings
from resolvers.errors import BadInputError
from resolvers.ids import Kind, public_id
from tests.harness.town import Person, Town, id_of, money, new_key

USD, EUR, JPY = Currency.USD, Currency.EUR, Currency.JPY
LONG_AGO, FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def town(app: App) -> Town:
    """A town in which a tip costs 7 %."""
    return Town(replace(app, policy=replace(app.policy, fee_basis_points=700, money_limits=False)))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The moment of all requests."""
    moment = [MONDAY]
    monkeypatch.setattr(Context, "now", lambda _: moment[0])
    return moment


async def earned(
    person: Person, from_: datetime = LONG_AGO, to: datetime = FAR_OFF, currency: Currency = USD
) -> Earnings:
    [found] = await earnings.earnings_of(person.ctx(), [person.as_viewer], from_=from_, to=to, currency=currency)
    return found


async def test_who_was_never_tipped_has_earned_nothing(town: Town) -> None:
    ada = await town.person("ada", "5")
    assert await earned(ada) == Earnings(Money(0, USD), 0, [], [], [])


async def test_a_fee_is_no_earning(town: Town) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben")
    await ada.tips(await ben.post(), "9.99")  # of which 0.69 is the fee
    found = await earned(ben)
    assert (found.total, found.tip_count) == (Money(930, USD), 1)
    assert found.total == (await ben.balance()).available


async def test_payments_and_top_ups_are_no_earnings(town: Town) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben", "3")
    await ada.sends(ben, "10")
    assert (await earned(ben)).total == Money(0, USD)


@pytest.mark.parametrize("parts", [["9.99"], ["3.33", "3.33", "3.33"], ["0.01", "9.98"], ["5"], ["0.15", "0.14"]])
async def test_what_was_given_back_is_no_earning(town: Town, parts: list[str]) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben")
    tip = (await ada.tips(await ben.post(), "9.99")).transfer
    for part in parts:
        await refunds.refund_transfer(ben.ctx(), public_id(Kind.TIP, tip.id), money(part), key=new_key())
    found = await earned(ben)
    assert found.total == (await ben.balance()).available, "to the last cent"
    assert sum(day.total.minor_units for day in found.by_day) == found.total.minor_units


@pytest.mark.parametrize("parts", [["10000000000000000.01"], ["0.01", "29999999999999999.98"]])
async def test_sums_are_exact_where_a_fee_times_a_refund_passes_64_bits(town: Town, parts: list[str]) -> None:
    ada, ben = await town.person("ada", "30000000000000000.00"), await town.person("ben")
    tip = (await ada.tips(await ben.post(), "30000000000000000.00")).transfer
    assert tip.fee > 1 << 57
    for part in parts:
        await refunds.refund_transfer(ben.ctx(), public_id(Kind.TIP, tip.id), money(part), key=new_key())
    assert (await earned(ben)).total == (await ben.balance()).available


async def test_currencies_are_apart(town: Town) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben")
    await ada.tops_up("20", EUR)
    await ada.tops_up("2000", JPY)
    post = await ben.post()
    for amount, currency in (("1", USD), ("2", EUR), ("2", EUR), ("300", JPY)):
        await ada.tips(post, amount, currency)
    totals = [(await earned(ben, currency=currency)) for currency in (USD, EUR, JPY, Currency.GBP)]
    assert [found.total.minor_units for found in totals] == [93, 372, 279, 0]
    assert [found.tip_count for found in totals] == [1, 2, 1, 0]


async def test_days_are_those_of_utc_and_the_last_moment_does_not_count(town: Town, clock: list[datetime]) -> None:
    ada, ben = await town.person("ada", "100"), await town.person("ben")
    post = await ben.post()
    day, moment = timedelta(days=1), timedelta(microseconds=1)
    for clock[0] in (MONDAY, MONDAY + day - moment, MONDAY + day, MONDAY + 3 * day):
        await ada.tips(post, "1")
    by_day = [(each.day, each.total.minor_units) for each in (await earned(ben)).by_day]
    assert by_day == [(MONDAY, 186), (MONDAY + day, 93), (MONDAY + 3 * day, 93)]
    assert (await earned(ben, MONDAY, MONDAY + day)).tip_count == 2
    assert (await earned(ben, MONDAY + moment, MONDAY + day + moment)).tip_count == 2
    assert (await earned(ben, MONDAY, MONDAY)).tip_count == 0
    with pytest.raises(BadInputError):
        await earned(ben, MONDAY + moment, MONDAY)


async def test_the_best_come_first_and_ten_at_most(town: Town) -> None:
    ben = await town.person("ben")
    posts = [await ben.post(f"{number}") for number in range(12)]
    people = await town.people(*(f"fan{number}" for number in range(12)), dollars="100")
    for number, (fan, post) in enumerate(zip(people, posts, strict=True)):
        await fan.tips(post, f"{number + 1}")
    await people[0].tips(posts[0], "50")
    found = await earned(ben)
    assert [each.post.text for each in found.top_posts] == ["0", *(str(number) for number in range(11, 2, -1))]
    assert [each.user.handle for each in found.top_supporters][:2] == ["fan0", "fan11"]
    assert len(found.top_supporters) == 10
    assert found.top_posts[0].total == Money(93 + 4_650, USD)


async def test_a_post_that_is_deleted_has_earned_all_the_same(town: Town) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben")
    post = await ben.post()
    await ada.tips(post, "10")
    await ben.deletes(post)
    found = await earned(ben)
    assert (found.total, found.top_posts) == (Money(930, USD), [])


async def test_through_the_schema(town: Town) -> None:
    ada, ben = await town.person("ada", "20"), await town.person("ben")
    post = await ben.post("Hello")
    await ada.tips(post, "10")
    query = """query($from: DateTime!, $to: DateTime!) { viewer { earnings(from: $from, to: $to) {
        total { amount } tipCount byDay { total { amount } }
        topPosts { post { id } total { amount } } topSupporters { user { handle } total { amount } }
    } } }"""
    asked = {"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"}
    all_of_it = {"total": {"amount": "9.30"}}
    assert (await town.ask(query, ben, **asked)).data["viewer"]["earnings"] == {
        **all_of_it,
        "tipCount": 1,
        "byDay": [all_of_it],
        "topPosts": [{"post": {"id": id_of(post)}, **all_of_it}],
        "topSupporters": [{"user": {"handle": "ada"}, **all_of_it}],
    }
    turned = {"from": asked["to"], "to": asked["from"]}
    assert (await town.ask(query, ben, **turned)).codes == ["BAD_USER_INPUT"]
    assert (await town.ask(query, ada.limited(), **asked)).codes == ["FORBIDDEN"]
