"""Wallets: balances, statement lines, and topping up."""

import asyncio

from models.money import Currency, Money
from models.transfers import TransferKind
from resolvers import funding, top_ups, wallets
from resolvers.errors import NotFoundError
from resolvers.ids import Kind, public_id
from resolvers.wallets import Balance, WalletRow, entry_amount, entry_balance
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, money, new_key, refusal

USD, EUR, JPY = Currency.USD, Currency.EUR, Currency.JPY


async def card_of(person: Person) -> str:
    [card] = await funding.sources_of_user(person.ctx(), person.id)
    return public_id(Kind.CARD, card.id)


async def statement(person: Person, currency: Currency = USD) -> list[tuple[int, int, int]]:
    """Version, amount and balance of each line, the oldest first."""
    [page] = await wallets.entries_of(person.ctx(), [WalletRow(person.id)], currency=currency, first=100)
    return [
        (edge.node.version, entry_amount(edge.node).minor_units, entry_balance(edge.node).minor_units)
        for edge in reversed(page.edges)
    ]


async def test_a_wallet_without_money_has_nothing_in_any_currency(town: Town) -> None:
    ada = await town.person("ada")
    nothing = Money(0, JPY)
    assert await ada.balance(JPY) == Balance(nothing, nothing, nothing, 0)
    assert await wallets.balances_of(ada.ctx(), [WalletRow(ada.id)]) == [[]]
    assert await statement(ada) == []


async def test_a_top_up_is_in_the_wallet_at_once(town: Town) -> None:
    ada = await town.person("ada")
    moved = await ada.tops_up("12.34")
    assert (moved.transfer.kind, moved.transfer.rail, moved.transfer.environment) == (
        TransferKind.TOP_UP,
        "SANDBOX",
        "SANDBOX",
    )
    nothing = Money(0, USD)
    assert await ada.balance() == Balance(Money(1234, USD), nothing, nothing, 1)


async def test_a_top_up_comes_from_the_card_that_is_named(town: Town) -> None:
    ada = await town.person("ada")
    await top_ups.top_up_wallet(ada.ctx(), await card_of(ada), money("5"), key=new_key())
    assert await ada.has() == "5.00"


async def test_nobody_draws_on_anothers_card(town: Town, backdoor: Backdoor) -> None:
    ada, eve = await town.people("ada", "eve")
    before = await contents(backdoor)
    error = await refusal(top_ups.top_up_wallet(eve.ctx(), await card_of(ada), money("5"), key=new_key()))
    assert isinstance(error, NotFoundError)
    assert error.path == ("fundingSourceId",)
    assert await contents(backdoor) == before


async def test_balances_are_told_in_each_currency_that_was_ever_there(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("500", JPY)
    await ada.tops_up("1")
    await ada.sends(ben, "1")
    await refusal(ada.sends(ben, "1", EUR))  # which leaves no trace in either wallet
    of_ada, of_ben = await wallets.balances_of(ada.ctx(), [WalletRow(ada.id), WalletRow(ben.id)])
    assert [balance.available for balance in of_ada] == [Money(0, USD), Money(500, JPY)]
    assert [balance.available for balance in of_ben] == [Money(100, USD)]
    assert [balance.version for balance in of_ada] == [2, 1]


async def test_a_statement_has_a_line_for_all_that_moved_and_each_follows_from_the_last(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    post = await ben.post()
    await ada.tops_up("10")
    await ada.tips(post, "2.50")
    await ada.sends(ben, "4")
    await refusal(ada.sends(ben, "100"))
    await ben.sends(ada, "0.01")
    assert await statement(ada) == [(1, 1000, 1000), (2, -250, 750), (3, -400, 350), (4, 1, 351)]
    assert await statement(ben) == [(1, 250, 250), (2, 400, 650), (3, -1, 649)]
    assert await statement(ada, EUR) == []
    assert (await ada.balance()).version == 4


async def test_a_line_tells_what_moved_the_money(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    drawn = await ada.tops_up("10")
    tip = await ada.tips(await ben.post())
    sent = await ada.sends(ben)
    [page] = await wallets.entries_of(ada.ctx(), [WalletRow(ada.id)])
    lines = [edge.node for edge in page.edges]
    assert await wallets.transfers_of_entries(ada.ctx(), lines) == [sent.transfer, tip.transfer, drawn.transfer]


async def test_many_movements_at_once_leave_statements_without_gaps(town: Town) -> None:
    people = await town.people("ada", "ben", "cem", dollars="10")
    pairs = [(one, other) for one in people for other in people if one is not other]
    await asyncio.gather(*(one.sends(other, "0.10") for _ in range(5) for one, other in pairs))
    for person in people:
        lines = await statement(person)
        assert [version for version, _, _ in lines] == list(range(1, len(lines) + 1))
        running = 0
        for _, amount, balance in lines:
            running += amount
            assert balance == running
        now = await person.balance()
        assert (now.available.minor_units, now.version) == (running, len(lines))
        assert running == 1000
