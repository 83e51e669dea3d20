"""Signing up, in and out, and access tokens: inputs, payloads and what connects them to the commands."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import strawberry

from execution.fields import computed
from resolvers import accounts, context, sessions, users
from resolvers.context import Context, TokenScope
from schema.accounts import AccessToken, Viewer
from schema.errors import AccountError
from schema.money import MoneyInput
from schema.payloads import AnyQuery, given, query_field
from schema.sessions import Session

ERRORS = "What went wrong; empty if nothing did. After an error nothing is written and the other fields are null."


@strawberry.input(description="An account to be opened.")
class SignUpInput:
    """An account to be opened."""

    handle: str = strawberry.field(description="1 to 30 letters from a to z, digits and underscores.")
    password: str = strawberry.field(description="8 to 256 characters.")
    display_name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The name to show; the handle if nothing is said."
    )


@strawberry.input(description="Who signs in.")
class SignInInput:
    """Who signs in."""

    handle: str = strawberry.field(description="The handle.")
    password: str = strawberry.field(description="The password.")


@strawberry.input(description="An access token to be made.")
class CreateAccessTokenInput:
    """An access token to be made."""

    name: str = strawberry.field(description="What to call it.")
    scopes: list[TokenScope] = strawberry.field(description="What it may do: at least one.")
    spend_limit_per_day: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="How much it may spend in 24 hours; in another currency nothing. With a limit it cannot top up.",
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it ends; never if nothing is said."
    )


@strawberry.input(description="An access token to be revoked.")
class RevokeAccessTokenInput:
    """An access token to be revoked."""

    id: strawberry.ID = strawberry.field(description="The token's id.")


@strawberry.input(description="A session to be ended.")
class RevokeSessionInput:
    """A session to be ended."""

    id: strawberry.ID = strawberry.field(description="The session's id.")


@strawberry.type(description="A session that has begun.")
class SessionPayload:
    """A session that has begun."""

    token: str | None = strawberry.field(
        description="The bearer token of the session. A browser has it as an HttpOnly cookie too."
    )
    viewer: Viewer | None = strawberry.field(description="Who is signed in now.")
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="A session that has ended.")
class SignOutPayload:
    """A session that has ended."""

    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="An access token that was made or revoked.")
class AccessTokenPayload:
    """An access token that was made or revoked."""

    secret: str | None = computed(lambda payload: payload.secret, "The bearer token itself: shown this once.")
    access_token: AccessToken | None = strawberry.field(description="The token.")
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="A session that was ended.")
class RevokeSessionPayload:
    """A session that was ended."""

    session: Session | None = strawberry.field(description="The session, with the moment of its end.")
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="All other sessions, which were ended.")
class RevokeOtherSessionsPayload:
    """All other sessions, which were ended."""

    sessions: list[Session] | None = strawberry.field(description="The sessions, with the moment of their end.")
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


Values = Mapping[str, Any]


async def sign_up(ctx: Context, *, input: Annotated[SignUpInput, "The account to be opened."]) -> Values:
    """Opens an account and signs it in."""
    session = await accounts.sign_up(ctx, input.handle, given(input.display_name), input.password)
    return await begun(ctx, session)


async def sign_in(ctx: Context, *, input: Annotated[SignInInput, "Who signs in."]) -> Values:
    """Begins a session."""
    session = await accounts.sign_in(ctx, input.handle, input.password)
    return await begun(ctx, session)


async def sign_out(ctx: Context) -> Values:
    """Ends the session."""
    await accounts.sign_out(ctx)
    return {}


async def create_access_token(
    ctx: Context,
    *,
    input: Annotated[CreateAccessTokenInput, "The token to be made."],
) -> Values:
    """Makes an access token."""
    limit, ends = given(input.spend_limit_per_day), given(input.expires_at)
    asked = None if limit is None else limit.asked()
    made = await accounts.create_access_token(ctx, input.name, input.scopes, asked, ends)
    return {"secret": made.secret, "access_token": made.token}


async def revoke_access_token(
    ctx: Context,
    *,
    input: Annotated[RevokeAccessTokenInput, "The token to be revoked."],
) -> Values:
    """Revokes an access token."""
    return {"access_token": await accounts.revoke_access_token(ctx, input.id)}


async def revoke_session(
    ctx: Context,
    *,
    input: Annotated[RevokeSessionInput, "The session to be ended."],
) -> Values:
    """Ends a session."""
    return {"session": await sessions.revoke_session(ctx, input.id)}


async def revoke_other_sessions(ctx: Context) -> Values:
    """Ends all other sessions."""
    return {"sessions": await sessions.revoke_other_sessions(ctx)}


async def begun(ctx: Context, session: context.Session) -> Values:
    """The payload of a session that this request has begun."""
    assert ctx.viewer_id is not None, "a session has a viewer"
    return {"token": session.secret, "viewer": users.ViewerRow(ctx.viewer_id)}
