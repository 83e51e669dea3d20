"""Inboxes: what stands in a viewer's feed, put there beside the requests, and what is still to be put there."""

from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from models.types import Id, table_args


class InboxPost(SQLModel, table=True):
    """A post that was put into a viewer's inbox. Whether it may still be shown is decided when it is read."""

    __tablename__ = "inbox"
    __table_args__ = table_args()

    viewer_id: UUID = Field(primary_key=True, sa_type=Id)
    post_id: UUID = Field(primary_key=True, sa_type=Id)
    author_id: UUID = Field(sa_type=Id)


class Delivery(SQLModel, table=True):
    """A post that its author's followers are yet to get, or to lose; done up to the follow `position`."""

    __tablename__ = "deliveries"
    __table_args__ = table_args(Index("deliveries_by_turn", "turn"))

    post_id: UUID = Field(primary_key=True, sa_type=Id)
    position: UUID = Field(sa_type=Id)
    turn: UUID = Field(sa_type=Id)
    """Ordered by time: who was served longest ago is served next."""


class CatchUp(SQLModel, table=True):
    """A follower who is yet to get all that somebody has posted, or to lose it; done up to the post `position`."""

    __tablename__ = "catch_ups"
    __table_args__ = table_args(Index("catch_ups_by_turn", "turn"))

    follower_id: UUID = Field(primary_key=True, sa_type=Id)
    followed_id: UUID = Field(primary_key=True, sa_type=Id)
    position: UUID = Field(sa_type=Id)
    turn: UUID = Field(sa_type=Id)
    """As that of a delivery."""
