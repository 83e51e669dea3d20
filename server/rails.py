"""The rails that the settings ask for."""

from rails import Secrets
from rails.stripe import StripeRail, StripeSettings
from server.exits import WrongSettingError
from server.settings import Settings


def stripe_rail(settings: Settings, secrets: Secrets) -> StripeRail | None:
    """Stripe, if there is a key for it. Raises WrongSettingError."""
    if settings.stripe_api_key is None:
        return None
    secret = settings.stripe_webhook_secret
    try:
        return StripeRail(
            StripeSettings(
                api_key=settings.stripe_api_key.get_secret_value(),
                webhook_secret="" if secret is None else secret.get_secret_value(),
                account=settings.stripe_account,
                url=settings.stripe_url,
            ),
            secrets,
        )
    except ValueError as error:
        raise WrongSettingError(f"HATFUL_STRIPE_API_KEY: {error}") from None
