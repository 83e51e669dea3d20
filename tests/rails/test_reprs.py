"""Whatever of ours passes through a rail while a card is linked and charged: its text shows no number."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from models.rails import Direction
from rails import AccountNumber, CardNumber
from resolvers import top_ups
from tests.harness.leaks import numbers_in
from tests.harness.networks import IBAN, id_of, linked_account
from tests.harness.town import FINE, Town, money, new_key
from tests.rails.stages import Stage, a_call, on

OURS = ("rails", "resolvers")


@contextmanager
def watched() -> Iterator[list[object]]:
    """All that functions of ours have in hand when they return, and what they return."""
    seen: list[object] = []

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "return" and frame.f_globals.get("__name__", "").startswith(OURS):
            seen.extend(frame.f_locals.values())
            seen.append(argument)

    sys.setprofile(note)
    try:
        yield seen
    finally:
        sys.setprofile(None)


def shown(seen: list[object]) -> list[str]:
    """The texts of what is of ours. Texts and bodies of requests have no say in what they show."""
    return sorted({text for each in seen if type(each).__module__.startswith(OURS) for text in (repr(each), str(each))})


@on()
async def test_nothing_on_the_way_to_a_network_shows_a_number(stage: Stage) -> None:
    with watched() as seen:
        for source in (stage.works, stage.declined[0]):
            for direction in Direction:
                call = a_call(direction, source)
                await (stage.adapter.pull(call) if direction is Direction.PULL else stage.adapter.push(call))
                await stage.adapter.query(call)
    assert any(type(each).__name__ == "Call" for each in seen)
    assert [text for text in shown(seen) if numbers_in(text)] == []


async def test_nothing_on_the_way_through_the_vault_shows_a_number(town: Town) -> None:
    with watched() as seen:
        ada = await town.person("ada")
        card = await ada.links(FINE)
        await linked_account(ada)
        await top_ups.top_up_wallet(ada.ctx(), id_of(card), money("5"), key=new_key())
    assert {CardNumber, AccountNumber} <= {type(each) for each in seen}
    assert [text for text in shown(seen) if numbers_in(text)] == []


@pytest.mark.parametrize("secret", [CardNumber(FINE, "12/2030"), AccountNumber("", IBAN)], ids=["card", "account"])
def test_a_number_shows_its_last_four_digits_however_it_is_written(secret: CardNumber | AccountNumber) -> None:
    for text in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{ {1: secret} }"):
        assert numbers_in(text) == []
        assert secret.number[-4:] in text
