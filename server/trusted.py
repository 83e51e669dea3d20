"""The documents that the operator trusts, read when the server starts."""

from pathlib import Path

import orjson

from execution.persisted import Persisted, hash_of
from server.exits import WrongSettingError
from server.settings import Settings

NAME = "HATFUL_TRUSTED_DOCUMENTS"


def persisted(settings: Settings) -> Persisted:
    """What the settings say of documents that are known by their hash. Raises WrongSettingError."""
    if settings.trusted_documents is None:
        if settings.only_trusted_documents:
            raise WrongSettingError(f"HATFUL_ONLY_TRUSTED_DOCUMENTS needs {NAME}: without one nothing could be run.")
        return Persisted()
    documents = trusted_documents(settings.trusted_documents)
    return Persisted(documents, only_trusted=settings.only_trusted_documents)


def trusted_documents(path: Path) -> dict[str, str]:
    """The documents in a folder of .graphql files, or in a JSON file, by hash. Raises WrongSettingError.

    The JSON is an object of texts by their SHA-256 hashes, or what Apollo calls a persisted query manifest.
    """
    try:
        texts = _of_folder(path) if path.is_dir() else _of_file(path)
    except (OSError, ValueError, KeyError) as error:
        raise WrongSettingError(f"{NAME}: {path} cannot be read: {error}") from None
    if not texts:
        raise WrongSettingError(f"{NAME}: there is no document in {path}.")
    return texts


def _of_folder(path: Path) -> dict[str, str]:
    texts = [file.read_text(encoding="utf-8") for file in sorted(path.rglob("*.graphql"))]
    return {hash_of(text): text for text in texts}


def _of_file(path: Path) -> dict[str, str]:
    content = orjson.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError("it must be an object of texts by their hashes")
    if isinstance(content.get("operations"), list):
        content = {each["id"]: each["body"] for each in content["operations"] if isinstance(each, dict)}
    for key, text in content.items():
        if not isinstance(text, str) or hash_of(text) != key:
            raise ValueError(f"{key[:80]} is not the SHA-256 hash of its text")
    return content
