"""Posting, liking, following and blocking: inputs, payloads and what connects them to the commands."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from resolvers import posts, users
from resolvers.context import Context
from schema.errors import ContentError
from schema.payloads import AnyQuery, given, query_field
from schema.posts import Post
from schema.users import User

_ERRORS = "What went wrong; empty if nothing did. After an error nothing is written and the other fields are null."
_ON = "True to do it, false to undo it."


@strawberry.input(description="A post to be made.")
class CreatePostInput:
    """A post to be made."""

    text: str = strawberry.field(description="What it says: plain text of 1 to 2,000 characters.")
    reply_to_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The post to which it replies."
    )
    quote_of_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="The post that it quotes."
    )


@strawberry.input(description="A post to be changed.")
class EditPostInput:
    """A post to be changed."""

    id: strawberry.ID = strawberry.field(description="The post.")
    text: str = strawberry.field(description="What it is to say.")


@strawberry.input(description="A post to be deleted.")
class DeletePostInput:
    """A post to be deleted."""

    id: strawberry.ID = strawberry.field(description="The post.")


@strawberry.input(description="A post to be liked, or no longer.")
class LikePostInput:
    """A post to be liked, or no longer."""

    id: strawberry.ID = strawberry.field(description="The post.")
    on: bool = strawberry.field(default=True, description=_ON)


@strawberry.input(description="A post to be reposted, or no longer.")
class RepostPostInput:
    """A post to be reposted, or no longer."""

    id: strawberry.ID = strawberry.field(description="The post.")
    on: bool = strawberry.field(default=True, description=_ON)


@strawberry.input(description="A person to be followed, or no longer.")
class FollowUserInput:
    """A person to be followed, or no longer."""

    id: strawberry.ID = strawberry.field(description="The person.")
    on: bool = strawberry.field(default=True, description=_ON)


@strawberry.input(description="A person to be blocked, or no longer.")
class BlockUserInput:
    """A person to be blocked, or no longer."""

    id: strawberry.ID = strawberry.field(description="The person.")
    on: bool = strawberry.field(default=True, description=_ON)


@strawberry.type(description="A post that was made or changed.")
class PostPayload:
    """A post that was made or changed."""

    post: Post | None = strawberry.field(description="The post as it is now.")
    query: AnyQuery = query_field()
    user_errors: list[ContentError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A post that was deleted.")
class DeletePostPayload:
    """A post that was deleted."""

    deleted_id: strawberry.ID | None = strawberry.field(description="The id that it had.")
    query: AnyQuery = query_field()
    user_errors: list[ContentError] = strawberry.field(description=_ERRORS)


@strawberry.type(description="A person who was followed or blocked.")
class UserPayload:
    """A person who was followed or blocked."""

    user: User | None = strawberry.field(description="The person as they are now.")
    query: AnyQuery = query_field()
    user_errors: list[ContentError] = strawberry.field(description=_ERRORS)


Values = Mapping[str, Any]


async def create_post(ctx: Context, *, input: Annotated[CreatePostInput, "The post to be made."]) -> Values:
    """Posts a text."""
    return {"post": await posts.create_post(ctx, input.text, given(input.reply_to_id), given(input.quote_of_id))}


async def edit_post(ctx: Context, *, input: Annotated[EditPostInput, "The post to be changed."]) -> Values:
    """Changes a post."""
    return {"post": await posts.edit_post(ctx, input.id, input.text)}


async def delete_post(ctx: Context, *, input: Annotated[DeletePostInput, "The post to be deleted."]) -> Values:
    """Deletes a post."""
    return {"deleted_id": await posts.delete_post(ctx, input.id)}


async def like_post(ctx: Context, *, input: Annotated[LikePostInput, "The post to be liked."]) -> Values:
    """Likes a post."""
    return {"post": await posts.like_post(ctx, input.id, on=input.on)}


async def repost_post(ctx: Context, *, input: Annotated[RepostPostInput, "The post to be reposted."]) -> Values:
    """Reposts a post."""
    return {"post": await posts.repost_post(ctx, input.id, on=input.on)}


async def follow_user(ctx: Context, *, input: Annotated[FollowUserInput, "The person to be followed."]) -> Values:
    """Follows a person."""
    return {"user": await users.follow_user(ctx, input.id, on=input.on)}


async def block_user(ctx: Context, *, input: Annotated[BlockUserInput, "The person to be blocked."]) -> Values:
    """Blocks a person."""
    return {"user": await users.block_user(ctx, input.id, on=input.on)}
