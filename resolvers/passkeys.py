"""Passkeys (WebAuthn): signing in with a key that stays with its owner's authenticator, such as a phone.

Registering one and signing in with one take two steps each. The first makes a challenge, with what a browser needs to
have it signed. The second takes the browser's answer, uses the challenge up, right or wrong, and checks the answer.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, delete, select, update
from sqlmodel import col
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    generate_challenge,
    options_to_json_dict,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from models.database import Command, Query, Transaction, UniqueError, any_of, columns_of, insert
from models.passkeys import Passkey, PasskeyChallenge
from models.security import SecurityEventKind
from models.types import Id, Timestamp
from resolvers import accounts, inputs, permissions, security
from resolvers.context import Context, Session, Viewer
from resolvers.errors import InputError, NotPermittedError, Refused
from resolvers.ids import Kind, key_of
from resolvers.inputs import Checks, InvalidError
from resolvers.users import ViewerRow, users_by_id

CHALLENGE_LIFETIME = timedelta(minutes=5)
MOST_PASSKEYS = 20
"""So many passkeys one account may have."""
NAME = "Hatful"
"""What authenticators call the product."""

MAX_ANSWER = 16_384
"""The most characters of an answer as JSON; most have less than 2,000."""
MAX_CREDENTIAL_ID = 1_023
"""In bytes, by WebAuthn."""
MAX_PUBLIC_KEY = 1_024
"""In bytes: twice as long as an RSA key of 4,096 bits. A longer one would take its time to check with."""

Json = Mapping[str, Any]
Parsed = TypeVar("Parsed", RegistrationCredential, AuthenticationCredential)
Verified = TypeVar("Verified")


class PasskeyRow(NamedTuple):
    """A passkey: nothing of it would let anyone else sign in."""

    id: UUID
    user_id: UUID
    name: str
    credential_id: bytes
    """What the authenticator calls it."""
    public_key: bytes
    sign_count: int
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


_PASSKEY = select(*columns_of(PasskeyRow, Passkey))
_THIS = col(Passkey.id) == bindparam("passkey_id", type_=Id())
_STANDS = col(Passkey.revoked_at).is_(None)
_by_ids = Query(PasskeyRow, _PASSKEY.where(any_of(Passkey.id)))
_by_credential_id = Query(PasskeyRow, _PASSKEY.where(col(Passkey.credential_id) == bindparam("credential_id")))
_of_users = Query(PasskeyRow, _PASSKEY.where(any_of(Passkey.user_id), _STANDS).order_by(col(Passkey.id).desc()))
_insert = Command(insert(Passkey).values({name: bindparam(name) for name in Passkey.model_fields}))
_use = Command(
    update(Passkey)
    .where(_THIS, _STANDS, col(Passkey.sign_count) == bindparam("known_count"))
    .values(sign_count=bindparam("new_count"), last_used_at=bindparam("moment"))
)
_revoke = Command(update(Passkey).where(_THIS, _STANDS).values(revoked_at=bindparam("moment")))

_insert_challenge = Command(
    insert(PasskeyChallenge).values({name: bindparam(name) for name in PasskeyChallenge.model_fields})
)
_use_up = Command(
    delete(PasskeyChallenge).where(
        col(PasskeyChallenge.challenge) == bindparam("given"),
        col(PasskeyChallenge.user_id).is_not_distinct_from(bindparam("owner_id", type_=Id())),
        col(PasskeyChallenge.expires_at) > bindparam("now", type_=Timestamp()),
    )
)
_forget_expired = Command(
    delete(PasskeyChallenge).where(col(PasskeyChallenge.expires_at) <= bindparam("now", type_=Timestamp()))
)


# Registering


async def begin_registration(ctx: Context) -> Json:
    """What a browser needs to make a passkey for the viewer. Only a session may ask for it."""
    viewer = permissions.session(ctx)
    own = await _own(ctx, viewer)
    user = (await users_by_id(ctx, [viewer.user_id]))[viewer.user_id]
    options = generate_registration_options(
        rp_id=ctx.policy.site.domain,
        rp_name=NAME,
        user_id=viewer.user_id.bytes,
        user_name=user.handle,
        user_display_name=user.display_name,
        challenge=await _new_challenge(ctx, viewer.user_id),
        timeout=_milliseconds(CHALLENGE_LIFETIME),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=passkey.credential_id) for passkey in own],
    )
    return options_to_json_dict(options)


async def register(ctx: Context, given: Json, name: str) -> PasskeyRow:
    """Keeps the passkey that a browser has made. Only a session may, and the challenge has to be its person's."""
    viewer = permissions.session(ctx)
    checks = Checks()
    answer = checks.check(("credential",), _answer, parse_registration_credential_json, given)
    called = checks.check(("name",), inputs.name, name)
    checks.done()
    await _own(ctx, viewer)
    credential, challenge = answer
    await _use_up_challenge(ctx, challenge, viewer.user_id)
    made = _verified(
        verify_registration_response,
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=ctx.policy.site.domain,
        expected_origin=list(ctx.policy.site.origins),
        require_user_verification=True,
    )
    if made is None or len(made.credential_id) > MAX_CREDENTIAL_ID or len(made.credential_public_key) > MAX_PUBLIC_KEY:
        raise Refused(InputError("This is no passkey for this site.", ("credential",)))
    passkey = PasskeyRow(
        id=ctx.new_id(),
        user_id=viewer.user_id,
        name=called,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        created_at=ctx.now(),
        last_used_at=None,
        revoked_at=None,
    )
    try:
        async with ctx.database.transaction() as transaction:
            await transaction.run(_insert, **passkey._asdict())
            await security.write(transaction, ctx.event(SecurityEventKind.PASSKEY_REGISTERED, passkey.id))
    except UniqueError as error:
        raise Refused(InputError("This passkey has been registered before.", ("credential",))) from error
    return passkey


async def revoke(ctx: Context, public_id: str) -> PasskeyRow:
    """Makes one's own passkey useless; sessions that began with it stay. Only a session may."""
    viewer = permissions.session(ctx)
    key = key_of(public_id, Kind.PASSKEY)
    passkey = None if key is None else (await passkeys_by_id(ctx, [key])).get(key)
    if passkey is None or passkey.user_id != viewer.user_id or passkey.revoked_at is not None:
        raise Refused(InputError("You have no such passkey.", ("id",)))
    async with ctx.database.transaction() as transaction:
        if await transaction.run(_revoke, passkey_id=passkey.id, moment=ctx.now()):
            await security.write(transaction, ctx.event(SecurityEventKind.PASSKEY_REVOKED, passkey.id))
    return passkey


# Signing in


async def begin_sign_in(ctx: Context) -> Json:
    """What a browser needs to sign in with a passkey. It names no account, so it tells of none."""
    options = generate_authentication_options(
        rp_id=ctx.policy.site.domain,
        challenge=await _new_challenge(ctx, None),
        timeout=_milliseconds(CHALLENGE_LIFETIME),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


async def sign_in(ctx: Context, given: Json) -> Session:
    """Begins a session. A passkey that is unknown and one whose answer is wrong get the same refusal.

    After several refusals a try from the same address waits. That a known passkey was refused is noted for its owner,
    and written after the answer.
    """
    wait = await ctx.app.tries.begin(None, ctx.network)
    if wait:
        seconds = accounts.seconds(wait)
        raise Refused(NotPermittedError(f"There were too many tries to sign in that failed. Try again in {seconds}."))
    checks = Checks()
    answer = checks.check(("credential",), _answer, parse_authentication_credential_json, given)
    checks.done()
    credential, challenge = answer
    await _use_up_challenge(ctx, challenge, None)
    known = await ctx.database.first(_by_credential_id, credential_id=credential.raw_id)
    if known is None:
        raise _wrong()
    used = _verified(
        verify_authentication_response,
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=ctx.policy.site.domain,
        expected_origin=list(ctx.policy.site.origins),
        credential_public_key=known.public_key,
        credential_current_sign_count=known.sign_count,
        require_user_verification=True,
    )
    is_owners = credential.response.user_handle == known.user_id.bytes
    if used is None or not is_owners:
        raise _refused(ctx, known)

    async def use(transaction: Transaction) -> None:
        counts = {"known_count": known.sign_count, "new_count": used.new_sign_count}
        if not await transaction.run(_use, passkey_id=known.id, moment=ctx.now(), **counts):
            raise _refused(ctx, known)  # revoked, or used at the same moment with the same count

    session = await accounts.begin(ctx, known.user_id, SecurityEventKind.SIGNED_IN_WITH_PASSKEY, use)
    await ctx.app.tries.succeeded(None, ctx.network)
    return session


def _wrong() -> Refused:
    return Refused(InputError("This passkey is not known here, or its answer is wrong.", ("credential",)))


def _refused(ctx: Context, passkey: PasskeyRow) -> Refused:
    ctx.note_refusal(SecurityEventKind.PASSKEY_REFUSED, passkey.id, user_id=passkey.user_id)
    return _wrong()


# Reading


async def passkeys_of(ctx: Context, viewers: list[ViewerRow]) -> list[list[PasskeyRow]]:
    """Each user's own passkeys that are not revoked, the newest first."""
    rows = await ctx.database.fetch(_of_users, keys=[viewer.id for viewer in viewers])
    return [[row for row in rows if row.user_id == viewer.id] for viewer in viewers]


async def passkeys_by_id(ctx: Context, ids: list[UUID]) -> dict[UUID, PasskeyRow]:
    """The passkeys with these ids, those that were revoked too."""
    rows = await ctx.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows}


async def _own(ctx: Context, viewer: Viewer) -> list[PasskeyRow]:
    """The viewer's passkeys, if there may be one more."""
    own = await ctx.database.fetch(_of_users, keys=[viewer.user_id])
    if len(own) >= MOST_PASSKEYS:
        raise Refused(NotPermittedError(f"You have {MOST_PASSKEYS} passkeys. Revoke one of them first."))
    return own


# Challenges and answers


async def _new_challenge(ctx: Context, user_id: UUID | None) -> bytes:
    challenge, now = generate_challenge(), ctx.now()

    async def write(transaction: Transaction) -> None:
        await transaction.run(_forget_expired, now=now)
        await transaction.run(
            _insert_challenge, challenge=challenge, user_id=user_id, expires_at=now + CHALLENGE_LIFETIME
        )

    await ctx.transact(write)
    return challenge


async def _use_up_challenge(ctx: Context, challenge: bytes, user_id: UUID | None) -> None:
    """Takes a challenge away, in a transaction of its own: it stays so when the answer is refused."""
    async with ctx.database.transaction() as transaction:
        if await transaction.run(_use_up, given=challenge, owner_id=user_id, now=ctx.now()):
            return
    raise Refused(InputError("This has been answered before, or it took too long. Begin again.", ("credential",)))


def _answer(parse: Callable[[dict[str, Any]], Parsed], given: Json) -> tuple[Parsed, bytes]:
    """A browser's answer, and the challenge that it says it is for; nothing of it is checked yet."""
    try:
        if len(json.dumps(given)) > MAX_ANSWER:
            raise InvalidError("This is too long for the answer of an authenticator.")
        credential = parse(dict(given))
        client = parse_client_data_json(credential.response.client_data_json)
    except InvalidError:
        raise
    except Exception as error:  # the library lets pass what it trips over
        raise InvalidError("This is not the answer of an authenticator.") from error
    if client.cross_origin:
        raise InvalidError("A passkey is asked for by the page itself, not by one within another.")
    return credential, client.challenge


def _verified(verify: Callable[..., Verified], **given: Any) -> Verified | None:
    """What the library finds in an answer; None if it does not hold."""
    try:
        return verify(**given)
    except Exception:  # noqa: BLE001 - the library lets pass what it trips over: an answer may hold any bytes
        return None


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
