"""The rails of banks that the settings ask for: what was agreed with a bank is in a TOML file."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from rails import RailAdapter, Secrets
from rails.exchange import HttpExchange
from server.exits import WrongSettingError
from server.settings import PREFIX, Settings

if TYPE_CHECKING:
    from rails.ach import AchSettings
    from rails.iso20022 import Iso20022Settings

Agreed = TypeVar("Agreed", bound=BaseModel)


def ach_rail(settings: Settings, secrets: Secrets) -> RailAdapter | None:
    """ACH, if there is a file about it. Raises WrongSettingError."""
    if settings.ach is None:
        return None
    from rails.ach import AchRail

    agreed = ach_settings(settings.ach)
    return AchRail(agreed, HttpExchange(agreed.exchange), secrets)


def iso20022_rail(settings: Settings, secrets: Secrets) -> RailAdapter | None:
    """SEPA credit transfers, if there is a file about them. Raises WrongSettingError."""
    if settings.iso20022 is None:
        return None
    from rails.iso20022 import Iso20022Rail

    agreed = iso20022_settings(settings.iso20022)
    return Iso20022Rail(agreed, HttpExchange(agreed.exchange), secrets)


def ach_settings(path: Path) -> "AchSettings":
    """What a file about ACH says. Raises WrongSettingError."""
    from rails.ach import AchSettings

    return _agreed("ACH", AchSettings, path)


def iso20022_settings(path: Path) -> "Iso20022Settings":
    """What a file about SEPA says. Raises WrongSettingError."""
    from rails.iso20022 import Iso20022Settings

    return _agreed("ISO20022", Iso20022Settings, path)


def _agreed(name: str, model: type[Agreed], path: Path) -> Agreed:
    try:
        return model.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WrongSettingError(f"{PREFIX}{name}: {where} in {path}: {first['msg']}.") from None
    except (OSError, ValueError) as error:
        raise WrongSettingError(f"{PREFIX}{name}: {path} cannot be read: {error}") from None
