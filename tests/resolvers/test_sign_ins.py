"""Who has signed in a moment ago is kept in mind."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from resolvers import accounts
from resolvers.accounts import authenticate
from resolvers.context import App, Context, SignIns, Viewer
from tests.conftest import Counted

pytestmark = pytest.mark.usefixtures("quick_passwords")


class Signed(NamedTuple):
    """Somebody's session."""

    secret: str
    viewer: Viewer


async def sign_up(app: App, handle: str = "ada") -> Signed:
    ctx = Context(app, None)
    session = await accounts.sign_up(ctx, handle, None, "a long enough password")
    assert ctx.viewer is not None
    return Signed(session.secret, ctx.viewer)


async def test_a_secret_that_comes_again_at_once_costs_no_trip(app: App, counted: Counted) -> None:
    signed = await sign_up(app)
    first = await authenticate(app, signed.secret)
    with counted() as count:
        assert await authenticate(app, signed.secret) == first
    assert count.statements == 0


async def test_what_another_process_revokes_holds_for_a_moment_at_most(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = await sign_up(app)
    here, there = app, replace(app, sign_ins=SignIns())
    assert await authenticate(here, signed.secret) == signed.viewer
    await accounts.sign_out(Context(there, signed.viewer))
    assert await authenticate(there, signed.secret) is None
    later = datetime.now(UTC) + SignIns.LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr(Context, "now", lambda _: later)
    assert await authenticate(here, signed.secret) is None


async def test_when_too_many_are_kept_in_mind_who_came_first_is_forgotten(
    app: App, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    monkeypatch.setattr(SignIns, "MOST", 2)
    monkeypatch.setattr(SignIns, "LIFETIME", timedelta(minutes=1))
    first, second, third = [await sign_up(app, f"p{n}") for n in range(3)]
    for person in (first, second, third):
        await authenticate(app, person.secret)
    with counted() as count:
        await authenticate(app, second.secret)
        await authenticate(app, third.secret)
        assert count.statements == 0
        assert await authenticate(app, first.secret) == first.viewer
    assert count.statements > 0


async def test_who_is_found_out_anew_counts_as_the_last_that_came(
    app: App, monkeypatch: pytest.MonkeyPatch, counted: Counted
) -> None:
    monkeypatch.setattr(SignIns, "MOST", 2)
    first, second, third = [await sign_up(app, f"p{n}") for n in range(3)]
    for person in (first, second):
        await authenticate(app, person.secret)
    later = datetime.now(UTC) + SignIns.LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr(Context, "now", lambda _: later)
    for person in (first, third):
        await authenticate(app, person.secret)
    with counted() as count:
        await authenticate(app, first.secret)
    assert count.statements == 0


async def test_what_is_revoked_while_the_database_is_asked_is_not_kept_in_mind(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = await sign_up(app)
    revoked = False
    book = type(app.database).book

    def revoking_behind(database: Any, asks: Any) -> Any:
        nonlocal revoked
        booking = book(database, asks)
        if not revoked:
            revoked = True
            app.sign_ins.forget([signed.viewer.token_id])
        return booking

    monkeypatch.setattr(type(app.database), "book", revoking_behind)
    assert await authenticate(app, signed.secret) == signed.viewer, "it held when the database was asked"
    assert not app.sign_ins._known
    assert await authenticate(app, signed.secret) == signed.viewer
    assert app.sign_ins._known
