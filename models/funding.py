"""Where a wallet's money comes from: the cards that a person has linked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Text
from sqlmodel import Field, SQLModel

from models.transfers import Rail
from models.types import Flag, Id, Timestamp, choice, one_of_check, table_args


class FundingSource(SQLModel, table=True):
    """A debit card, as its network's token and what may be shown of it; never its number."""

    __tablename__ = "funding_sources"
    __table_args__ = table_args(Index("funding_sources_by_user", "user_id", "id"), one_of_check("rail", Rail))

    id: UUID = Field(primary_key=True, sa_type=Id)
    user_id: UUID = Field(sa_type=Id)
    rail: Rail = Field(sa_type=choice(Rail))
    label: str = Field(sa_type=Text)
    brand: str = Field(sa_type=Text)
    last4: str = Field(sa_type=Text)
    expires: str = Field(sa_type=Text)
    verified: bool = Field(sa_type=Flag)
    created_at: datetime = Field(sa_type=Timestamp)
