"""What a wallet gets goes first to what its owner owes, by whatever way it comes."""

from ledger.kinds import chargeback, top_up
from models.ids import HOUSE, new_id
from models.money import Money
from tests.harness.books import USD, Books, order, top_up_of


async def test_a_top_up_that_its_rail_approves_later_pays_what_is_owed(books: Books) -> None:
    ada, hold_id = new_id(), new_id()
    await books.submit(top_up_of(ada, 100))
    await books.submit(order("TOP_UP", ada, top_up.hold(hold_id, ada, Money(500, USD))))
    await books.submit(order("CHARGEBACK", HOUSE, chargeback.lines(ada, Money(300, USD))))
    approved = top_up.approved(hold_id, Money(500, USD))
    await books.submit(order("TOP_UP_APPROVED", HOUSE, (), resolutions=approved))
    assert await books.balance(ada) == 300
    assert [entry.amount for entry in await books.entries(ada)] == [100, -100, 300]
