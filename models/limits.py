"""How much of a limit has been used, and who has which limits."""

from datetime import datetime
from enum import IntEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.types import BigInt, Id, Timestamp, choice, one_of_check, table_args


class Tier(IntEnum):
    """How well somebody is known, and so how much they may move."""

    NEW = 0
    VERIFIED = 1
    """A card or a bank account is known to be theirs."""
    TRUSTED = 2
    """The operator has said so."""


class LimitUsage(SQLModel, table=True):
    """What `owner` (a user or an access token) has used of a limit in the bucket that begins at `since`.

    How long a bucket is, whoever draws on the limit decides: an hour, or a thing's whole life.
    """

    __tablename__ = "limit_usage"
    __table_args__ = table_args(
        CheckConstraint("used >= 0", name="used_not_negative"), one_of_check("currency", Currency)
    )

    owner_id: UUID = Field(primary_key=True, sa_type=Id)
    name: str = Field(primary_key=True, sa_type=Text)
    currency: Currency = Field(primary_key=True, sa_type=choice(Currency))
    since: datetime = Field(primary_key=True, sa_type=Timestamp)
    used: int = Field(default=0, sa_type=BigInt)


class GrantedTier(SQLModel, table=True):
    """The least tier that the operator has given somebody."""

    __tablename__ = "granted_tiers"
    __table_args__ = table_args(CheckConstraint("tier IN (0, 1, 2)", name="tier_is_known"))

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    tier: int = Field(sa_type=BigInt)
    granted_at: datetime = Field(sa_type=Timestamp)
