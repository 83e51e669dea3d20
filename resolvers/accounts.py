"""Accounts: signing up, in and out, and access tokens. Of every secret only a hash is stored."""

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from functools import lru_cache
from math import ceil
from typing import NamedTuple
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import bindparam, select, update
from sqlmodel import col

from models.accounts import Credential, Token, TokenKind
from models.database import Command, Query, Transaction, UniqueError, any_of, columns_of, insert
from models.money import Currency, Money
from models.security import SecurityEventKind
from models.transfers import Rail
from models.types import Id
from models.users import User, UserCounters
from resolvers import funding, inputs, permissions, security, tiers
from resolvers.context import App, Context, SecurityEventRow, Session, TokenScope, Viewer
from resolvers.errors import InputError, NotPermittedError, Refused
from resolvers.ids import Kind, key_of
from resolvers.inputs import Checks, InvalidError, MoneyAsked
from resolvers.users import ViewerRow

SESSION_LIFETIME = timedelta(days=30)
LAST_USED_PRECISION = timedelta(minutes=1)
ALL_SCOPES = tuple(TokenScope)

Work = Callable[[Transaction], Awaitable[None]]
"""What is done within a transaction."""

_hasher = PasswordHasher()
# Checked in place of a password that is not there, so that an unknown handle takes as long as a wrong password.
_NO_PASSWORD = _hasher.hash(secrets.token_hex())


class TokenRow(NamedTuple):
    """A token, without what would let anyone use it."""

    id: UUID
    user_id: UUID
    kind: TokenKind
    name: str
    scopes: str
    """The scopes' names with spaces between them."""
    spend_limit: int | None
    spend_limit_currency: Currency | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def spend_limit_per_day(self) -> Money | None:
        """How much the token may spend in 24 hours; None for no limit but the account's."""
        return _spend_limit(self)


class _SignInRow(NamedTuple):
    """What a request needs to know of its token, and of the token's owner."""

    id: UUID
    user_id: UUID
    kind: TokenKind
    scopes: str
    spend_limit: int | None
    spend_limit_currency: Currency | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    granted: int
    verified: bool


class NewToken(NamedTuple):
    """An access token and its secret, which is never shown again."""

    secret: str
    token: TokenRow


class _CredentialRow(NamedTuple):
    user_id: UUID
    password_hash: str


_TOKEN = select(*columns_of(TokenRow, Token))
_OF_TOKEN = [getattr(Token, name) for name in _SignInRow._fields if name in Token.model_fields]
_by_secret = Query(
    _SignInRow, select(*_OF_TOKEN, *tiers.STANDING).where(col(Token.secret_hash) == bindparam("secret_hash"))
)
_by_ids = Query(TokenRow, _TOKEN.where(any_of(Token.id)))
_of_users = Query(
    TokenRow,
    _TOKEN.where(any_of(Token.user_id), col(Token.kind) == TokenKind.ACCESS, col(Token.revoked_at).is_(None)).order_by(
        col(Token.id).desc()
    ),
)
_credential = Query(
    _CredentialRow,
    select(*columns_of(_CredentialRow, Credential))
    .join(User, col(User.id) == Credential.user_id)
    .where(col(User.handle) == bindparam("handle")),
)
_insert_user = Command(insert(User).values({name: bindparam(name) for name in User.model_fields}))
_insert_counters = Command(insert(UserCounters).values({name: bindparam(name) for name in UserCounters.model_fields}))
_insert_credential = Command(insert(Credential).values({name: bindparam(name) for name in Credential.model_fields}))
_insert_token = Command(insert(Token).values({name: bindparam(name) for name in Token.model_fields}))
_rehash = Command(
    update(Credential)
    .where(col(Credential.user_id) == bindparam("owner_id", type_=Id()))
    .values(password_hash=bindparam("new_hash"))
)
_revoke = Command(
    update(Token).where(any_of(Token.id), col(Token.revoked_at).is_(None)).values(revoked_at=bindparam("moment"))
)
_touch = Command(
    update(Token).where(col(Token.id) == bindparam("token_id", type_=Id())).values(last_used_at=bindparam("moment"))
)


async def authenticate(app: App, secret: str) -> Viewer | None:
    """Whose secret this is, or None if it is nobody's, expired or revoked."""
    hashed = _hashed(secret)
    ctx = Context(app, None)
    now = ctx.now()
    known = app.sign_ins.of(hashed, now)
    if known is not None:
        return known
    revision = app.sign_ins.revision
    row = await ctx.database.first(_by_secret, secret_hash=hashed)
    if row is None or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    if row.kind is TokenKind.DEMO and not app.policy.demo:
        return None
    if row.last_used_at is None or now - row.last_used_at > LAST_USED_PRECISION:
        async with ctx.database.transaction() as transaction:
            await transaction.run(_touch, token_id=row.id, moment=now)
    viewer = _viewer(row)
    app.sign_ins.keep(hashed, viewer, now, row.expires_at, revision=revision)
    return viewer


async def sign_up(ctx: Context, handle: str, display_name: str | None, password: str) -> Session:
    """Opens an account and signs it in."""
    checks = Checks()
    own = checks.check(("handle",), inputs.handle, handle)
    shown = checks.check(("displayName",), inputs.name, display_name) if display_name is not None else own
    checks.check(("password",), inputs.password, password)
    checks.done()
    hashed = await asyncio.to_thread(_hasher.hash, password)
    user_id = await register(ctx, own, shown, None, hashed)
    return await begin(ctx, user_id, SecurityEventKind.SIGNED_IN)


async def register(ctx: Context, handle: str, name: str, bio: str | None, password_hash: str | None) -> UUID:
    """Opens an account with its sandbox card. Without a password nobody can sign in to it by one."""
    user_id, now = ctx.new_id(), ctx.now()

    async def write(transaction: Transaction) -> None:
        await transaction.run(
            _insert_user, id=user_id, handle=handle, display_name=name, bio=bio, avatar_url=None, created_at=now
        )
        await transaction.run(_insert_counters, user_id=user_id, follower_count=0, following_count=0, post_count=0)
        if ctx.app.rails.cards is Rail.SANDBOX:  # play money is for where there is no other
            await funding.open_sandbox_card(transaction, ctx.new_id(), user_id, now)
        if password_hash is not None:
            await transaction.run(_insert_credential, user_id=user_id, password_hash=password_hash)
        await security.write(transaction, ctx.event(SecurityEventKind.SIGNED_UP, user_id=user_id))

    try:
        await ctx.transact(write)
    except UniqueError as error:
        raise Refused(InputError("This handle is taken.", ("handle",))) from error
    return user_id


async def sign_in(ctx: Context, handle: str, password: str) -> Session:
    """Begins a session. An unknown handle and a wrong password get the same answer, after the same time.

    After several wrong ones a try is refused without a look at its password, be it right or wrong. That a password was
    wrong is noted for the account's owner, and written after the answer.
    """
    written = inputs.known_handle(handle)
    account = handle[: inputs.MAX_HANDLE] if written is None else written
    wait = await ctx.app.tries.begin(account, ctx.network)
    if wait:
        raise Refused(NotPermittedError(f"There were too many wrong passwords. Try again in {seconds(wait)}."))
    known = None if written is None else await ctx.database.first(_credential, handle=written)
    stored = _NO_PASSWORD if known is None else known.password_hash
    matches = await asyncio.to_thread(_matches, stored, password)
    if known is None or not matches:
        if known is not None:
            ctx.note_refusal(SecurityEventKind.SIGN_IN_FAILED, user_id=known.user_id)
        raise Refused(InputError("The handle or the password is wrong."))
    await ctx.app.tries.succeeded(account, ctx.network)
    if _hasher.check_needs_rehash(stored):
        hashed = await asyncio.to_thread(_hasher.hash, password)
        async with ctx.database.transaction() as transaction:
            await transaction.run(_rehash, owner_id=known.user_id, new_hash=hashed)
    return await begin(ctx, known.user_id, SecurityEventKind.SIGNED_IN)


async def sign_out(ctx: Context) -> None:
    """Ends the session that the request came with."""
    if ctx.viewer is None:
        ctx.signed_out = True  # a browser may still hold the cookie of a session that is over
        return
    if ctx.viewer.kind is TokenKind.ACCESS:
        raise Refused(NotPermittedError("An access token has no session to end: revoke the token instead."))
    if ctx.viewer.kind is TokenKind.SESSION:
        await revoke(ctx, [ctx.viewer.token_id], SecurityEventKind.SIGNED_OUT)
    ctx.viewer = None
    ctx.signed_out = True


async def create_access_token(
    ctx: Context, name: str, scopes: list[TokenScope], spend_limit: MoneyAsked | None, expires_at: datetime | None
) -> NewToken:
    """Makes a token for an app. Only a session may: a token cannot make another one."""
    viewer = permissions.session(ctx)
    checks = Checks()
    own = checks.check(("name",), inputs.name, name)
    granted = checks.check(("scopes",), _scopes, scopes)
    limit = None
    if spend_limit is not None:
        limit = checks.check(("spendLimitPerDay", "amount"), inputs.money, spend_limit)
    ends = checks.check(("expiresAt",), _expiry, expires_at, ctx.now())
    checks.done()
    token = TokenRow(
        id=ctx.new_id(),
        user_id=viewer.user_id,
        kind=TokenKind.ACCESS,
        name=own,
        scopes=" ".join(granted),
        spend_limit=None if limit is None else limit.minor_units,
        spend_limit_currency=None if limit is None else limit.currency,
        created_at=ctx.now(),
        expires_at=ends,
        last_used_at=None,
        revoked_at=None,
    )
    secret = _new_secret()
    await _keep(ctx, token, secret, ctx.event(SecurityEventKind.TOKEN_CREATED, token.id))
    return NewToken(secret, token)


async def revoke_access_token(ctx: Context, public_id: str) -> TokenRow:
    """Makes one's own token useless. Only a session may."""
    viewer = permissions.session(ctx)
    key = key_of(public_id, Kind.TOKEN)
    token = (await tokens_by_id(ctx, [key])).get(key) if key is not None else None
    if token is None or token.user_id != viewer.user_id or token.revoked_at is not None:
        raise Refused(InputError("You have no such access token.", ("id",)))
    await revoke(ctx, [token.id], SecurityEventKind.TOKEN_REVOKED)
    return token


async def access_tokens_of(ctx: Context, viewers: list[ViewerRow]) -> list[list[TokenRow]]:
    """Each user's own access tokens that are not revoked, the newest first."""
    rows = await ctx.database.fetch(_of_users, keys=[viewer.id for viewer in viewers])
    return [[row for row in rows if row.user_id == viewer.id] for viewer in viewers]


async def tokens_by_id(
    ctx: Context, ids: list[UUID], kinds: Collection[TokenKind] = (TokenKind.ACCESS,)
) -> dict[UUID, TokenRow]:
    """The tokens of these kinds with these ids, those that hold no longer too."""
    rows = await ctx.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows if row.kind in kinds}


def scopes_of(token: TokenRow) -> list[TokenScope]:
    """What a token may do."""
    return list(_named(token.scopes))


async def grant_demo_token(ctx: Context, user_id: UUID, secret: str) -> None:
    """Makes a known secret of the demo data a token; it counts in demo mode only."""
    await _keep(ctx, _whole(ctx, user_id, TokenKind.DEMO, "Demo", None), secret)


async def begin(ctx: Context, user_id: UUID, kind: SecurityEventKind, also: Work | None = None) -> Session:
    """Begins a session, with an event of this kind and what else belongs in its transaction."""
    expires_at = ctx.now() + SESSION_LIFETIME
    token = _whole(ctx, user_id, TokenKind.SESSION, "Session", expires_at)
    session = Session(_new_secret(), expires_at)
    await _keep(ctx, token, session.secret, ctx.event(kind, token.id, user_id=user_id), also=also)
    row = await ctx.database.first(_by_secret, secret_hash=_hashed(session.secret))
    assert row is not None, "it was written a moment ago"
    ctx.viewer = _viewer(row)
    ctx.session = session
    return session


def _whole(ctx: Context, user_id: UUID, kind: TokenKind, name: str, expires_at: datetime | None) -> TokenRow:
    scopes = " ".join(ALL_SCOPES)
    return TokenRow(ctx.new_id(), user_id, kind, name, scopes, None, None, ctx.now(), expires_at, None, None)


async def _keep(
    ctx: Context, token: TokenRow, secret: str, *events: SecurityEventRow, also: Work | None = None
) -> None:
    async with ctx.database.transaction() as transaction:
        if also is not None:
            await also(transaction)
        await transaction.run(_insert_token, **token._asdict(), secret_hash=_hashed(secret))
        if events:
            await security.write(transaction, *events)


async def revoke(ctx: Context, token_ids: list[UUID], kind: SecurityEventKind) -> None:
    """Makes the viewer's tokens useless, each with an event of this kind. In this process they are so at once."""
    async with ctx.database.transaction() as transaction:
        if await transaction.run(_revoke, keys=token_ids, moment=ctx.now()):
            await security.write(transaction, *(ctx.event(kind, token_id) for token_id in token_ids))
    ctx.app.sign_ins.forget(token_ids)


def _viewer(row: _SignInRow) -> Viewer:
    tier = tiers.tier_of(row.granted, row.verified)
    return Viewer(row.user_id, row.id, row.kind, frozenset(_named(row.scopes)), _spend_limit(row), tier)


@lru_cache(maxsize=64)
def _named(scopes: str) -> tuple[TokenScope, ...]:
    return tuple(map(TokenScope, scopes.split()))


def _spend_limit(token: TokenRow | _SignInRow) -> Money | None:
    if token.spend_limit is None or token.spend_limit_currency is None:
        return None
    return Money(token.spend_limit, token.spend_limit_currency)


def seconds(wait: float) -> str:
    """How long to wait, in whole seconds, for people."""
    whole = ceil(wait)
    return "one second" if whole == 1 else f"{whole} seconds"


def _new_secret() -> str:
    return "hat_" + secrets.token_urlsafe(32)


def _hashed(secret: str) -> bytes:
    # Enough for a random secret of 256 bits; a password needs argon2.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _matches(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


def _scopes(scopes: list[TokenScope]) -> list[TokenScope]:
    if not scopes:
        raise InvalidError("An access token needs at least one scope.")
    return [scope for scope in TokenScope if scope in scopes]


def _expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise InvalidError("An access token cannot have expired already.")
    return expires_at
