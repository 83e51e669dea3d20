"""Where a wallet's money comes from and goes to: the cards and bank accounts that a person has linked."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.transfers import Rail
from models.types import Flag, Id, Timestamp, choice, one_of_check, table_args


class SourceKind(StrEnum):
    """What money is drawn from or sent to."""

    CARD = "CARD"
    BANK_ACCOUNT = "BANK_ACCOUNT"


def _where(condition: str) -> Any:
    return {f"{dialect}_where": text(condition) for dialect in ("sqlite", "postgresql")}


_STANDS = _where("removed_at IS NULL")
_TO_FORGET = _where("removed_at IS NOT NULL AND reference IS NOT NULL")


class FundingSource(SQLModel, table=True):
    """A debit card or a bank account, as a token and what may be shown of it; never its number."""

    __tablename__ = "funding_sources"
    __table_args__ = table_args(
        Index("funding_sources_by_user", "user_id", "id"),
        Index("funding_sources_by_fingerprint", "fingerprint"),
        Index("a_number_once_for_each_user", "user_id", "fingerprint", unique=True, **_STANDS),
        Index("funding_sources_to_forget", "removed_at", **_TO_FORGET),
        one_of_check("rail", Rail),
        one_of_check("kind", SourceKind),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    user_id: UUID = Field(sa_type=Id)
    rail: Rail = Field(sa_type=choice(Rail))
    label: str = Field(sa_type=Text)
    brand: str | None = Field(default=None, sa_type=Text)
    """The card's network; a bank account has none."""
    last4: str = Field(sa_type=Text)
    expires: str | None = Field(default=None, sa_type=Text)
    """The last month in which a card is good: MM/YYYY."""
    verified: bool = Field(sa_type=Flag)
    created_at: datetime = Field(sa_type=Timestamp)
    kind: SourceKind = Field(sa_type=choice(SourceKind))
    reference: str | None = Field(default=None, sa_type=Text)
    """What its rail knows it by: the vault's token, or the network's own name for it; gone once it is forgotten."""
    fingerprint: str | None = Field(default=None, sa_type=Text)
    """A keyed hash of its number."""
    removed_at: datetime | None = Field(default=None, sa_type=Timestamp)
