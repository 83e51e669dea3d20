"""Statements: what lies between two moments, however the time is cut."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.kinds import top_up, withdrawal
from models.ids import new_id
from models.money import Currency, Money
from models.types import MICROSECOND
from resolvers import statements, wallets
from resolvers.errors import BadInputError
from resolvers.statements import StatementLine
from resolvers.wallets import WalletRow
from tests.harness.books import order
from tests.harness.town import Person, Town, id_of

USD, EUR = Currency.USD, Currency.EUR
LONG_AGO, FAR_OFF = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)


async def statement(
    person: Person, from_: datetime = LONG_AGO, to: datetime = FAR_OFF, currency: Currency = USD
) -> tuple[int, int, int]:
    wallet = [WalletRow(person.id)]
    [found] = await statements.statements_of(person.ctx(), wallet, from_=from_, to=to, currency=currency)
    assert {found.opening.currency, found.closing.currency} == {currency}
    return found.opening.minor_units, found.closing.minor_units, found.entry_count


async def lines(
    person: Person, from_: datetime = LONG_AGO, to: datetime = FAR_OFF, currency: Currency = USD
) -> list[StatementLine]:
    return [line async for line in statements.lines(person.ctx(), person.id, currency, from_, to)]


async def busy(town: Town) -> tuple[Person, Person]:
    """Two people between whom some money has moved, in two currencies."""
    ada, ben = await town.people("ada", "ben", dollars="10")
    await ada.tops_up("3", EUR)
    post = await ben.post()
    for amount in ("1", "2.50", "0.01"):
        await ada.tips(post, amount)
        await ben.sends(ada, "0.50", note="back")
    return ada, ben


@pytest.fixture
async def busy_town(town: Town) -> tuple[Person, Person]:
    return await busy(town)


async def test_of_all_time_it_begins_with_nothing_and_ends_with_what_is_there(town: Town) -> None:
    ada, _ = await busy(town)
    assert await statement(ada) == (0, (await ada.balance()).available.minor_units, 7)
    assert await statement(ada, currency=EUR) == (0, 300, 1)
    assert await statement(ada, currency=Currency.JPY) == (0, 0, 0)


async def test_before_anything_happened_there_is_nothing_and_afterwards_all_stays(town: Town) -> None:
    ada, _ = await busy(town)
    has = (await ada.balance()).available.minor_units
    now = datetime.now(UTC) + timedelta(seconds=1)
    assert await statement(ada, LONG_AGO, LONG_AGO) == (0, 0, 0)
    assert await statement(ada, now, FAR_OFF) == (has, has, 0)
    assert await lines(ada, now, FAR_OFF) == []


async def test_the_first_moment_counts_in_and_the_last_does_not(town: Town) -> None:
    ada, _ = await busy(town)
    third = (await lines(ada))[2].entry
    at = third.created_at
    inside = [line.entry for line in await lines(ada, at, at + MICROSECOND)]
    assert third in inside
    assert third not in [line.entry for line in await lines(ada, LONG_AGO, at)]
    assert third not in [line.entry for line in await lines(ada, at + MICROSECOND, FAR_OFF)]


async def test_a_time_that_ends_before_it_begins_is_refused(town: Town) -> None:
    ada = await town.person("ada")
    with pytest.raises(BadInputError):
        await statement(ada, FAR_OFF, LONG_AGO)
    with pytest.raises(BadInputError):
        await lines(ada, FAR_OFF, LONG_AGO)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()) | st.datetimes(timezones=st.just(UTC)), max_size=6))
async def test_however_a_time_is_cut_its_parts_add_up(
    busy_town: tuple[Person, Person], cuts_at: list[tuple[int, bool] | datetime]
) -> None:
    """A cut is any moment, or that of one of the lines or just after it."""
    ada, _ = busy_town
    moments = [line.entry.created_at for line in await lines(ada)]
    cuts = sorted(cut if isinstance(cut, datetime) else moments[cut[0]] + cut[1] * MICROSECOND for cut in cuts_at)
    parts = [await statement(ada, *span) for span in pairwise([LONG_AGO, *cuts, FAR_OFF])]
    assert [part[1] for part in parts[:-1]] == [part[0] for part in parts[1:]]
    whole = await statement(ada)
    assert (parts[0][0], parts[-1][1], sum(part[2] for part in parts)) == whole
    listed = [line.entry for span in pairwise([LONG_AGO, *cuts, FAR_OFF]) for line in await lines(ada, *span)]
    assert [entry.version for entry in listed] == list(range(1, whole[2] + 1))
    for opening, closing, count in parts:
        if count == 0:
            assert opening == closing


async def test_lines_are_the_wallets_own_oldest_first_however_many_are_read_at_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = await busy(town)
    [page] = await wallets.entries_of(ada.ctx(), [WalletRow(ada.id)], first=100)
    expected = [edge.node for edge in reversed(page.edges)]
    found = await lines(ada)
    for size in (1, 2, 3, 7):
        monkeypatch.setattr(statements, "PAGE", size)
        assert await lines(ada) == found
    assert [line.entry for line in found] == expected
    assert [None if line.other is None else line.other.handle for line in found] == [None, *["ben"] * 6]
    assert [line.transfer.note for line in found] == [None, *[None, "back"] * 3]
    assert {line.entry.owner_id for line in await lines(ben)} == {ben.id}


async def test_its_address_names_the_time_and_the_currency(town: Town) -> None:
    ada = await town.person("ada")
    query = """query($from: DateTime!, $to: DateTime!) { viewer { wallet {
        statement(from: $from, to: $to, currency: EUR) { opening { amount } closing { amount } entryCount csvUrl }
    } } }"""
    asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
    found = (await town.ask(query, ada, **asked)).data["viewer"]["wallet"]["statement"]
    assert found == {
        "opening": {"amount": "0.00"},
        "closing": {"amount": "0.00"},
        "entryCount": 0,
        "csvUrl": "/statement.csv?currency=EUR&from=2026-01-01T00%3A00%3A00%2B00%3A00"
        "&to=2026-02-01T00%3A00%3A00%2B00%3A00",
    }
    turned = {"from": asked["to"], "to": asked["from"]}
    assert (await town.ask(query, ada, **turned)).codes == ["BAD_USER_INPUT"]


# Balances as of a moment


async def test_a_balance_as_of_a_moment_is_the_one_after_the_last_line_until_then(town: Town) -> None:
    ada, _ = await busy(town)
    wallet = [WalletRow(ada.id)]
    for line in await lines(ada):
        [then] = await wallets.balance_of(ada.ctx(), wallet, as_of=line.entry.created_at)
        same = [other.entry for other in await lines(ada) if other.entry.created_at <= line.entry.created_at]
        assert (then.available, then.version) == (Money(same[-1].balance_after, USD), same[-1].version)
    [before] = await wallets.balance_of(ada.ctx(), wallet, as_of=LONG_AGO)
    assert (before.available, before.held, before.version) == (Money(0, USD), Money(0, USD), 0)
    assert await wallets.balance_of(ada.ctx(), wallet, as_of=FAR_OFF) == await wallets.balance_of(ada.ctx(), wallet)


async def test_a_balance_as_of_a_moment_knows_what_was_held_then(town: Town) -> None:
    [ada], hold = await town.people("ada", dollars="10"), new_id()
    wallet = [WalletRow(ada.id)]
    moments = [datetime.now(UTC)]

    async def posted(kind: str, **more: Any) -> None:
        the_order = order(kind, ada.id, more.pop("lines", ()), created_at=datetime.now(UTC), **more)
        await town.app.ledger.submit(the_order)
        moments.append(datetime.now(UTC))

    coming = new_id()
    await posted("WITHDRAWAL", lines=withdrawal.hold(hold, ada.id, Money(400, USD)))
    await posted("TOP_UP", lines=top_up.hold(coming, ada.id, Money(70, USD)))
    await posted("WITHDRAWAL_SENT", resolutions=withdrawal.sent(hold, Money(300, USD)))
    await posted("TOP_UP_DECLINED", resolutions=top_up.declined(coming))
    found = [(await wallets.balance_of(ada.ctx(), wallet, as_of=moment))[0] for moment in moments]
    assert [(each.available.minor_units, each.held.minor_units, each.pending.minor_units) for each in found] == [
        (1_000, 0, 0),
        (600, 400, 0),
        (600, 400, 70),
        (700, 0, 70),
        (700, 0, 0),
    ]
    assert [each.version for each in found] == [1, 1, 1, 2, 2]
    assert await wallets.balance_of(ada.ctx(), wallet) == found[-1:]


async def test_a_refund_and_its_tip_are_both_lines(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    post = await ben.post()
    await ada.tips(post, "4")
    assert [line.entry.amount for line in await lines(ben)] == [400]
    assert id_of(post).startswith("post_")
