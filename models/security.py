"""What has happened with an account that its owner should know of.

Rows are added and, by triggers, never changed, but that an old one's address may be erased.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.types import Id, Timestamp, choice, table_args


class SecurityEventKind(StrEnum):
    """What has happened."""

    SIGNED_UP = "SIGNED_UP"
    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_FAILED = "SIGN_IN_FAILED"
    SIGNED_OUT = "SIGNED_OUT"
    TOKEN_CREATED = "TOKEN_CREATED"  # noqa: S105 - the word, not one of them
    TOKEN_REVOKED = "TOKEN_REVOKED"  # noqa: S105
    SESSION_REVOKED = "SESSION_REVOKED"
    PASSKEY_REGISTERED = "PASSKEY_REGISTERED"
    PASSKEY_REVOKED = "PASSKEY_REVOKED"
    SIGNED_IN_WITH_PASSKEY = "SIGNED_IN_WITH_PASSKEY"
    PASSKEY_REFUSED = "PASSKEY_REFUSED"
    MONEY_MOVED = "MONEY_MOVED"
    CARD_LINKED = "CARD_LINKED"
    BANK_ACCOUNT_LINKED = "BANK_ACCOUNT_LINKED"
    BANK_ACCOUNT_VERIFIED = "BANK_ACCOUNT_VERIFIED"
    BANK_ACCOUNT_REFUSED = "BANK_ACCOUNT_REFUSED"
    SOURCE_REMOVED = "SOURCE_REMOVED"
    SCOPE_REFUSED = "SCOPE_REFUSED"
    LIMIT_REFUSED = "LIMIT_REFUSED"
    RISK_REFUSED = "RISK_REFUSED"
    ACCOUNT_FROZEN = "ACCOUNT_FROZEN"
    ACCOUNT_THAWED = "ACCOUNT_THAWED"
    TOKEN_FROZEN = "TOKEN_FROZEN"  # noqa: S105
    TOKEN_THAWED = "TOKEN_THAWED"  # noqa: S105
    TIER_GRANTED = "TIER_GRANTED"


_ADDRESS_IS_KEPT: Any = {
    "sqlite_where": text("address IS NOT NULL"),
    "postgresql_where": text("address IS NOT NULL"),
}


class SecurityEvent(SQLModel, table=True):
    """Something that has happened with `user`'s account.

    One is written with every tip, so there is one index beside its key, of the rows whose address is to be erased one
    day. No check lists the kinds: there will be more of them, and a table of this size is not written anew for that.
    """

    __tablename__ = "security_events"
    __table_args__ = table_args(Index("security_events_with_address", "id", **_ADDRESS_IS_KEPT))

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: SecurityEventKind = Field(sa_type=choice(SecurityEventKind))
    token_id: UUID | None = Field(default=None, sa_type=Id)
    """The session or the access token with which it was done."""
    address: str | None = Field(default=None, sa_type=Text)
    """Where the request came from; erased after a while."""
    subject_id: UUID | None = Field(default=None, sa_type=Id)
    """What it was about: a transfer, a funding source, a session, an access token or a passkey."""
    created_at: datetime = Field(sa_type=Timestamp)
