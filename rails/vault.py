"""The vault: the numbers of cards and bank accounts, encrypted, behind tokens.

Nobody else keeps a number. It comes in here, and leaves only by `reveal`, to be sent to a network.

- A number is sealed with Fernet (AES-128-CBC and HMAC-SHA256), together with its token: a ciphertext that was moved to
  another row opens nothing. The first key seals, all of them open; `rotate` seals everything anew with the first.
- Equal numbers have equal fingerprints: a hash with a key of its own, which is kept sealed beside them. So it stays the
  same when the other keys change, and without these it cannot be told which number a fingerprint is of.
- A token is for whoever brought the number, and for linking it once, within `LIFETIME`. What is not linked by then is
  forgotten.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import bindparam, delete, select, update
from sqlmodel import col

from models.database import Command, Database, Query, Transaction, columns_of, insert
from models.rails import VaultKey, VaultSecret
from models.types import Id, Timestamp
from rails.interface import AccountNumber, CardNumber
from rails.numbers import Card

LIFETIME = timedelta(hours=1)
"""For how long a number waits to be linked."""
ROTATED_AT_ONCE = 500
_TOKEN_FORM = re.compile(r"vault_[A-Za-z0-9_-]{43}", re.ASCII)
FINGERPRINTS = "fingerprints"
"""The name of the key that makes fingerprints."""


class Kept(NamedTuple):
    """What may be known of a number that the vault keeps."""

    token: str
    brand: str
    """A card's network; empty for a bank account."""
    last4: str
    expires: str | None
    """The last month in which a card is good: MM/YYYY."""
    fingerprint: str


class NoKeyError(KeyError):
    """A number was sealed with a key that is not among the vault's, or its row has been tampered with."""

    def __str__(self) -> str:
        return "What is in the vault was sealed with a key that is not among those that were given."


class _SecretRow(NamedTuple):
    token: str
    ciphertext: str


class _KeyRow(NamedTuple):
    name: str
    ciphertext: str


_TOKEN = col(VaultSecret.token) == bindparam("known_token")
_WAITS = col(VaultSecret.claimed_at).is_(None)
_secret = Query(_SecretRow, select(*columns_of(_SecretRow, VaultSecret)).where(_TOKEN))
_kept = Query(
    Kept,
    select(*columns_of(Kept, VaultSecret)).where(
        _TOKEN, col(VaultSecret.owner_id) == bindparam("owner_id", type_=Id())
    ),
)
_after = Query(
    _SecretRow,
    select(*columns_of(_SecretRow, VaultSecret))
    .where(col(VaultSecret.token) > bindparam("known_token"))
    .order_by(col(VaultSecret.token))
    .limit(ROTATED_AT_ONCE),
)
_keep = Command(insert(VaultSecret).values({name: bindparam(name) for name in VaultSecret.model_fields}))
_claim = Command(
    update(VaultSecret)
    .where(
        _TOKEN,
        _WAITS,
        col(VaultSecret.owner_id) == bindparam("owner_id", type_=Id()),
        col(VaultSecret.created_at) > bindparam("since", type_=Timestamp()),
    )
    .values(claimed_at=bindparam("moment"))
)
_release = Command(update(VaultSecret).where(_TOKEN).values(claimed_at=None))
_forget = Command(delete(VaultSecret).where(_TOKEN))
_forget_unclaimed = Command(
    delete(VaultSecret).where(_WAITS, col(VaultSecret.created_at) <= bindparam("until", type_=Timestamp()))
)
# Only what is as it was read: who forgets or seals it meanwhile has been first.
_reseal = Command(
    update(VaultSecret)
    .where(_TOKEN, col(VaultSecret.ciphertext) == bindparam("old"))
    .values(ciphertext=bindparam("sealed"))
)
_key = Query(_KeyRow, select(*columns_of(_KeyRow, VaultKey)).where(col(VaultKey.name) == bindparam("known_name")))
_keep_key = Command(
    insert(VaultKey).values({name: bindparam(name) for name in VaultKey.model_fields}).on_conflict_do_nothing()
)
_reseal_key = Command(
    update(VaultKey)
    .where(col(VaultKey.name) == bindparam("known_name"), col(VaultKey.ciphertext) == bindparam("old"))
    .values(ciphertext=bindparam("sealed"))
)


def new_key() -> str:
    """A new key for the vault."""
    return Fernet.generate_key().decode()


class Vault:
    """Keeps numbers. Raises NoKeyError where a key is missing, and ValueError for what is no key."""

    def __init__(self, database: Database, keys: Sequence[str]) -> None:
        self._database = database
        self._seal = MultiFernet([Fernet(key) for key in keys])
        self._fingerprints: bytes | None = None

    async def check(self) -> None:
        """Raises NoKeyError if these are not the keys of what is in the vault, if anything is."""
        row = await self._database.first(_key, known_name=FINGERPRINTS)
        if row is not None:
            self._opened(row.ciphertext)

    async def keep_card(self, owner_id: UUID, card: Card, now: datetime) -> Kept:
        """Keeps a card's number until it is linked."""
        number, expires = card.secret
        kept = Kept(_new_token(), card.brand, number[-4:], expires, await self._fingerprint("card", number))
        await self._add(owner_id, kept, list(card.secret), now)
        return kept

    async def keep_account(self, owner_id: UUID, account: AccountNumber, now: datetime) -> Kept:
        """Keeps a bank account's number until it is linked."""
        fingerprint = await self._fingerprint("account", *account)
        kept = Kept(_new_token(), "", account.number[-4:], None, fingerprint)
        await self._add(owner_id, kept, list(account), now)
        return kept

    async def claim(self, owner_id: UUID, token: str, now: datetime) -> Kept | None:
        """What is behind a token, for its owner to link: once, and within its lifetime. Else None."""
        if not _TOKEN_FORM.fullmatch(token):
            return None
        claimed = await self._run(_claim, known_token=token, owner_id=owner_id, since=now - LIFETIME, moment=now)
        return await self._database.first(_kept, known_token=token, owner_id=owner_id) if claimed else None

    async def release(self, token: str) -> None:
        """Lets a token be claimed once more, because it could not be linked for now."""
        await self._run(_release, known_token=token)

    async def forget(self, token: str) -> None:
        """Deletes the number behind a token, if there is one."""
        await self._run(_forget, known_token=token)

    async def forget_unclaimed(self, now: datetime) -> int:
        """Deletes what nobody has linked in time. Returns how many there were."""
        return await self._run(_forget_unclaimed, until=now - LIFETIME)

    async def reveal(self, token: str) -> CardNumber | AccountNumber:
        """The number behind a token, to be sent to a network and nowhere else. Raises KeyError."""
        row = await self._database.first(_secret, known_token=token)
        if row is None:
            raise KeyError("the vault knows no such token")
        kind, sealed_with, *parts = json.loads(self._opened(row.ciphertext))
        if sealed_with != token:
            raise NoKeyError
        return CardNumber(*parts) if kind == CardNumber.__name__ else AccountNumber(*parts)

    async def rotate(self) -> int:
        """Seals everything anew with the first key. Returns how many numbers there were."""
        await self._fingerprint_key()
        count, last = 0, ""
        while rows := await self._database.fetch(_after, known_token=last):
            async with self._database.transaction() as transaction:
                for row in rows:
                    await self._reseal(transaction, row)
            count, last = count + len(rows), rows[-1].token
        key = await self._database.first(_key, known_name=FINGERPRINTS)
        assert key is not None, "it was there when this began"
        await self._run(_reseal_key, known_name=key.name, old=key.ciphertext, sealed=self._resealed(key.ciphertext))
        return count

    async def _add(self, owner_id: UUID, kept: Kept, parts: list[str], now: datetime) -> None:
        kind = CardNumber.__name__ if kept.expires else AccountNumber.__name__
        sealed = self._sealed(json.dumps([kind, kept.token, *parts]).encode())
        await self._run(_keep, **kept._asdict(), owner_id=owner_id, ciphertext=sealed, created_at=now, claimed_at=None)

    async def _run(self, command: Command, **params: object) -> int:
        async with self._database.transaction() as transaction:
            return await transaction.run(command, **params)

    async def _reseal(self, transaction: Transaction, row: _SecretRow) -> None:
        sealed = self._resealed(row.ciphertext)
        await transaction.run(_reseal, known_token=row.token, old=row.ciphertext, sealed=sealed)

    async def _fingerprint(self, *parts: str) -> str:
        key = await self._fingerprint_key()
        return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()

    async def _fingerprint_key(self) -> bytes:
        if self._fingerprints is None:
            row = await self._database.first(_key, known_name=FINGERPRINTS)
            if row is None:  # whoever comes first makes it, for all
                await self._run(_keep_key, name=FINGERPRINTS, ciphertext=self._sealed(secrets.token_bytes(32)))
                row = await self._database.first(_key, known_name=FINGERPRINTS)
                assert row is not None, "it has just been written"
            self._fingerprints = self._opened(row.ciphertext)
        return self._fingerprints

    def _sealed(self, secret: bytes) -> str:
        return self._seal.encrypt(secret).decode()

    def _opened(self, ciphertext: str) -> bytes:
        try:
            return self._seal.decrypt(ciphertext)
        except InvalidToken:
            raise NoKeyError from None

    def _resealed(self, ciphertext: str) -> str:
        try:
            return self._seal.rotate(ciphertext).decode()
        except InvalidToken:
            raise NoKeyError from None


def _new_token() -> str:
    return "vault_" + secrets.token_urlsafe(32)
