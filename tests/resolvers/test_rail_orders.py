"""What rails tell of afterwards: withdrawals that were sent or came back, and top-ups that a bank has taken back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ledger import Order
from ledger.verify import verify
from models.database import ConstraintError
from models.money import Currency, Money
from models.transfers import TransferStatus
from resolvers import statements
from resolvers.chargebacks import charged_back
from resolvers.ids import Kind, public_id
from resolvers.transfers import Request, TransferRow, called, transfers_by_id
from resolvers.withdrawals import returned
from tests.harness.audits import contents, miscounts
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, new_key

USD = Currency.USD
LONG_AGO, FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
ENTRIES = """query { viewer { wallet { entries(first: 20) { nodes {
    amount { amount } balanceAfter { amount }
    transfer {
        __typename id amount { amount } fee { amount } status sender { handle } recipient { handle }
        ... on RailTransfer { rail environment networkCode }
        ... on Refund { refundOf { id status } }
    }
} } statement(from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { closing { amount } entryCount } } } }"""


def request_of(person: Person) -> Request:
    return Request(person.id, new_key(), b"from the rail")


async def row_of(person: Person, order: Order) -> TransferRow:
    return (await transfers_by_id(person.ctx(), [order.id]))[order.id]


async def entries_of(town: Town, person: Person) -> list[dict[str, Any]]:
    wallet = (await town.ask(ENTRIES, person)).data["viewer"]["wallet"]
    nodes: list[dict[str, Any]] = wallet["entries"]["nodes"]
    assert wallet["statement"] == {"closing": nodes[0]["balanceAfter"], "entryCount": len(nodes)}
    return nodes


async def called_by(person: Person) -> list[str]:
    lines = statements.lines(person.ctx(), person.id, USD, LONG_AGO, FAR_OFF)
    return [called(line.transfer) async for line in lines]


async def test_a_withdrawal_is_a_line_of_its_owners_statement(town: Town) -> None:
    ada = await town.person("ada", "10")
    row = (await ada.withdraws("4")).transfer
    assert (await entries_of(town, ada))[0] == {
        "amount": {"amount": "-4.00"},
        "balanceAfter": {"amount": "6.00"},
        "transfer": {
            "__typename": "RailTransfer",
            "id": public_id(Kind.WITHDRAWAL, row.id),
            "amount": {"amount": "4.00"},
            "fee": {"amount": "0.00"},
            "status": "COMPLETED",
            "sender": {"handle": "ada"},
            "recipient": None,
            "rail": "SANDBOX",
            "environment": "SANDBOX",
            "networkCode": "00",
        },
    }
    assert await called_by(ada) == ["TOP_UP", "WITHDRAWAL"]


async def test_a_withdrawal_that_came_back_reverses_it_once(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada", "10")
    row = (await ada.withdraws("4")).transfer
    await ada.app.ledger.submit(returned(ada.ctx(), request_of(ada), row))
    line = (await entries_of(town, ada))[0]
    assert (line["amount"], line["transfer"]["__typename"]) == ({"amount": "4.00"}, "Refund")
    assert line["transfer"]["refundOf"] == {"id": public_id(Kind.WITHDRAWAL, row.id), "status": "RETURNED"}
    assert (line["transfer"]["sender"], line["transfer"]["recipient"]) == (None, {"handle": "ada"})
    assert await called_by(ada) == ["TOP_UP", "WITHDRAWAL", "REFUND"]
    before = await contents(backdoor)
    with pytest.raises(ConstraintError, match="no_more_refunded_than_paid"):
        await ada.app.ledger.submit(returned(ada.ctx(), request_of(ada), row))
    assert await contents(backdoor) == before


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
