"""Registering, using and revoking passkeys: inputs, payloads and what connects them to the commands."""

from typing import Annotated

import strawberry

from resolvers import passkeys
from resolvers.context import Context
from schema.account_mutations import ERRORS, Values, begun
from schema.errors import AccountError
from schema.passkeys import Passkey
from schema.payloads import AnyQuery, query_field
from schema.scalars import JSONObject


@strawberry.input(description="A passkey that a browser has made.")
class RegisterPasskeyInput:
    """A passkey that a browser has made."""

    credential: JSONObject = strawberry.field(
        description="What `navigator.credentials.create()` has given, by its `toJSON()`."
    )
    name: str = strawberry.field(description="What to call it.")


@strawberry.input(description="A passkey's answer.")
class SignInWithPasskeyInput:
    """A passkey's answer."""

    credential: JSONObject = strawberry.field(
        description="What `navigator.credentials.get()` has given, by its `toJSON()`."
    )


@strawberry.input(description="A passkey to be revoked.")
class RevokePasskeyInput:
    """A passkey to be revoked."""

    id: strawberry.ID = strawberry.field(description="The passkey's id.")


@strawberry.type(description="What a browser needs to make a passkey. It holds once, for five minutes.")
class BeginPasskeyRegistrationPayload:
    """What a browser needs to make a passkey."""

    options: JSONObject | None = strawberry.field(
        description="Give it to `PublicKeyCredential.parseCreationOptionsFromJSON()`."
    )
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="What a browser needs to sign in with a passkey. It holds once, for five minutes.")
class BeginPasskeySignInPayload:
    """What a browser needs to sign in with a passkey."""

    options: JSONObject | None = strawberry.field(
        description="Give it to `PublicKeyCredential.parseRequestOptionsFromJSON()`."
    )
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


@strawberry.type(description="A passkey that was registered or revoked.")
class PasskeyPayload:
    """A passkey that was registered or revoked."""

    passkey: Passkey | None = strawberry.field(description="The passkey.")
    query: AnyQuery = query_field()
    user_errors: list[AccountError] = strawberry.field(description=ERRORS)


async def begin_passkey_registration(ctx: Context) -> Values:
    """Begins to register a passkey."""
    return {"options": await passkeys.begin_registration(ctx)}


async def register_passkey(
    ctx: Context,
    *,
    input: Annotated[RegisterPasskeyInput, "The passkey that a browser has made."],
) -> Values:
    """Registers a passkey."""
    return {"passkey": await passkeys.register(ctx, input.credential, input.name)}


async def begin_passkey_sign_in(ctx: Context) -> Values:
    """Begins to sign in with a passkey."""
    return {"options": await passkeys.begin_sign_in(ctx)}


async def sign_in_with_passkey(
    ctx: Context,
    *,
    input: Annotated[SignInWithPasskeyInput, "The passkey's answer."],
) -> Values:
    """Begins a session."""
    return await begun(ctx, await passkeys.sign_in(ctx, input.credential))


async def revoke_passkey(
    ctx: Context,
    *,
    input: Annotated[RevokePasskeyInput, "The passkey to be revoked."],
) -> Values:
    """Revokes a passkey."""
    return {"passkey": await passkeys.revoke(ctx, input.id)}
