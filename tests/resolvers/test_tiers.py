"""Tiers: whoever is known better may move more."""

import pytest

from models.limits import Tier
from models.security import SecurityEventKind
from resolvers import accounts, funding, security, tiers
from resolvers.accounts import authenticate
from resolvers.context import App, Context
from resolvers.ids import Kind, public_id
from tests.harness.town import FINE, Person, Town

pytestmark = pytest.mark.usefixtures("quick_passwords")


async def signed_in(app: App, handle: str = "ada") -> tuple[Person, str]:
    ctx = Context(app, None)
    session = await accounts.sign_up(ctx, handle, None, "correct horse battery")
    assert ctx.viewer is not None
    return Person(app, ctx.viewer.user_id, handle, ctx.viewer), session.secret


async def tier_of(app: App, secret: str) -> Tier:
    app.sign_ins.forget([])
    app.sign_ins._known.clear()
    viewer = await authenticate(app, secret)
    assert viewer is not None
    return viewer.tier


async def test_a_new_account_with_its_sandbox_card_is_verified_at_once(app: App) -> None:
    ada, secret = await signed_in(app)
    assert (ada.viewer.tier, await tier_of(app, secret)) == (Tier.VERIFIED, Tier.VERIFIED)


async def test_without_a_card_or_bank_account_it_is_new_and_with_one_again_it_is_verified(app: App) -> None:
    ada, secret = await signed_in(app)
    [card] = await funding.sources_of_user(ada.ctx(), ada.id)
    await funding.remove_funding_source(ada.ctx(), public_id(Kind.CARD, card.id))
    assert await tier_of(app, secret) is Tier.NEW
    await ada.links(FINE)
    viewer = await authenticate(app, secret)
    assert viewer is not None
    assert viewer.tier is Tier.VERIFIED, "who was known a moment ago is looked at again"


async def test_what_the_operator_grants_is_the_least_there_is(app: App, town: Town) -> None:
    ada, secret = await signed_in(app)
    for granted, tier in ((Tier.TRUSTED, Tier.TRUSTED), (Tier.VERIFIED, Tier.VERIFIED), (Tier.NEW, Tier.VERIFIED)):
        await tiers.grant(town.stranger(), ada.id, granted)
        assert await tier_of(app, secret) is tier
    [page] = await security.security_events_of(ada.ctx(), [ada.as_viewer])
    kinds = [edge.node.kind for edge in page.edges]
    assert kinds.count(SecurityEventKind.TIER_GRANTED) == 3


async def test_others_stay_what_they_are(app: App, town: Town) -> None:
    ada, _ = await signed_in(app)
    _, secret = await signed_in(app, "ben")
    await tiers.grant(town.stranger(), ada.id, Tier.TRUSTED)
    assert await tier_of(app, secret) is Tier.VERIFIED
