"""People: who they are, whom they follow and whom they block."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text, true
from sqlmodel import Field, SQLModel

from models.types import BigInt, Flag, Id, Timestamp, table_args


class User(SQLModel, table=True):
    """A person. The handle is stored in lower case; it is unique."""

    __tablename__ = "users"
    __table_args__ = table_args()

    id: UUID = Field(primary_key=True, sa_type=Id)
    handle: str = Field(unique=True, sa_type=Text)
    display_name: str = Field(sa_type=Text)
    bio: str | None = Field(default=None, sa_type=Text)
    avatar_url: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)


class UserCounters(SQLModel, table=True):
    """What changes often about a user, apart from the wide row that does not."""

    __tablename__ = "user_counters"
    __table_args__ = table_args(
        CheckConstraint("follower_count >= 0 AND following_count >= 0 AND post_count >= 0", name="counts_not_negative")
    )

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    follower_count: int = Field(default=0, sa_type=BigInt)
    following_count: int = Field(default=0, sa_type=BigInt)
    post_count: int = Field(default=0, sa_type=BigInt)


class Follow(SQLModel, table=True):
    """`follower` follows `followed`; the id orders the lists by time.

    What `followed` posts comes into the follower's feed through the inbox, or is read from among their posts, or both.
    """

    __tablename__ = "follows"
    __table_args__ = table_args(
        CheckConstraint("follower_id <> followed_id", name="nobody_follows_themselves"),
        Index("follows_by_follower", "follower_id", "id"),
        Index("follows_by_followed", "followed_id", "id"),
        Index("follows_pushed", "followed_id", "id", postgresql_where=text("pushed"), sqlite_where=text("pushed")),
        Index(
            "follows_pulled", "follower_id", "followed_id", postgresql_where=text("pulled"), sqlite_where=text("pulled")
        ),
    )

    follower_id: UUID = Field(primary_key=True, sa_type=Id)
    followed_id: UUID = Field(primary_key=True, sa_type=Id)
    id: UUID = Field(sa_type=Id)
    pushed: bool = Field(default=True, sa_type=Flag, sa_column_kwargs={"server_default": true()})
    """Whether new posts are put into the follower's inbox. Decided when the follow begins, and never changed."""
    pulled: bool = Field(default=True, sa_type=Flag, sa_column_kwargs={"server_default": true()})
    """Whether the posts are read from among the author's: until the inbox has them all, or for good."""


class Block(SQLModel, table=True):
    """`blocker` has blocked `blocked`: neither sees, follows, answers or pays the other."""

    __tablename__ = "blocks"
    __table_args__ = table_args(
        CheckConstraint("blocker_id <> blocked_id", name="nobody_blocks_themselves"),
        Index("blocks_by_blocked", "blocked_id", "blocker_id"),
    )

    blocker_id: UUID = Field(primary_key=True, sa_type=Id)
    blocked_id: UUID = Field(primary_key=True, sa_type=Id)
    created_at: datetime = Field(sa_type=Timestamp)
