"""Documents that are known by their SHA-256 hash: those that the operator trusts, and those that clients have sent.

A client sends `extensions.persistedQuery` with `version` 1 and `sha256Hash` instead of the document. When nobody knows
the hash, it sends both, and the next time the hash alone is enough: the protocol is that of Apollo's automatic
persisted queries.
"""

from collections.abc import Mapping
from hashlib import sha256

from graphql import GraphQLError

from execution.limits import MAX_CHARACTERS
from execution.recent import Recent

MAX_SENT = 1_000
"""How many of the documents that clients have sent are kept."""


class NotFoundError(GraphQLError):
    """Nobody knows the hash. Clients know this message, and send the document with its hash then."""

    def __init__(self) -> None:
        super().__init__("PersistedQueryNotFound", extensions={"code": "PERSISTED_QUERY_NOT_FOUND"})


class HashError(GraphQLError):
    """The document has another hash."""

    def __init__(self) -> None:
        super().__init__("provided sha does not match query", extensions={"code": "PERSISTED_QUERY_HASH_MISMATCH"})


class NotTrustedError(GraphQLError):
    """The document is none of those that may be run."""

    def __init__(self) -> None:
        super().__init__("Only trusted documents are run here.", extensions={"code": "DOCUMENT_NOT_TRUSTED"})


def hash_of(text: str) -> str:
    """A document's hash: SHA-256 of its UTF-8, in hexadecimal."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Persisted:
    """The documents that are known by their hash. With `only_trusted` no other document is run."""

    def __init__(self, trusted: Mapping[str, str] | None = None, *, only_trusted: bool = False) -> None:
        self._trusted = dict(trusted or {})
        self._only_trusted = only_trusted
        self._sent: Recent[str, str] = Recent(MAX_SENT)

    def text(self, query: str | None, key: str | None) -> str:
        """The document of a request that has its text, its hash or both.

        Raises NotFoundError, HashError or NotTrustedError.
        """
        known = None if key is None else self._trusted.get(key) or self._sent.get(key)
        if query is None:
            if known is None:
                raise NotTrustedError if self._only_trusted else NotFoundError
            return known
        if known == query:
            return query
        if key is not None and hash_of(query) != key:
            raise HashError
        if self._only_trusted and hash_of(query) not in self._trusted:
            raise NotTrustedError
        if key is not None and len(query) <= MAX_CHARACTERS:
            self._sent.put(key, query)
        return query
