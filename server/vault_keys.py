"""The vault's keys: from the setting, or for an embedded database from a file beside it, which is made if need be."""

import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from models.database import Database, open_database
from models.database.opening import sqlite_path
from rails import Vault
from rails.vault import new_key
from server.exits import WrongSettingError
from server.settings import SQLITE, Settings, are_vault_keys

CONNECTIONS = 2
NO_KEYS = (
    "No cards and bank accounts can be linked: there is no key for their numbers. "
    "Put what `hatful vault key` prints into HATFUL_VAULT_KEYS, and keep a copy of it."
)


def keys_of(settings: Settings) -> Sequence[str]:
    """The keys, the one that encrypts first; none if the operator has to set them. Raises WrongSettingError."""
    if settings.vault_keys is not None:
        return settings.vault_keys.get_secret_value().split(",")
    path = key_file(settings)
    if path is None or not path.is_file():
        return ()
    keys = path.read_text(encoding="ascii", errors="replace").split()
    if not are_vault_keys(keys):
        raise WrongSettingError(f"The file {path} must hold the vault's keys, one in each line.")
    return keys


def key_file(settings: Settings) -> Path | None:
    """Where the keys of an embedded vault are; None where they have to be set."""
    url = settings.vault_url
    return Path(f"{sqlite_path(url)}.vault-key") if url.startswith(SQLITE) else None


def make_key_file(settings: Settings) -> None:
    """Makes the key of an embedded vault, for its owner alone to read, unless there is one or keys are set."""
    path = key_file(settings)
    if settings.vault_keys is not None or path is None or path.exists():
        return
    # It appears whole or not at all, and never over another one: what that has encrypted would be lost.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{new_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        Path(name).unlink()


@asynccontextmanager
async def open_vault(settings: Settings, database: Database) -> AsyncIterator[Vault | None]:
    """The vault, in `database` unless it has one of its own; None without keys."""
    keys = keys_of(settings)
    if not keys:
        yield None
    elif settings.vault_database is None:
        yield Vault(database, keys)
    else:
        own = await open_database(settings.vault_database, connections=CONNECTIONS)
        try:
            yield Vault(own, keys)
        finally:
            await own.close()
