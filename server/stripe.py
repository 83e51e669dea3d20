"""Stripe, if the operator has a key for it."""

from rails import RailAdapter, Secrets
from server.exits import WrongSettingError
from server.settings import Settings


def stripe_rail(settings: Settings, secrets: Secrets) -> RailAdapter | None:
    """Stripe, if there is a key for it. Raises WrongSettingError."""
    if settings.stripe_api_key is None:
        return None
    from rails.stripe import StripeRail, StripeSettings  # its SDK is large, and nobody else needs it

    secret = settings.stripe_webhook_secret
    chosen = StripeSettings(
        api_key=settings.stripe_api_key.get_secret_value(),
        webhook_secret="" if secret is None else secret.get_secret_value(),
        account=settings.stripe_account,
        url=settings.stripe_url,
    )
    try:
        return StripeRail(chosen, secrets)
    except ValueError as error:
        raise WrongSettingError(f"HATFUL_STRIPE_API_KEY must be another one: {error}") from None
