"""Withdrawals, as a client sees them: held, sent, declined, taken back; and the same again for the same key."""

import asyncio
from typing import Any

import pytest

from ledger.verify import verify
from models.database import ConstraintError
from models.money import Currency, Money
from resolvers.context import TokenScope
from resolvers.ids import Kind, public_id
from resolvers.transfers import Request
from resolvers.withdrawals import returned
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.lines import called_by, entries_of
from tests.harness.networks import go_on
from tests.harness.tally import Tally, tally
from tests.harness.town import DECLINED, FAILS_LATER, FINE, SLOW, Person, Town, new_key

TRANSFER = "id amount { amount } status rail environment networkCode sender { handle } recipient { handle }"
BALANCE = "balance { available { amount } held { amount } pending { amount } }"
ERRORS = """userErrors { __typename ... on UserError { code message path }
  ... on RailDeclinedError { rail networkCode retryable }
  ... on InsufficientFundsError { shortfall { amount } } }"""
PAYLOAD = f"{{ transfer {{ {TRANSFER} }} wallet {{ {BALANCE} }} replayed {ERRORS} }}"
WITHDRAW = f"""mutation ($source: ID!, $amount: Decimal!, $speed: PayoutSpeed!, $key: String!) {{
  withdraw(input: {{
    fundingSourceId: $source, amount: {{ amount: $amount }}, speed: $speed, idempotencyKey: $key
  }}) {PAYLOAD} }}"""
CANCEL = f"mutation ($id: ID!) {{ cancelWithdrawal(input: {{ transferId: $id }}) {PAYLOAD} }}"
NODE = f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on RailTransfer {{ {TRANSFER} }} }} }}"


async def card_of(person: Person, number: str) -> str:
    return public_id(Kind.CARD, (await person.links(number)).id)


class Desk:
    """Ada, who has 100, and what she can do with it."""

    def __init__(self, town: Town, ada: Person, card: str) -> None:
        self.town = town
        self.ada = ada
        self.card = card

    @classmethod
    async def of(cls, town: Town, number: str = FINE) -> "Desk":
        ada = await town.person("ada", "100")
        return cls(town, ada, await card_of(ada, number))

    async def withdraws(
        self, amount: str = "40", *, speed: str = "INSTANT", key: str = "k", person: Person | None = None
    ) -> dict[str, Any]:
        asked = {"source": self.card, "amount": amount, "speed": speed, "key": key}
        payload: dict[str, Any] = (await self.town.ask(WITHDRAW, person or self.ada, **asked)).data["withdraw"]
        return payload

    async def cancels(self, transfer_id: str, person: Person | None = None) -> dict[str, Any]:
        answer = await self.town.ask(CANCEL, person or self.ada, id=transfer_id)
        payload: dict[str, Any] = answer.data["cancelWithdrawal"]
        return payload

    async def node(self, transfer_id: str, person: Person | None = None) -> Any:
        return (await self.town.ask(NODE, person or self.ada, id=transfer_id)).data["node"]

    async def books(self) -> Tally:
        assert (await verify(self.town.app.database)).problems == []
        return await tally(self.town.app, self.ada.id)


def balance(available: str, *, held: str = "0.00") -> dict[str, Any]:
    amounts = {"available": available, "held": held, "pending": "0.00"}
    return {"balance": {name: {"amount": amount} for name, amount in amounts.items()}}


def refused(payload: dict[str, Any]) -> tuple[str, list[str] | None]:
    assert (payload["transfer"], payload["wallet"]) == (None, None)
    [error] = payload["userErrors"]
    return error["code"], error["path"]


# Sending


async def test_an_instant_withdrawal_is_sent_at_once_and_is_one_line(town: Town) -> None:
    desk = await Desk.of(town)
    payload = await desk.withdraws()
    transfer = payload["transfer"]
    assert transfer | {"id": ""} == {
        "id": "",
        "amount": {"amount": "40.00"},
        "status": "COMPLETED",
        "rail": "SANDBOX",
        "environment": "SANDBOX",
        "networkCode": "00",
        "sender": {"handle": "ada"},
        "recipient": None,
    }
    assert (payload["wallet"], payload["replayed"], payload["userErrors"]) == (balance("60.00"), False, [])
    assert await desk.withdraws() == payload | {"replayed": True}
    assert await desk.node(transfer["id"]) == {"__typename": "RailTransfer"} | transfer
    assert await called_by(desk.ada) == ["TOP_UP", "WITHDRAWAL"]
    line = (await entries_of(town, desk.ada))[0]
    assert (line["amount"], line["balanceAfter"]) == ({"amount": "-40.00"}, {"amount": "60.00"})
    assert (line["transfer"]["id"], line["transfer"]["fee"]) == (transfer["id"], {"amount": "0.00"})


async def test_what_the_network_has_not_answered_is_held_and_no_line_yet(town: Town) -> None:
    desk = await Desk.of(town, SLOW)
    payload = await desk.withdraws()
    assert (payload["transfer"]["status"], payload["wallet"]) == ("HELD", balance("60.00", held="40.00"))
    assert await desk.withdraws() == payload | {"replayed": True}
    assert await called_by(desk.ada) == ["TOP_UP"]
    error = (await desk.withdraws("61", key="more"))["userErrors"][0]
    assert (error["code"], error["shortfall"]) == ("INSUFFICIENT_FUNDS", {"amount": "1.00"})

    await go_on(town.app, seconds=6)
    again = await desk.withdraws()
    assert (again["transfer"]["status"], again["wallet"], again["replayed"]) == ("COMPLETED", balance("60.00"), True)
    assert await called_by(desk.ada) == ["TOP_UP", "WITHDRAWAL"]


async def test_a_declined_withdrawal_gives_the_money_back_and_says_why(town: Town) -> None:
    desk = await Desk.of(town, DECLINED)
    payload = await desk.withdraws()
    error = {
        "__typename": "RailDeclinedError",
        "code": "RAIL_DECLINED",
        "message": "The card was declined.",
        "path": None,
        "rail": "SANDBOX",
        "networkCode": "05",
        "retryable": False,
    }
    assert payload == {"transfer": None, "wallet": None, "replayed": False, "userErrors": [error]}
    assert await desk.withdraws() == payload
    assert await desk.books() == Tally(U=100, C=100)
    assert await called_by(desk.ada) == ["TOP_UP"]


async def test_a_withdrawal_that_is_declined_later_says_so_for_ever(town: Town) -> None:
    desk = await Desk.of(town, FAILS_LATER)
    transfer = (await desk.withdraws())["transfer"]
    assert transfer["status"] == "HELD"
    await go_on(town.app, seconds=6)
    stands = await desk.node(transfer["id"])
    assert (stands["status"], stands["networkCode"]) == ("DECLINED", "05")
    assert refused(await desk.withdraws()) == ("RAIL_DECLINED", None)
    assert await desk.books() == Tally(U=100, C=100)
    assert await called_by(desk.ada) == ["TOP_UP"]


async def test_the_same_key_with_another_amount_or_speed_is_another_request(town: Town, backdoor: Backdoor) -> None:
    desk = await Desk.of(town)
    await desk.withdraws()
    before = await contents(backdoor)
    for amount, speed in (("41", "INSTANT"), ("40", "STANDARD")):
        assert refused(await desk.withdraws(amount, speed=speed))[0] == "IDEMPOTENCY_CONFLICT"
    assert await contents(backdoor) == before


async def test_nobody_withdraws_to_somebody_elses_card(town: Town, backdoor: Backdoor) -> None:
    desk = await Desk.of(town)
    ben = await town.person("ben", "100")
    before = await contents(backdoor)
    assert refused(await desk.withdraws(person=ben)) == ("NOT_FOUND", ["fundingSourceId"])
    assert await contents(backdoor) == before


async def test_a_token_with_a_spend_limit_withdraws_and_cancels_nothing(town: Town, backdoor: Backdoor) -> None:
    desk = await Desk.of(town)
    transfer = (await desk.withdraws(speed="STANDARD"))["transfer"]
    capped = desk.ada.limited(TokenScope.READ, TokenScope.PAY, spend_limit=Money(1_000_00, Currency.USD))
    before = await contents(backdoor)
    assert refused(await desk.withdraws("1", key="another", person=capped)) == ("NOT_PERMITTED", None)
    assert refused(await desk.withdraws(speed="STANDARD", person=capped)) == ("NOT_PERMITTED", None)
    assert refused(await desk.cancels(transfer["id"], capped)) == ("NOT_PERMITTED", None)
    assert await contents(backdoor) == before


# Taking back


async def test_a_standard_withdrawal_waits_and_can_be_cancelled_meanwhile(town: Town) -> None:
    desk = await Desk.of(town)
    payload = await desk.withdraws(speed="STANDARD")
    transfer = payload["transfer"]
    assert (transfer["status"], payload["wallet"]) == ("HELD", balance("60.00", held="40.00"))
    await go_on(town.app, minutes=9)
    assert (await desk.node(transfer["id"]))["status"] == "HELD"

    cancelled = await desk.cancels(transfer["id"])
    assert cancelled == {
        "transfer": transfer | {"status": "REVERSED"},
        "wallet": balance("100.00"),
        "replayed": False,
        "userErrors": [],
    }
    assert await desk.cancels(transfer["id"]) == cancelled, "saying it twice changes nothing more"
    assert await desk.withdraws(speed="STANDARD") == cancelled | {"replayed": True}
    assert (await desk.node(transfer["id"]))["status"] == "REVERSED"
    await go_on(town.app, minutes=11)
    assert await desk.books() == Tally(U=100, C=100)
    assert await called_by(desk.ada) == ["TOP_UP"], "what never left is no line"


async def test_a_standard_withdrawal_leaves_after_ten_minutes_and_cannot_be_cancelled_then(
    town: Town, backdoor: Backdoor
) -> None:
    desk = await Desk.of(town)
    transfer = (await desk.withdraws(speed="STANDARD"))["transfer"]
    await go_on(town.app, minutes=11)
    before = await contents(backdoor)
    payload = await desk.cancels(transfer["id"])
    assert refused(payload) == ("INVALID", ["transferId"])
    assert payload["userErrors"][0]["message"] == "It has left already."
    assert await contents(backdoor) == before
    again = await desk.withdraws(speed="STANDARD")
    assert (again["transfer"]["status"], again["wallet"]) == ("COMPLETED", balance("60.00"))


async def test_what_the_network_is_asked_about_cannot_be_cancelled(town: Town) -> None:
    desk = await Desk.of(town, SLOW)
    transfer = (await desk.withdraws())["transfer"]
    assert refused(await desk.cancels(transfer["id"])) == ("INVALID", ["transferId"])
    assert await desk.books() == Tally(U=60, H=40, C=100)


async def test_of_many_who_cancel_at_once_one_lets_the_money_go(town: Town) -> None:
    desk = await Desk.of(town)
    transfer = (await desk.withdraws(speed="STANDARD"))["transfer"]
    payloads = await asyncio.gather(*(desk.cancels(transfer["id"]) for _ in range(5)))
    assert all(payload["userErrors"] == [] for payload in payloads)
    assert await desk.books() == Tally(U=100, C=100)


@pytest.mark.parametrize("name", ["", "x", f"withdrawal_{'0' * 32}", f"topup_{'0' * 32}"])
async def test_what_is_no_withdrawal_cannot_be_cancelled(town: Town, name: str) -> None:
    desk = await Desk.of(town)
    assert refused(await desk.cancels(name)) == ("NOT_FOUND", ["transferId"])


async def test_neither_a_top_up_nor_what_is_somebody_elses_can_be_cancelled(town: Town, backdoor: Backdoor) -> None:
    desk = await Desk.of(town)
    ben = await town.person("ben")
    transfer_id = (await desk.withdraws(speed="STANDARD"))["transfer"]["id"]
    top_up = (await desk.ada.tops_up("1")).transfer
    before = await contents(backdoor)
    assert refused(await desk.cancels(transfer_id, ben)) == ("NOT_FOUND", ["transferId"])
    for name in (public_id(Kind.TOP_UP, top_up.id), public_id(Kind.WITHDRAWAL, top_up.id)):
        assert refused(await desk.cancels(name)) == ("NOT_FOUND", ["transferId"])
    assert await desk.node(transfer_id, ben) is None
    assert await contents(backdoor) == before


# Coming back


async def test_a_withdrawal_that_came_back_reverses_it_once(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada", "10")
    row = (await ada.withdraws("4")).transfer
    await ada.app.ledger.submit(returned(ada.ctx(), Request(ada.id, new_key(), b"from the rail"), row))
    line = (await entries_of(town, ada))[0]
    assert (line["amount"], line["transfer"]["__typename"]) == ({"amount": "4.00"}, "Refund")
    assert line["transfer"]["refundOf"] == {"id": public_id(Kind.WITHDRAWAL, row.id), "status": "RETURNED"}
    assert (line["transfer"]["sender"], line["transfer"]["recipient"]) == (None, {"handle": "ada"})
    assert await called_by(ada) == ["TOP_UP", "WITHDRAWAL", "REFUND"]
    before = await contents(backdoor)
    with pytest.raises(ConstraintError, match="no_more_refunded_than_paid"):
        await ada.app.ledger.submit(returned(ada.ctx(), Request(ada.id, new_key(), b"from the rail"), row))
    assert await contents(backdoor) == before
