"""The rails of banks that the settings ask for."""

from pydantic import SecretStr

from models.transfers import RailEnvironment
from rails import RailAdapter, Secrets
from rails.exchange import ExchangeSettings, HttpExchange
from server.exits import WrongSettingError
from server.settings import PREFIX, Settings


def ach_rail(settings: Settings, secrets: Secrets) -> RailAdapter | None:
    """ACH, if there is a bank for it. Raises WrongSettingError."""
    if settings.ach_url is None:
        return None
    from rails.ach import AchRail, AchSettings
    from rails.nacha import NachaError, Originator

    _require(settings, "ach_token", "ach_bank", "ach_company")
    originator = Originator(
        settings.ach_bank or "", settings.ach_bank_name, settings.ach_company or "", settings.ach_company_name
    )
    chosen = AchSettings(originator, _environment(settings.ach_test), settings.ach_good_after_days)
    try:
        return AchRail(chosen, _exchange(settings.ach_url, settings.ach_token), secrets)
    except NachaError as error:
        raise WrongSettingError(f"{PREFIX}ACH_… cannot be as they are: {error}.") from None


def iso20022_rail(settings: Settings, secrets: Secrets) -> RailAdapter | None:
    """SEPA credit transfers, if there is a bank for them. Raises WrongSettingError."""
    if settings.sepa_url is None:
        return None
    from rails.iso20022 import Iso20022Rail, Iso20022Settings

    _require(settings, "sepa_token", "sepa_iban", "sepa_bic")
    chosen = Iso20022Settings(
        settings.sepa_name, settings.sepa_iban or "", settings.sepa_bic or "", _environment(settings.sepa_test)
    )
    try:
        return Iso20022Rail(chosen, _exchange(settings.sepa_url, settings.sepa_token), secrets)
    except ValueError as error:
        raise WrongSettingError(f"{PREFIX}SEPA_… cannot be as they are: {error}.") from None


def _require(settings: Settings, *names: str) -> None:
    for name in names:
        if getattr(settings, name) is None:
            raise WrongSettingError(f"{PREFIX}{name.upper()} must be set, too: the bank is.")


def _environment(test: bool) -> RailEnvironment:
    """Money is real unless somebody says that it is not."""
    return RailEnvironment.SANDBOX if test else RailEnvironment.LIVE


def _exchange(url: str, token: SecretStr | None) -> HttpExchange:
    return HttpExchange(ExchangeSettings(url, "" if token is None else token.get_secret_value()))
