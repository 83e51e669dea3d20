"""Chargebacks: a bank takes a top-up back, and what was spent of it meanwhile is owed."""

import pytest

from ledger import Order
from ledger.verify import verify
from models.database import ConstraintError
from models.money import Currency, Money
from models.transfers import TransferStatus
from resolvers.chargebacks import charged_back
from resolvers.ids import Kind, public_id
from resolvers.transfers import Request, TransferRow, transfers_by_id
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.lines import called_by, entries_of
from tests.harness.town import Person, Town, new_key

USD = Currency.USD


def request_of(person: Person) -> Request:
    return Request(person.id, new_key(), b"from the rail")


async def row_of(person: Person, order: Order) -> TransferRow:
    return (await transfers_by_id(person.ctx(), [order.id]))[order.id]


async def test_a_chargeback_is_a_line_for_what_the_wallet_still_had(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.person("ada"), await town.person("ben", "5")
    top_up = (await ada.tops_up("10")).transfer
    await ada.sends(ben, "7")
    await ada.app.ledger.submit(charged_back(ada.ctx(), request_of(ada), top_up, Money(1_000, USD)))
    line = (await entries_of(town, ada))[0]
    assert (line["amount"], line["balanceAfter"]) == ({"amount": "-3.00"}, {"amount": "0.00"})
    assert line["transfer"] | {"id": ""} == {
        "__typename": "Refund",
        "id": "",
        "amount": {"amount": "10.00"},
        "fee": {"amount": "0.00"},
        "status": "COMPLETED",
        "sender": {"handle": "ada"},
        "recipient": None,
        "refundOf": {"id": public_id(Kind.TOP_UP, top_up.id), "status": "RETURNED"},
    }
    await ben.sends(ada, "9")
    assert await ada.has() == "2.00", "what was owed is paid first"
    assert await called_by(ada) == ["TOP_UP", "PAYMENT", "CHARGEBACK", "PAYMENT"]
    assert (await verify(ada.app.database)).problems == []
    assert await miscounts(backdoor) == []


async def test_no_more_is_charged_back_than_was_topped_up(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    top_up = (await ada.tops_up("10")).transfer
    first = charged_back(ada.ctx(), request_of(ada), top_up, Money(600, USD))
    await ada.app.ledger.submit(first)
    assert (await row_of(ada, first)).refund_of_id == top_up.id
    assert (await transfers_by_id(ada.ctx(), [top_up.id]))[top_up.id].status is TransferStatus.COMPLETED
    before = await contents(backdoor)
    with pytest.raises(ConstraintError, match="no_more_refunded_than_paid"):
        await ada.app.ledger.submit(charged_back(ada.ctx(), request_of(ada), top_up, Money(401, USD)))
    assert await contents(backdoor) == before
