"""The command `hatful vault rotate`."""

import asyncio
from collections.abc import Sequence

from models.database import open_database
from rails import Vault
from rails.vault import NoKeyError
from server.exits import WrongSettingError
from server.preparation import current
from server.settings import Settings
from server.vault_keys import CONNECTIONS, NO_KEYS, keys_of


def rotate(settings: Settings) -> int:
    """Encrypts everything in the vault anew with the first key. Returns how many numbers there are.

    Raises OperatorError.
    """
    keys = keys_of(settings)
    if not keys:
        raise WrongSettingError(NO_KEYS)
    alone = settings.model_copy(update={"database": settings.vault_url})
    with current(alone) as url:
        try:
            return asyncio.run(_rotate(url, keys))
        except NoKeyError as error:
            raise WrongSettingError(f"{error} Nothing is lost: add the key that is missing.") from None


async def _rotate(url: str, keys: Sequence[str]) -> int:
    database = await open_database(url, connections=CONNECTIONS)
    try:
        return await Vault(database, keys).rotate()
    finally:
        await database.close()
