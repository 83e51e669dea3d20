"""Who sends a request: by bearer token, or by the cookie that signing in has set."""

from datetime import UTC, datetime
from typing import NamedTuple

from starlette.datastructures import URL
from starlette.requests import cookie_parser
from starlette.types import Scope

from resolvers.accounts import authenticate
from resolvers.context import App, Context, Session, Viewer
from server.addresses import is_loopback
from server.answers import HttpError
from server.requests import header

COOKIE = "hatful_session"


class SignIn(NamedTuple):
    """Who asks. `stale_cookie` tells that the request came with a cookie that no longer holds."""

    viewer: Viewer | None
    stale_cookie: bool = False


async def sign_in_of(app: App, scope: Scope) -> SignIn:
    """Who sends the request. Raises HttpError for a token that does not hold.

    A cookie that does not hold counts as none, because a browser sends it without being asked; a token was meant.
    The cookie is believed on every request that gets here: what changes something is JSON by POST, which no foreign
    page can send without the browser asking first, and what comes with the origin of one is refused before
    (`server/origins.py`).
    """
    authorization = header(scope, b"authorization")
    if authorization is not None:
        viewer = await authenticate(app, _bearer(authorization))
        if viewer is None:
            raise _unauthenticated("This access token is not valid, or no longer.")
        return SignIn(viewer)
    secret = cookie_parser(header(scope, b"cookie") or "").get(COOKIE)
    if not secret:
        return SignIn(None)
    viewer = await authenticate(app, secret)
    return SignIn(viewer, stale_cookie=viewer is None)


def cookie_for(sign_in: SignIn, context: Context, scope: Scope) -> str | None:
    """The Set-Cookie header that an operation calls for: a new session, or the end of one."""
    if context.session is not None:
        return _cookie(context.session, secure=_is_secure(scope))
    if context.signed_out or sign_in.stale_cookie:
        return f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    return None


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise _unauthenticated("Sign in with the header Authorization: Bearer, followed by an access token.")
    return token


def _unauthenticated(message: str) -> HttpError:
    return HttpError(401, "UNAUTHENTICATED", message, {"www-authenticate": 'Bearer error="invalid_token"'})


def _cookie(session: Session, *, secure: bool) -> str:
    seconds = max(0, int((session.expires_at - datetime.now(UTC)).total_seconds()))
    parts = [f"{COOKIE}={session.secret}", "Path=/", f"Max-Age={seconds}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)


def _is_secure(scope: Scope) -> bool:
    # Browsers keep no Secure cookie that came over plain HTTP, and plain HTTP is fine within this machine alone.
    return scope["scheme"] == "https" or not is_loopback(URL(scope=scope).hostname or "")
