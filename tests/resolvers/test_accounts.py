"""Accounts: signing up, in and out, and access tokens. No secret is kept, only what checks it."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from argon2 import extract_parameters

from models.accounts import TokenKind
from models.database.opening import sqlite_path
from models.limits import Tier
from models.money import Currency, Money
from resolvers import accounts, funding, users
from resolvers.accounts import SESSION_LIFETIME, NewToken, authenticate
from resolvers.context import App, Context, TokenScope, Viewer
from resolvers.errors import InputError, NotPermittedError, Refused, SignInRequiredError
from resolvers.ids import Kind, public_id
from tests.harness.audits import contents, everything_stored
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, money, refusal
from tests.resolvers.travel import Travel

PASSWORD = "correct horse battery"
ALL = frozenset(TokenScope)


class Signed(NamedTuple):
    """A session that has begun."""

    secret: str
    viewer: Viewer

    def ctx(self, app: App) -> Context:
        return Context(app, self.viewer)


async def sign_up(app: App, handle: str = "ada", password: str = PASSWORD) -> Signed:
    ctx = Context(app, None)
    session = await accounts.sign_up(ctx, handle, None, password)
    assert ctx.viewer is not None
    return Signed(session.secret, ctx.viewer)


async def new_token(
    person: Person, *scopes: TokenScope, name: str = "An app", expires_at: datetime | None = None
) -> NewToken:
    return await accounts.create_access_token(person.ctx(), name, list(scopes) or [*TokenScope], None, expires_at)


async def listed(person: Person) -> list[str]:
    [tokens] = await accounts.access_tokens_of(person.ctx(), [person.as_viewer])
    return [token.name for token in tokens]


pytestmark = pytest.mark.usefixtures("quick_passwords")
HASHER, NO_PASSWORD = accounts._hasher, accounts._NO_PASSWORD


# Signing up, in and out


async def test_who_signs_up_is_somebody_and_signed_in(app: App) -> None:
    ctx = Context(app, None)
    session = await accounts.sign_up(ctx, "@Ada", "Ada Lovelace", PASSWORD)
    assert ctx.session == session
    viewer = await authenticate(app, session.secret)
    assert viewer == ctx.viewer
    assert viewer is not None
    assert (viewer.kind, viewer.scopes, viewer.spend_limit) == (TokenKind.SESSION, ALL, None)
    [user] = (await users.users_by_id(ctx, [viewer.user_id])).values()
    assert (user.handle, user.display_name) == ("ada", "Ada Lovelace")
    assert await users.counters_of(ctx, [user]) == [(user.id, 0, 0, 0)]


async def test_a_new_account_is_born_with_a_sandbox_card(app: App) -> None:
    signed = await sign_up(app)
    [card] = await funding.sources_of_user(signed.ctx(app), signed.viewer.user_id)
    assert (card.rail, card.verified) == ("SANDBOX", True)


async def test_who_gives_no_name_goes_by_the_handle(app: App) -> None:
    signed = await sign_up(app, "ADA")
    [user] = (await users.users_by_id(signed.ctx(app), [signed.viewer.user_id])).values()
    assert (user.handle, user.display_name) == ("ada", "ada")


@pytest.mark.parametrize(
    ("given", "paths"),
    [
        (("", None, PASSWORD), ["handle"]),
        (("not a handle", None, PASSWORD), ["handle"]),
        (("ada\x00", None, PASSWORD), ["handle"]),
        (("\ud800", None, PASSWORD), ["handle"]),
        (("x" * 31, None, PASSWORD), ["handle"]),
        (("ada", "", PASSWORD), ["displayName"]),
        (("ada", "x" * 101, PASSWORD), ["displayName"]),
        (("ada", "A\x00", PASSWORD), ["displayName"]),
        (("ada", None, "short"), ["password"]),
        (("ada", None, "x" * 257), ["password"]),
        (("ada", None, "\udfff" * 8), ["password"]),
        (("", "", ""), ["handle", "displayName", "password"]),
    ],
)
async def test_what_cannot_be_an_account_is_refused_with_all_reasons(
    app: App, backdoor: Backdoor, given: tuple[str, str | None, str], paths: list[str]
) -> None:
    before = await contents(backdoor)
    with pytest.raises(Refused) as refused:
        await accounts.sign_up(Context(app, None), *given)
    assert all(isinstance(error, InputError) for error in refused.value.errors)
    assert [error.path for error in refused.value.errors] == [(path,) for path in paths]
    assert await contents(backdoor) == before


@pytest.mark.parametrize("again", ["ada", "ADA", "@ada"])
async def test_a_handle_is_one_persons(app: App, backdoor: Backdoor, again: str) -> None:
    await sign_up(app, "ada")
    before = await contents(backdoor)
    ctx = Context(app, None)
    error = await refusal(accounts.sign_up(ctx, again, None, PASSWORD))
    assert isinstance(error, InputError)
    assert error.path == ("handle",)
    assert (ctx.viewer, ctx.session) == (None, None)
    assert await contents(backdoor) == before


async def test_of_many_who_want_a_handle_at_once_one_gets_it(app: App, backdoor: Backdoor) -> None:
    outcomes = await asyncio.gather(*(sign_up(app, "ada") for _ in range(6)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Signed) == 1
    assert [type(outcome) for outcome in outcomes].count(Refused) == 5
    assert {table: len(rows) for table, rows in (await contents(backdoor)).items() if rows} == {
        "users": 1,
        "user_counters": 1,
        "credentials": 1,
        "funding_sources": 1,
        "tokens": 1,
        "security_events": 2,
    }


@pytest.mark.parametrize("written", ["ada", "@ADA", " Ada "])
async def test_signing_in_begins_another_session_of_the_same_person(app: App, written: str) -> None:
    first = await sign_up(app, "ada")
    ctx = Context(app, None)
    second = await accounts.sign_in(ctx, written, PASSWORD)
    assert second.secret != first.secret
    assert ctx.session == second
    assert ctx.viewer_id == first.viewer.user_id
    for secret in (first.secret, second.secret):
        viewer = await authenticate(app, secret)
        assert viewer is not None
        assert viewer.user_id == first.viewer.user_id


async def test_a_wrong_password_and_an_unknown_handle_get_the_same_answer(app: App, town: Town) -> None:
    await sign_up(app, "ada")
    await town.person("eve")  # an account without a password
    errors = []
    for handle, password in [
        ("ada", "wrong horse battery"),
        ("ada", PASSWORD + " "),
        ("ada", PASSWORD.upper()),
        ("ada", ""),
        ("ada", "\ud800"),
        ("bob", PASSWORD),
        ("eve", PASSWORD),
        ("eve", ""),
        ("", PASSWORD),
        ("a\x00da", PASSWORD),
        ("\ud800", PASSWORD),
    ]:
        ctx = Context(app, None)
        errors.append(await refusal(accounts.sign_in(ctx, handle, password)))
        assert (ctx.viewer, ctx.session) == (None, None)
    assert len(set(errors)) == 1
    assert errors[0] == InputError("The handle or the password is wrong.")


async def test_for_an_unknown_handle_a_password_is_checked_too(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    await sign_up(app, "ada")
    checked: list[str] = []
    matches = accounts._matches

    def noting(stored: str, password: str) -> bool:
        checked.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(accounts, "_matches", noting)
    for handle in ("ada", "bob", "not a handle"):
        await refusal(accounts.sign_in(Context(app, None), handle, "wrong horse battery"))
    assert len(checked) == 3


def test_a_password_that_is_not_there_takes_as_long_to_check() -> None:
    assert extract_parameters(NO_PASSWORD) == extract_parameters(HASHER.hash(PASSWORD))


async def test_a_password_with_an_outdated_hash_is_hashed_anew_when_it_is_given(
    app: App, backdoor: Backdoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = await sign_up(app)
    [(outdated,)] = await backdoor.fetch("SELECT password_hash FROM credentials")
    monkeypatch.setattr(accounts, "_hasher", HASHER)
    await refusal(accounts.sign_in(Context(app, None), "ada", "wrong horse battery"))
    assert await backdoor.fetch("SELECT password_hash FROM credentials") == [(outdated,)]
    for _ in range(2):
        ctx = Context(app, None)
        await accounts.sign_in(ctx, "ada", PASSWORD)
        assert ctx.viewer_id == signed.viewer.user_id
        [(renewed,)] = await backdoor.fetch("SELECT password_hash FROM credentials")
        assert extract_parameters(renewed) == extract_parameters(NO_PASSWORD)


async def test_signing_out_ends_this_session_and_no_other(app: App) -> None:
    first = await sign_up(app)
    second = await accounts.sign_in(Context(app, None), "ada", PASSWORD)
    ctx = first.ctx(app)
    await accounts.sign_out(ctx)
    assert (ctx.viewer, ctx.signed_out) == (None, True)
    assert await authenticate(app, first.secret) is None
    assert await authenticate(app, second.secret) is not None


async def test_the_signed_out_can_sign_out(app: App) -> None:
    ctx = Context(app, None)
    await accounts.sign_out(ctx)
    assert ctx.signed_out


async def test_an_access_token_has_no_session_to_end(town: Town, app: App) -> None:
    ada = await town.person("ada")
    made = await new_token(ada)
    viewer = await authenticate(app, made.secret)
    error = await refusal(accounts.sign_out(Context(app, viewer)))
    assert isinstance(error, NotPermittedError)
    assert await authenticate(app, made.secret) == viewer


async def test_a_session_ends_after_its_lifetime(app: App, travel: Travel) -> None:
    signed = await sign_up(app)
    travel(SESSION_LIFETIME - timedelta(minutes=1))
    assert await authenticate(app, signed.secret) is not None
    travel(SESSION_LIFETIME + timedelta(minutes=1))
    assert await authenticate(app, signed.secret) is None


@pytest.mark.parametrize("secret", ["", "hat_", "\x00", "\ud800", "x" * 100_000, "Bearer", "demo-ada"])
async def test_what_is_nobodys_secret_signs_nobody_in(app: App, secret: str) -> None:
    signed = await sign_up(app)
    assert await authenticate(app, secret) is None
    assert await authenticate(app, signed.secret + secret) == (None if secret else signed.viewer)


# Access tokens


@pytest.mark.parametrize("scopes", [[TokenScope.READ], [TokenScope.PAY, TokenScope.WRITE], [*TokenScope] * 2])
async def test_a_token_may_do_what_it_was_made_for(town: Town, app: App, scopes: list[TokenScope]) -> None:
    ada = await town.person("ada")
    made = await accounts.create_access_token(ada.ctx(), " An app ", scopes, None, None)
    assert made.token.name == "An app"
    assert accounts.scopes_of(made.token) == [scope for scope in TokenScope if scope in scopes]
    viewer = await authenticate(app, made.secret)
    assert viewer == Viewer(ada.id, made.token.id, TokenKind.ACCESS, frozenset(scopes), None, Tier.VERIFIED)


async def test_a_token_carries_its_limit(town: Town, app: App) -> None:
    ada = await town.person("ada")
    limit = money("5", Currency.EUR)
    made = await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.PAY], limit, None)
    assert made.token.spend_limit_per_day == Money(500, Currency.EUR)
    viewer = await authenticate(app, made.secret)
    assert viewer is not None
    assert viewer.spend_limit == Money(500, Currency.EUR)


async def test_every_secret_is_another(town: Town) -> None:
    ada = await town.person("ada")
    secrets = {(await new_token(ada)).secret for _ in range(20)}
    assert len(secrets) == 20
    assert all(len(secret) >= 4 + 43 for secret in secrets), "256 bits"


async def test_an_expired_token_is_nobodys(town: Town, app: App, travel: Travel) -> None:
    ada = await town.person("ada")
    made = await new_token(ada, expires_at=ada.ctx().now() + timedelta(hours=1))
    assert await authenticate(app, made.secret) is not None
    travel(timedelta(hours=1, seconds=1))
    assert await authenticate(app, made.secret) is None


async def test_what_cannot_be_a_token_is_refused(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    before = await contents(backdoor)
    now = datetime.now(UTC)
    for name, scopes, limit, expires_at, path in [
        ("", [TokenScope.READ], None, None, ("name",)),
        ("\x00", [TokenScope.READ], None, None, ("name",)),
        ("x" * 101, [TokenScope.READ], None, None, ("name",)),
        ("An app", [], None, None, ("scopes",)),
        ("An app", [TokenScope.PAY], "0", None, ("spendLimitPerDay", "amount")),
        ("An app", [TokenScope.PAY], "-5", None, ("spendLimitPerDay", "amount")),
        ("An app", [TokenScope.PAY], "0.001", None, ("spendLimitPerDay", "amount")),
        ("An app", [TokenScope.PAY], "1e30", None, ("spendLimitPerDay", "amount")),
        ("An app", [TokenScope.READ], None, now - timedelta(days=1), ("expiresAt",)),
        ("An app", [TokenScope.READ], None, datetime(1, 1, 1, tzinfo=UTC), ("expiresAt",)),
    ]:
        asked = None if limit is None else money(limit)
        error = await refusal(accounts.create_access_token(ada.ctx(), name, scopes, asked, expires_at))
        assert isinstance(error, InputError)
        assert error.path == path
    assert await contents(backdoor) == before


async def test_a_token_neither_makes_nor_revokes_tokens(town: Town, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    made = await new_token(ada)
    app_of_ada = ada.limited(*TokenScope)
    before = await contents(backdoor)
    assert isinstance(await refusal(new_token(app_of_ada)), NotPermittedError)
    revoking = accounts.revoke_access_token(app_of_ada.ctx(), public_id(Kind.TOKEN, made.token.id))
    assert isinstance(await refusal(revoking), NotPermittedError)
    assert await contents(backdoor) == before


async def test_the_signed_out_have_no_tokens(town: Town) -> None:
    with pytest.raises(SignInRequiredError):
        await accounts.create_access_token(town.stranger(), "An app", [TokenScope.READ], None, None)
    with pytest.raises(SignInRequiredError):
        await accounts.revoke_access_token(town.stranger(), public_id(Kind.TOKEN, town.stranger().new_id()))


async def test_a_revoked_token_is_nobodys_and_listed_nowhere(town: Town, app: App) -> None:
    ada = await town.person("ada")
    made, kept = await new_token(ada, name="one"), await new_token(ada, name="two")
    assert await listed(ada) == ["two", "one"]
    own_id = public_id(Kind.TOKEN, made.token.id)
    assert (await accounts.revoke_access_token(ada.ctx(), own_id)).id == made.token.id
    assert await authenticate(app, made.secret) is None
    assert await authenticate(app, kept.secret) is not None
    assert await listed(ada) == ["two"]
    assert isinstance(await refusal(accounts.revoke_access_token(ada.ctx(), own_id)), InputError)


async def test_only_its_owner_revokes_a_token(town: Town, app: App, backdoor: Backdoor) -> None:
    ada, eve = await town.people("ada", "eve")
    made = await new_token(ada)
    unknown = public_id(Kind.TOKEN, ada.ctx().new_id())
    before = await contents(backdoor)
    answers = [
        await refusal(accounts.revoke_access_token(eve.ctx(), wrong))
        for wrong in (public_id(Kind.TOKEN, made.token.id), unknown, eve.public_id, "", "\x00")
    ]
    assert len(set(answers)) == 1, "nobody learns which tokens there are"
    assert await contents(backdoor) == before
    assert await listed(eve) == []
    assert await authenticate(app, made.secret) is not None


async def test_a_session_is_no_access_token(app: App) -> None:
    signed = await sign_up(app)
    ctx = signed.ctx(app)
    assert await accounts.access_tokens_of(ctx, [users.ViewerRow(signed.viewer.user_id)]) == [[]]
    assert await accounts.tokens_by_id(ctx, [signed.viewer.token_id]) == {}
    session_id = public_id(Kind.TOKEN, signed.viewer.token_id)
    assert isinstance(await refusal(accounts.revoke_access_token(ctx, session_id)), InputError)
    assert await authenticate(app, signed.secret) is not None


async def test_the_last_use_is_known_to_the_minute_and_written_once_in_it(
    town: Town, app: App, backdoor: Backdoor, travel: Travel
) -> None:
    ada = await town.person("ada")
    made = await new_token(ada)

    async def last_used() -> datetime | None:
        return (await accounts.tokens_by_id(ada.ctx(), [made.token.id]))[made.token.id].last_used_at

    assert await last_used() is None
    await authenticate(app, made.secret)
    first = await last_used()
    assert first is not None
    before = await contents(backdoor)
    await authenticate(app, made.secret)
    assert await contents(backdoor) == before
    travel(timedelta(minutes=2))
    await authenticate(app, made.secret)
    second = await last_used()
    assert second is not None
    assert second - first > timedelta(minutes=1)


async def test_demo_tokens_count_in_demo_mode_only(town: Town, app: App) -> None:
    ada = await town.person("ada")
    await accounts.grant_demo_token(town.stranger(), ada.id, "demo-ada")
    assert await authenticate(app, "demo-ada") is None
    demo = replace(app, policy=replace(app.policy, demo=True))
    viewer = await authenticate(demo, "demo-ada")
    assert viewer is not None
    assert (viewer.user_id, viewer.kind, viewer.scopes) == (ada.id, TokenKind.DEMO, ALL)


async def test_no_secret_is_stored(app: App, backdoor: Backdoor, database_url: str) -> None:
    signed = await sign_up(app)
    again = await accounts.sign_in(Context(app, None), "ada", PASSWORD)
    made = await accounts.create_access_token(signed.ctx(app), "An app", [TokenScope.PAY], None, None)
    await accounts.grant_demo_token(Context(app, None), signed.viewer.user_id, "demo-ada-of-the-test")
    for secret in (signed.secret, again.secret, made.secret):
        assert await authenticate(app, secret)
    stored = await everything_stored(backdoor)
    if database_url.startswith("sqlite"):
        path = sqlite_path(database_url)
        for suffix in ("", "-wal"):
            with open(path + suffix, "rb") as file:  # noqa: ASYNC230, PTH123 - a test's small file
                stored += file.read().decode("latin-1")
    assert "ada" in stored, "it is the right place to look"
    for secret in (PASSWORD, signed.secret, again.secret, made.secret, "demo-ada-of-the-test"):
        for kept in (secret, secret.removeprefix("hat_"), secret.encode().hex()):
            assert kept not in stored
    assert "$argon2id$" in stored
