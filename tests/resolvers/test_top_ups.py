"""Top-ups, as a client sees them: at once, later, declined; and the same again for the same key."""

from typing import Any

import pytest

from resolvers.ids import Kind, public_id
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.lines import called_by, entries_of
from tests.harness.networks import Networks, go_on
from tests.harness.tally import Tally, tally
from tests.harness.town import DECLINED, FAILS_LATER, FINE, NO_FUNDS, SLOW, Person, Town

TRANSFER = "id amount { amount } status rail environment networkCode sender { handle } recipient { handle }"
BALANCE = "balance { available { amount } held { amount } pending { amount } }"
TOP_UP = f"""mutation ($source: ID, $amount: Decimal!, $key: String!) {{
  topUpWallet(input: {{ fundingSourceId: $source, amount: {{ amount: $amount }}, idempotencyKey: $key }}) {{
    transfer {{ {TRANSFER} }} wallet {{ {BALANCE} }} replayed
    userErrors {{ __typename ... on UserError {{ code message path }}
      ... on RailDeclinedError {{ rail networkCode retryable }} }}
  }} }}"""
NODE = f"query ($id: ID!) {{ node(id: $id) {{ __typename ... on RailTransfer {{ {TRANSFER} }} }} }}"


async def card_of(person: Person, number: str) -> str:
    return public_id(Kind.CARD, (await person.links(number)).id)


async def top_up(town: Town, person: Person, source: str | None, key: str = "k", amount: str = "20") -> dict[str, Any]:
    answer = await town.ask(TOP_UP, person, source=source, amount=amount, key=key)
    payload: dict[str, Any] = answer.data["topUpWallet"]
    return payload


def balance(available: str, *, held: str = "0.00", pending: str = "0.00") -> dict[str, Any]:
    amounts = {"available": available, "held": held, "pending": pending}
    return {"balance": {name: {"amount": amount} for name, amount in amounts.items()}}


async def node(town: Town, person: Person, public_id: str) -> Any:
    return (await town.ask(NODE, person, id=public_id)).data["node"]


@pytest.mark.parametrize("number", [None, FINE], ids=["born with", "linked"])
async def test_a_top_up_that_is_approved_is_there_at_once(town: Town, number: str | None) -> None:
    ada = await town.person("ada")
    source = None if number is None else await card_of(ada, number)
    payload = await top_up(town, ada, source)
    transfer = payload["transfer"]
    assert transfer | {"id": ""} == {
        "id": "",
        "amount": {"amount": "20.00"},
        "status": "COMPLETED",
        "rail": "SANDBOX",
        "environment": "SANDBOX",
        "networkCode": "00",
        "sender": None,
        "recipient": {"handle": "ada"},
    }
    assert (payload["wallet"], payload["replayed"], payload["userErrors"]) == (balance("20.00"), False, [])
    assert await top_up(town, ada, source) == payload | {"replayed": True}
    assert await node(town, ada, transfer["id"]) == {"__typename": "RailTransfer"} | transfer


async def test_a_top_up_that_the_network_has_to_think_about_is_shown_as_on_its_way(town: Town) -> None:
    ada = await town.person("ada")
    slow = await card_of(ada, SLOW)
    payload = await top_up(town, ada, slow)
    assert (payload["transfer"]["status"], payload["transfer"]["networkCode"]) == ("PENDING_RAIL", None)
    assert payload["wallet"] == balance("0.00", pending="20.00")
    assert await top_up(town, ada, slow) == payload | {"replayed": True}
    assert await entries_of(town, ada) == []

    await go_on(town.app, seconds=6)
    again = await top_up(town, ada, slow)
    assert (again["transfer"]["status"], again["transfer"]["networkCode"]) == ("COMPLETED", "00")
    assert (again["wallet"], again["replayed"]) == (balance("20.00"), True)
    assert await called_by(ada) == ["TOP_UP"]


@pytest.mark.parametrize(
    ("number", "code", "message", "retryable"),
    [
        (DECLINED, "05", "The card was declined.", False),
        (NO_FUNDS, "51", "The card's account has too little money.", True),
    ],
)
async def test_a_declined_top_up_says_by_whom_with_what_code_and_whether_to_try_again(
    town: Town, number: str, code: str, message: str, retryable: bool
) -> None:
    ada = await town.person("ada")
    card = await card_of(ada, number)
    payload = await top_up(town, ada, card)
    error = {
        "__typename": "RailDeclinedError",
        "code": "RAIL_DECLINED",
        "message": message,
        "path": None,
        "rail": "SANDBOX",
        "networkCode": code,
        "retryable": retryable,
    }
    assert payload == {"transfer": None, "wallet": None, "replayed": False, "userErrors": [error]}
    assert await top_up(town, ada, card) == payload
    assert (await ada.has(), await entries_of(town, ada)) == ("0.00", [])
    assert await tally(town.app, ada.id) == Tally()


async def test_a_top_up_that_is_declined_later_leaves_a_transfer_that_says_so(town: Town) -> None:
    ada = await town.person("ada")
    card = await card_of(ada, FAILS_LATER)
    transfer = (await top_up(town, ada, card))["transfer"]
    await go_on(town.app, seconds=6)
    stands = await node(town, ada, transfer["id"])
    assert (stands["status"], stands["networkCode"]) == ("DECLINED", "05")
    [error] = (await top_up(town, ada, card))["userErrors"]
    assert (error["__typename"], error["networkCode"]) == ("RailDeclinedError", "05")
    assert await tally(town.app, ada.id) == Tally()
    assert await entries_of(town, ada) == []


async def test_the_same_key_with_another_source_or_amount_is_another_request(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    card = await card_of(ada, FINE)
    await top_up(town, ada, card)
    before = await contents(backdoor)
    for source, amount in ((card, "21"), (None, "20")):
        payload = await top_up(town, ada, source, amount=amount)
        assert [error["code"] for error in payload["userErrors"]] == ["IDEMPOTENCY_CONFLICT"]
    assert await contents(backdoor) == before


async def test_nobody_else_finds_a_top_up(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    card = await card_of(ada, SLOW)
    transfer = (await top_up(town, ada, card))["transfer"]
    assert await node(town, ben, transfer["id"]) is None
    [error] = (await top_up(town, ben, card))["userErrors"]
    assert (error["code"], error["path"]) == ("NOT_FOUND", ["fundingSourceId"])


async def test_a_source_whose_rail_is_gone_cannot_be_drawn_from(town: Town, networks: Networks) -> None:
    ada = await networks.town.person("ada")
    card = await card_of(ada, FINE)
    without = Person(town.app, ada.id, ada.handle, ada.viewer)
    [error] = (await top_up(town, without, card))["userErrors"]
    assert (error["code"], error["path"]) == ("INVALID", ["fundingSourceId"])
