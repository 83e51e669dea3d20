"""Passkeys, and the challenges that are yet to be answered with one. Neither holds a secret."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from models.types import BigInt, Id, Timestamp, table_args


class Passkey(SQLModel, table=True):
    """A public key of a user's, whose private half never leaves their authenticator."""

    __tablename__ = "passkeys"
    __table_args__ = table_args(Index("passkeys_by_user", "user_id", "id"))

    id: UUID = Field(primary_key=True, sa_type=Id)
    user_id: UUID = Field(sa_type=Id)
    name: str = Field(sa_type=Text)
    credential_id: bytes = Field(unique=True, sa_type=LargeBinary)
    """What the authenticator calls it."""
    public_key: bytes = Field(sa_type=LargeBinary)
    """As a COSE key (RFC 9053)."""
    sign_count: int = Field(sa_type=BigInt)
    """What the authenticator had counted when it was last used; 0 for one that does not count."""
    created_at: datetime = Field(sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PasskeyChallenge(SQLModel, table=True):
    """Random bytes that an authenticator is to sign. The row is taken away by the first answer."""

    __tablename__ = "passkey_challenges"
    __table_args__ = table_args(Index("passkey_challenges_by_end", "expires_at"))

    challenge: bytes = Field(primary_key=True, sa_type=LargeBinary)
    user_id: UUID | None = Field(default=None, sa_type=Id)
    """Who is registering a passkey; None for somebody who signs in."""
    expires_at: datetime = Field(sa_type=Timestamp)
