"""Accounts and access tokens that the operator has frozen: no money moves by their doing."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, Text, text
from sqlmodel import Field, SQLModel

from models.types import Id, Timestamp, table_args

_HOLDS: Any = {"sqlite_where": text("thawed_at IS NULL"), "postgresql_where": text("thawed_at IS NULL")}


class Freeze(SQLModel, table=True):
    """A freeze of `subject` (a user or an access token), from `frozen_at` until `thawed_at`. Rows stay."""

    __tablename__ = "freezes"
    __table_args__ = table_args(Index("frozen_once_at_a_time", "subject_id", unique=True, **_HOLDS))

    id: UUID = Field(primary_key=True, sa_type=Id)
    subject_id: UUID = Field(sa_type=Id)
    user_id: UUID = Field(sa_type=Id)
    """Whose account or token it is."""
    reason: str = Field(sa_type=Text)
    """Why, in the operator's words, and for the operator alone."""
    frozen_at: datetime = Field(sa_type=Timestamp)
    thawed_at: datetime | None = Field(default=None, sa_type=Timestamp)
