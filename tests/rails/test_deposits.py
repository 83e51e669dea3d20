"""A bank account whose two deposits Stripe chooses: linked, verified and drawn from as its owner does it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from models.transfers import Rail, TransferStatus
from rails.stripe import StripeRail
from resolvers import top_ups
from resolvers.context import App
from resolvers.errors import InputError, NetworkUnavailableError, NotPermittedError
from tests.harness.networks import id_of, linked_account, sources, verify
from tests.harness.town import Person, Town, money, new_key, refusal
from tests.rails.stages import StripeStage


@pytest.fixture
async def ada(app: App, stripe: StripeStage) -> AsyncIterator[Person]:
    """Ada, whose accounts go over Stripe."""
    assert app.rails.vault is not None
    adapter = StripeRail(stripe.settings, app.rails.vault)
    rails = replace(app.rails, adapters={**app.rails.adapters, Rail.STRIPE: adapter}, banks=Rail.STRIPE)
    yield await Town(replace(app, rails=rails)).person("ada")
    await adapter.close()


async def test_whoever_names_what_stripe_has_sent_can_draw_from_the_account(ada: Person) -> None:
    bank = await linked_account(ada)
    assert (bank.rail, bank.verified) == (Rail.STRIPE, False)
    error = await refusal(verify(ada, bank, 1, 2))
    assert isinstance(error, InputError)
    assert "2 tries" in error.message
    assert (await verify(ada, bank, 45, 32)).verified
    moved = await top_ups.top_up_wallet(ada.ctx(), id_of(bank), money("20"), key=new_key())
    assert moved.transfer.status is TransferStatus.PENDING_RAIL
    assert (await ada.balance()).pending.amount == 20


async def test_stripe_takes_no_more_tries_and_the_account_is_removed(ada: Person) -> None:
    bank = await linked_account(ada)
    assert isinstance(await refusal(verify(ada, bank, 10, 11)), NotPermittedError)
    assert await sources(ada) == []


async def test_a_try_that_stripe_did_not_answer_is_none(ada: Person, stripe: StripeStage) -> None:
    bank = await linked_account(ada)
    stripe.fault("verify", "STATUS", status=503, times=3)
    for _ in range(3):
        with pytest.raises(NetworkUnavailableError):
            await verify(ada, bank, 32, 45)
    assert (await verify(ada, bank, 32, 45)).verified
