"""Posts, and what people do with them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlmodel import Field, SQLModel

from models.types import BigInt, Id, Timestamp, table_args

_STANDS = text("reply_to_id IS NULL AND deleted_at IS NULL")


class Post(SQLModel, table=True):
    """A post. A deleted one stays as a mark, because tips and replies name it."""

    __tablename__ = "posts"
    __table_args__ = table_args(
        Index("posts_by_author", "author_id", "id"),
        Index("posts_for_followers", "author_id", "id", postgresql_where=_STANDS, sqlite_where=_STANDS),
        Index("posts_latest", "id", postgresql_where=_STANDS, sqlite_where=_STANDS),
        Index("posts_by_reply_to", "reply_to_id", "id"),
        Index("posts_by_quote_of", "quote_of_id", "id"),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    author_id: UUID = Field(sa_type=Id)
    text: str = Field(sa_type=Text)
    reply_to_id: UUID | None = Field(default=None, sa_type=Id)
    quote_of_id: UUID | None = Field(default=None, sa_type=Id)
    created_at: datetime = Field(sa_type=Timestamp)
    edited_at: datetime | None = Field(default=None, sa_type=Timestamp)
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PostCounters(SQLModel, table=True):
    """What changes often about a post, apart from the wide row that does not."""

    __tablename__ = "post_counters"
    __table_args__ = table_args(
        CheckConstraint("like_count >= 0 AND reply_count >= 0 AND repost_count >= 0", name="counts_not_negative")
    )

    post_id: UUID = Field(primary_key=True, sa_type=Id)
    like_count: int = Field(default=0, sa_type=BigInt)
    reply_count: int = Field(default=0, sa_type=BigInt)
    repost_count: int = Field(default=0, sa_type=BigInt)


class Like(SQLModel, table=True):
    """A user likes a post."""

    __tablename__ = "likes"
    __table_args__ = table_args()

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    post_id: UUID = Field(primary_key=True, sa_type=Id)
    created_at: datetime = Field(sa_type=Timestamp)


class Repost(SQLModel, table=True):
    """A user shows a post to their own followers."""

    __tablename__ = "reposts"
    __table_args__ = table_args()

    user_id: UUID = Field(primary_key=True, sa_type=Id)
    post_id: UUID = Field(primary_key=True, sa_type=Id)
    created_at: datetime = Field(sa_type=Timestamp)
