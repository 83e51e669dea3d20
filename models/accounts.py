"""Signing in: password hashes and bearer tokens. No secret is stored, only what checks it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.types import BigInt, Id, Timestamp, choice, one_of_check, table_args


class TokenKind(StrEnum):
    """Where a token comes from: a sign-in, the owner's settings, or the demo data."""

    SESSION = "SESSION"
    ACCESS = "ACCESS"
    DEMO = "DEMO"


class Credential(SQLModel, table=True):
    """A user's password, as the PHC string of its argon2id hash."""

    __tablename__ = "credentials"
    __table_args__ = table_args()

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    password_hash: str = Field(sa_type=Text)


class Token(SQLModel, table=True):
    """A bearer token: the SHA-256 of a random secret, whose it is and what it may do."""

    __tablename__ = "tokens"
    __table_args__ = table_args(
        Index("tokens_by_user", "user_id", "id"),
        one_of_check("kind", TokenKind),
        CheckConstraint(
            "(spend_limit IS NULL) = (spend_limit_currency IS NULL) AND (spend_limit IS NULL OR spend_limit >= 0)",
            name="spend_limit_is_money",
        ),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    user_id: UUID = Field(sa_type=Id)
    kind: TokenKind = Field(sa_type=choice(TokenKind))
    name: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    """The scopes' names with spaces between them, as in OAuth 2."""
    secret_hash: bytes = Field(unique=True, sa_type=LargeBinary)
    spend_limit: int | None = Field(default=None, sa_type=BigInt)
    """Minor units that the token may spend in 24 hours."""
    spend_limit_currency: Currency | None = Field(default=None, sa_type=choice(Currency))
    created_at: datetime = Field(sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
