"""Payments: money from one person to another."""

import pytest

from models.money import Currency, Money
from models.transfers import Visibility
from resolvers import payments
from resolvers.errors import InsufficientFundsError, NotPermittedError
from resolvers.payments import RecipientAsked
from resolvers.transfers import Moved
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, money, new_key, refusal


async def send(person: Person, to: RecipientAsked, amount: str = "1") -> Moved:
    return await payments.send_money(
        person.ctx(), to, money(amount), note=None, visibility=Visibility.PARTIES_ONLY, key=new_key()
    )


@pytest.mark.parametrize("handle", ["ben", "@ben", "BEN", " ben "])
async def test_money_reaches_whom_the_handle_names(town: Town, handle: str) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    moved = await send(ada, RecipientAsked(None, handle), "2.50")
    assert (moved.transfer.sender_id, moved.transfer.recipient_id) == (ada.id, ben.id)
    assert [await ada.has(), await ben.has()] == ["7.50", "2.50"]


async def test_money_reaches_whom_the_id_names(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    await send(ada, RecipientAsked(ben.public_id, None), "2.50")
    assert [await ada.has(), await ben.has()] == ["7.50", "2.50"]


async def test_money_comes_and_goes_in_each_currency_apart(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    await ada.tops_up("1000", Currency.JPY)
    await ada.sends(ben, "400", Currency.JPY)
    await ben.sends(ada, "1", Currency.JPY)
    assert [await ada.has(), await ada.has(Currency.JPY), await ben.has(Currency.JPY)] == ["10.00", "601", "399"]


async def test_over_the_balance_nothing_is_sent_and_the_shortfall_told(town: Town) -> None:
    ada, ben = await town.person("ada", "10"), await town.person("ben")
    assert await refusal(ada.sends(ben, "10.01")) == InsufficientFundsError(
        "The balance is too low.",
        ("amount", "amount"),
        available=Money(1000, Currency.USD),
        shortfall=Money(1, Currency.USD),
    )
    assert [await ada.has(), await ben.has()] == ["10.00", "0.00"]


@pytest.mark.parametrize("by_id", [True, False])
async def test_nobody_pays_themselves(town: Town, backdoor: Backdoor, by_id: bool) -> None:
    ada = await town.person("ada", "10")
    before = await contents(backdoor)
    to = RecipientAsked(ada.public_id, None) if by_id else RecipientAsked(None, "@ADA")
    error = await refusal(send(ada, to))
    assert isinstance(error, NotPermittedError)
    assert error.path == ("to",)
    assert await contents(backdoor) == before
