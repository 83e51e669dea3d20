"""The command `hatful vault rotate`."""

import asyncio
from collections.abc import Sequence

from models.database import open_database
from rails import Vault
from rails.vault import NoKeyError
from server.addresses import masked
from server.exits import OutdatedDatabaseError, WrongSettingError
from server.preparation import explained, is_current
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
    with explained(settings.vault_url):
        if not is_current(alone):
            where = masked(settings.vault_url)
            raise OutdatedDatabaseError(f"{where} has not the tables of this Hatful: run hatful migrate first.")
        try:
            return asyncio.run(_rotate(settings.vault_url, keys))
        except NoKeyError as error:
            raise WrongSettingError(f"{error} Nothing is lost: add the key that is missing.") from None


async def _rotate(url: str, keys: Sequence[str]) -> int:
    database = await open_database(url, connections=CONNECTIONS)
    try:
        return await Vault(database, keys).rotate()
    finally:
        await database.close()
