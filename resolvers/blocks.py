"""Blocks: neither of the two sees, follows, answers or pays the other."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, or_, select
from sqlmodel import col

from models.database import Command, Query, any_of, columns_of, insert
from models.database.connection import Reader
from models.ids import HOUSE
from models.posts import Post
from models.types import Id
from models.users import Block

VIEWER = bindparam("viewer", type_=Id())


class BlockRow(NamedTuple):
    """Who has blocked whom."""

    blocker_id: UUID
    blocked_id: UUID


_between = Query(
    BlockRow,
    select(*columns_of(BlockRow, Block)).where(
        or_(
            and_(col(Block.blocker_id) == VIEWER, any_of(Block.blocked_id)),
            and_(col(Block.blocked_id) == VIEWER, any_of(Block.blocker_id)),
        )
    ),
)

_with_author = Query(
    BlockRow,
    select(*columns_of(BlockRow, Block))
    .join(
        Post,
        or_(
            and_(col(Block.blocker_id) == VIEWER, col(Block.blocked_id) == col(Post.author_id)),
            and_(col(Block.blocked_id) == VIEWER, col(Block.blocker_id) == col(Post.author_id)),
        ),
    )
    .where(any_of(Post.id)),
)


def unless_blocked_by(author: Any) -> ColumnElement[bool]:
    """The condition that `author` has not blocked the viewer, who is the parameter `viewer`."""
    blocks = Block.__table__.alias()  # type: ignore[attr-defined]
    return ~select(blocks.c.blocker_id).where(blocks.c.blocker_id == author, blocks.c.blocked_id == VIEWER).exists()


def unless_blocked(author: Any) -> ColumnElement[bool]:
    """The condition that neither `author` nor the viewer has blocked the other."""
    blocks = Block.__table__.alias()  # type: ignore[attr-defined]
    by_viewer = select(blocks.c.blocker_id).where(blocks.c.blocker_id == VIEWER, blocks.c.blocked_id == author)
    return and_(unless_blocked_by(author), ~by_viewer.exists())


def or_nobody(viewer_id: UUID | None) -> UUID:
    """The parameter `viewer`: the signed out have the id of no user."""
    return HOUSE if viewer_id is None else viewer_id


async def blocks_between(reader: Reader, viewer_id: UUID, others: list[UUID]) -> list[BlockRow]:
    """The blocks between the viewer and any of the others."""
    return await reader.fetch(_between, viewer=viewer_id, keys=others) if others else []


async def is_blocked(reader: Reader, viewer_id: UUID, other_id: UUID) -> bool:
    """Whether either of the two has blocked the other."""
    return bool(await blocks_between(reader, viewer_id, [other_id]))


async def is_author_blocked(reader: Reader, viewer_id: UUID, post_id: UUID) -> bool:
    """Whether the viewer and who wrote a post have blocked each other; False if there is no such post."""
    return bool(await reader.fetch(_with_author, viewer=viewer_id, keys=[post_id]))


insert_block = Command(
    insert(Block)
    .values({name: bindparam(name) for name in ("blocker_id", "blocked_id", "created_at")})
    .on_conflict_do_nothing()
)
