from datetime import UTC, datetime, timedelta

import pytest
from starlette.types import Scope

from resolvers.context import App, Context, Session
from server.answers import HttpError
from server.sign_in import SignIn, cookie_for, sign_in_of
from tests.server.conftest import ADA, BOB


def scope(host: str = "127.0.0.1:8000", scheme: str = "http", **headers: str) -> Scope:
    given = {"host": host, **headers}
    return {
        "type": "http",
        "scheme": scheme,
        "path": "/graphql",
        "query_string": b"",
        "server": ("127.0.0.1", 8000),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in given.items()],
    }


@pytest.mark.parametrize("authorization", ["Bearer ada", "bearer ada", "BEARER   ada "])
async def test_signs_in_by_bearer_token(app: App, authorization: str) -> None:
    assert await sign_in_of(app, scope(authorization=authorization)) == SignIn(ADA)


async def test_signs_in_by_cookie(app: App) -> None:
    assert await sign_in_of(app, scope(cookie="theme=dark; hatful_session=ada")) == SignIn(ADA)


async def test_a_token_wins_over_the_cookie(app: App) -> None:
    assert await sign_in_of(app, scope(authorization="Bearer bob", cookie="hatful_session=ada")) == SignIn(BOB)


@pytest.mark.parametrize("headers", [{}, {"cookie": "theme=dark"}, {"cookie": "hatful_session="}, {"cookie": ";;=;"}])
async def test_nobody_is_signed_in_without_either(app: App, headers: dict[str, str]) -> None:
    assert await sign_in_of(app, scope(**headers)) == SignIn(None)


@pytest.mark.parametrize(
    "authorization", ["Bearer nobody", "Bearer", "Bearer ", "", "Basic YTph", "ada", "Bearer \xe9"]
)
async def test_refuses_a_token_that_does_not_hold(app: App, authorization: str) -> None:
    with pytest.raises(HttpError) as caught:
        await sign_in_of(app, scope(authorization=authorization, cookie="hatful_session=ada"))
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHENTICATED")
    assert caught.value.headers["www-authenticate"].startswith("Bearer")


async def test_takes_a_cookie_that_does_not_hold_for_none_and_clears_it(app: App) -> None:
    stale = await sign_in_of(app, scope(cookie="hatful_session=nobody"))
    assert stale == SignIn(None, stale_cookie=True)
    cleared = cookie_for(stale, Context(app, None), scope())
    assert cleared == "hatful_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"


def signed_in(app: App) -> Context:
    context = Context(app, None)
    context.session = Session("secret", datetime.now(UTC) + timedelta(hours=1, seconds=0.5))
    return context


def test_a_new_session_becomes_a_cookie_that_scripts_cannot_read(app: App) -> None:
    cookie = cookie_for(SignIn(None, stale_cookie=True), signed_in(app), scope())
    assert cookie == "hatful_session=secret; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("host", "scheme", "secure"),
    [
        ("127.0.0.1:8000", "http", False),
        ("localhost", "http", False),
        ("[::1]:8000", "http", False),
        ("127.0.0.1:8000", "https", True),
        ("hatful.example", "https", True),
        ("hatful.example", "http", True),
        ("localhost.example", "http", True),
    ],
)
def test_beyond_this_machine_the_cookie_travels_encrypted_alone(app: App, host: str, scheme: str, secure: bool) -> None:
    cookie = cookie_for(SignIn(None), signed_in(app), scope(host, scheme))
    assert cookie is not None
    assert cookie.endswith("; Secure") is secure


def test_signing_out_clears_the_cookie(app: App) -> None:
    context = Context(app, ADA)
    context.signed_out = True
    cookie = cookie_for(SignIn(ADA), context, scope())
    assert cookie is not None
    assert "Max-Age=0" in cookie


def test_sets_no_cookie_otherwise(app: App) -> None:
    assert cookie_for(SignIn(ADA), Context(app, ADA), scope()) is None
