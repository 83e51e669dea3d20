"""How much of a limit has been used: one row an owner, limit, currency and UTC day."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.types import BigInt, Id, Timestamp, choice, one_of_check, table_args


class LimitUsage(SQLModel, table=True):
    """What `owner` (a user or an access token) has spent under a limit since `since`."""

    __tablename__ = "limit_usage"
    __table_args__ = table_args(
        CheckConstraint("used >= 0", name="used_not_negative"), one_of_check("currency", Currency)
    )

    owner_id: UUID = Field(primary_key=True, sa_type=Id)
    name: str = Field(primary_key=True, sa_type=Text)
    currency: Currency = Field(primary_key=True, sa_type=choice(Currency))
    since: datetime = Field(primary_key=True, sa_type=Timestamp)
    used: int = Field(default=0, sa_type=BigInt)
