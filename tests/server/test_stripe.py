"""Stripe, as the settings ask for it, and which settings are refused."""

import pytest

from models.transfers import RailEnvironment
from rails import CardNumber
from server.exits import WrongSettingError
from server.settings import load
from server.stripe import stripe_rail

pytestmark = pytest.mark.usefixtures("nothing_set")


class NoSecrets:
    """Nothing is linked here."""

    async def reveal(self, token: str) -> CardNumber:
        raise KeyError(token)


async def test_without_a_key_there_is_no_stripe() -> None:
    assert stripe_rail(load(), NoSecrets()) is None


async def test_with_a_key_there_is_and_it_says_whether_its_money_is_real() -> None:
    rail = stripe_rail(load(stripe_api_key="sk_live_1"), NoSecrets())
    assert rail is not None
    assert (rail.environment, rail.capabilities.pushes) == (RailEnvironment.LIVE, frozenset())
    await rail.close()


async def test_with_an_account_it_pays_out() -> None:
    rail = stripe_rail(load(stripe_api_key="sk_test_1", stripe_account="acct_1"), NoSecrets())
    assert rail is not None
    assert rail.environment is RailEnvironment.SANDBOX
    assert rail.capabilities.pushes
    await rail.close()


@pytest.mark.parametrize(
    "options",
    [{"stripe_api_key": "s3cret"}, {"stripe_api_key": "sk_live_s3cret", "stripe_url": "http://localhost:1"}],
)
async def test_a_key_that_will_not_do_is_refused_and_not_repeated(options: dict[str, str]) -> None:
    with pytest.raises(WrongSettingError) as refused:
        stripe_rail(load(**options), NoSecrets())
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(("name", "value"), [("HATFUL_STRIPE_ACCOUNT", "12"), ("HATFUL_STRIPE_URL", "stripe.com")])
def test_an_account_and_an_address_look_like_ones(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettingError, match=name):
        load()


def test_settings_show_no_secrets() -> None:
    settings = load(stripe_api_key="sk_test_s3cret", stripe_webhook_secret="whsec_s3cret")
    assert "s3cret" not in repr(settings)
