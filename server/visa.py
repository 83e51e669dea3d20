"""Visa Direct, if the operator has agreed it with Visa: what was agreed is in a TOML file."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from rails import Secrets
from rails.visa import VisaRail
from rails.visa_requests import VisaSettings
from server.exits import WrongSettingError
from server.settings import Settings

NAME = "HATFUL_VISA"
FILES = ("certificate", "key", "authority")


def visa_rail(settings: Settings, secrets: Secrets) -> VisaRail | None:
    """Visa Direct, if there is a file about it. Raises WrongSettingError."""
    if settings.visa is None:
        return None
    try:
        return VisaRail(visa_settings(settings.visa), secrets)
    except OSError as error:  # that of TLS is one, too
        raise WrongSettingError(f"{NAME}: the certificates in {settings.visa} cannot be used: {error}") from None


def visa_settings(path: Path) -> VisaSettings:
    """What the file says. Its own files are looked for beside it. Raises WrongSettingError."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
        files = {name: path.parent / told[name] for name in FILES if isinstance(told.get(name), str)}
        return VisaSettings.model_validate({**told, **files})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise WrongSettingError(f"{NAME}: {where} in {path}: {first['msg']}.") from None
    except (OSError, ValueError) as error:
        raise WrongSettingError(f"{NAME}: {path} cannot be read: {error}") from None
