"""Passkeys: registering, signing in and revoking, for whom and where, and what is told of it."""

from dataclasses import replace

import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from models.accounts import TokenKind
from resolvers import nodes, passkeys
from resolvers.accounts import authenticate
from resolvers.context import App, Context, Policy, Site, TokenScope
from resolvers.errors import InputError, NotPermittedError, Refused, SignInRequiredError, UserError
from resolvers.ids import Kind, public_id
from resolvers.passkeys import MOST_PASSKEYS
from resolvers.tries import Tries
from tests.harness.audits import contents
from tests.harness.authenticator import Authenticator, Json
from tests.harness.backdoor import Backdoor
from tests.harness.passkeys import (
    HAPPENED,
    NO_ANSWER,
    WRONG,
    events_of,
    names_of,
    options_of,
    owner,
    refused,
    registered,
    signs_in,
)
from tests.harness.town import Person, Town, refusal

pytestmark = pytest.mark.usefixtures("quick_passwords")

# What works


async def test_whoever_has_registered_a_passkey_signs_in_with_it_and_needs_no_handle(town: Town, app: App) -> None:
    ada = await owner(town)
    ctx = await signs_in(app, ada.phone)
    assert ctx.session is not None
    assert ctx.viewer is not None
    assert (ctx.viewer.user_id, ctx.viewer.kind) == (ada.person.id, TokenKind.SESSION)
    assert ctx.viewer.scopes == frozenset(TokenScope)
    assert await authenticate(app, ctx.session.secret) == ctx.viewer


async def test_a_browser_is_asked_for_a_key_that_is_discoverable_and_verifies_its_user(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    made = await passkeys.begin_registration(ada.ctx())
    assert made["rp"] == {"id": "localhost", "name": "Hatful"}
    assert made["user"] == {"id": bytes_to_base64url(ada.id.bytes), "name": "ada", "displayName": "ada"}
    chosen = made["authenticatorSelection"]
    assert (chosen["residentKey"], chosen["userVerification"]) == ("required", "required")
    assert (made["attestation"], made["timeout"], made["excludeCredentials"]) == ("none", 300_000, [])
    asked = await options_of(app)
    assert (asked["rpId"], asked["userVerification"], asked["timeout"]) == ("localhost", "required", 300_000)
    assert asked["allowCredentials"] == [], "it names no account"
    assert len(base64url_to_bytes(asked["challenge"])) >= 32


async def test_a_browser_is_told_which_keys_the_account_has(town: Town) -> None:
    ada = await owner(town)
    made = await passkeys.begin_registration(ada.person.ctx())
    assert [each["id"] for each in made["excludeCredentials"]] == [bytes_to_base64url(ada.passkey.credential_id)]


async def test_passkeys_are_listed_newest_first_with_when_they_were_used(town: Town, app: App) -> None:
    ada = await owner(town)
    await registered(ada.person, Authenticator(), "Key ring")
    assert await names_of(ada.person) == ["Key ring", "Phone"]
    assert ada.passkey.last_used_at is None
    await signs_in(app, ada.phone)
    [_, phone] = (await passkeys.passkeys_of(ada.person.ctx(), [ada.person.as_viewer]))[0]
    assert phone.last_used_at is not None
    assert phone.sign_count == ada.phone.keys[0].count == 1


async def test_a_passkey_that_does_not_count_signs_in_again_and_again(town: Town, app: App) -> None:
    ada = await owner(town, counts=False)
    for _ in range(3):
        await signs_in(app, ada.phone)


async def test_an_account_has_a_bounded_number_of_passkeys(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkeys, "MOST_PASSKEYS", 1)
    ada = await town.newcomer("ada")
    options = dict(await passkeys.begin_registration(ada.ctx()))
    first = await registered(ada, Authenticator())
    full = NotPermittedError("You have 1 passkeys. Revoke one of them first.")
    assert await refusal(passkeys.begin_registration(ada.ctx())) == full
    assert await refusal(passkeys.register(ada.ctx(), Authenticator().create(options), "Second")) == full
    await passkeys.revoke(ada.ctx(), public_id(Kind.PASSKEY, first.id))
    await registered(ada, Authenticator())
    assert MOST_PASSKEYS > 1


# Revoking


async def test_a_revoked_passkey_signs_nobody_in_and_sessions_stay(town: Town, app: App) -> None:
    ada = await owner(town)
    session = (await signs_in(app, ada.phone)).session
    assert session is not None
    revoked = await passkeys.revoke(ada.person.ctx(), public_id(Kind.PASSKEY, ada.passkey.id))
    assert revoked.id == ada.passkey.id
    assert await names_of(ada.person) == []
    assert await refused(app, ada.phone.get(await options_of(app))) == WRONG
    assert (await events_of(ada.person))[0].kind is HAPPENED.PASSKEY_REFUSED
    assert await authenticate(app, session.secret) is not None


async def test_nobody_revokes_or_learns_of_anothers_passkey(town: Town, backdoor: Backdoor) -> None:
    ada, eve = await owner(town), await owner(town, "eve")
    theirs = public_id(Kind.PASSKEY, ada.passkey.id)
    await passkeys.revoke(eve.person.ctx(), public_id(Kind.PASSKEY, eve.passkey.id))
    before = await contents(backdoor)
    wrong = (
        theirs,
        public_id(Kind.PASSKEY, eve.passkey.id),
        public_id(Kind.PASSKEY, eve.person.ctx().new_id()),
        public_id(Kind.TOKEN, ada.passkey.id),
        "",
        "\x00",
    )
    answers = {await refusal(passkeys.revoke(eve.person.ctx(), each)) for each in wrong}
    assert answers == {InputError("You have no such passkey.", ("id",))}
    assert await nodes.node(eve.person.ctx(), theirs) is None
    assert await nodes.node(ada.person.limited(TokenScope.WRITE).ctx(), theirs) is None
    assert await nodes.node(ada.person.limited(TokenScope.READ).ctx(), theirs) == ada.passkey
    assert await contents(backdoor) == before


async def test_passkeys_are_managed_from_a_session_alone(town: Town, backdoor: Backdoor) -> None:
    ada = await owner(town)
    made = Authenticator().create(dict(await passkeys.begin_registration(ada.person.ctx())))
    theirs = public_id(Kind.PASSKEY, ada.passkey.id)
    before = await contents(backdoor)
    for ctx in (ada.person.limited(*TokenScope).ctx, ada.person.limited(TokenScope.READ).ctx):
        for attempt in (
            passkeys.begin_registration(ctx()),
            passkeys.register(ctx(), made, "Phone"),
            passkeys.revoke(ctx(), theirs),
        ):
            assert isinstance(await refusal(attempt), NotPermittedError)
    for attempt in (
        passkeys.begin_registration(town.stranger()),
        passkeys.register(town.stranger(), made, "Phone"),
        passkeys.revoke(town.stranger(), theirs),
    ):
        with pytest.raises(SignInRequiredError):
            await attempt
    assert await contents(backdoor) == before


# Sites, tries and events


async def test_passkeys_are_bound_to_the_site_that_the_operator_names(town: Town, app: App) -> None:
    site = Site("example.org", ("https://example.org", "https://www.example.org"))
    there = replace(app, policy=Policy(site=site))
    ada = await town.newcomer("ada")
    person = Person(there, ada.id, ada.handle, ada.viewer)
    phone = Authenticator(origin="https://www.example.org")
    await registered(person, phone)
    await signs_in(there, phone)
    await signs_in(there, replace(phone, origin="https://example.org"))
    assert await refused(there, replace(phone, origin="https://evil.example.org").get(await options_of(there))) == WRONG
    phone.keys[0].domain = "localhost"
    assert await refused(app, phone.get(await options_of(app))) == WRONG


async def test_an_address_that_tries_and_tries_waits_and_others_do_not(town: Town, app: App) -> None:
    ada = await owner(town)

    async def tries(answer: Json, network: str) -> UserError | None:
        try:
            await passkeys.sign_in(Context(app, None, network=network), answer)
        except Refused as refused:
            return refused.errors[0]
        return None

    for _ in range(Tries.FREE_FROM_ADDRESS):
        assert await tries({}, "10.0.0.1") == NO_ANSWER
    good = ada.phone.get(await options_of(app))
    assert isinstance(await tries(good, "10.0.0.1"), NotPermittedError)
    assert await tries(good, "10.0.0.2") is None


async def test_who_signs_in_is_not_counted_as_one_who_guesses(town: Town, app: App) -> None:
    ada = await owner(town)
    for _ in range(Tries.FREE_FROM_ADDRESS + 5):
        await signs_in(app, ada.phone)


async def test_what_happens_with_passkeys_is_written_in_the_log_of_the_account(town: Town, app: App) -> None:
    ada = await owner(town)
    ctx = await signs_in(app, ada.phone)
    assert ctx.viewer is not None
    await passkeys.revoke(ada.person.ctx(), public_id(Kind.PASSKEY, ada.passkey.id))
    revoked, signed_in, made, *_ = events = await events_of(ada.person)
    assert [revoked.kind, signed_in.kind, made.kind] == [
        HAPPENED.PASSKEY_REVOKED,
        HAPPENED.SIGNED_IN_WITH_PASSKEY,
        HAPPENED.PASSKEY_REGISTERED,
    ]
    assert (made.token_id, made.subject_id) == (ada.person.viewer.token_id, ada.passkey.id)
    assert (signed_in.token_id, signed_in.subject_id) == (None, ctx.viewer.token_id)
    assert signed_in.address == "192.0.2.7"
    subjects = await nodes.subjects_of_events(ada.person.ctx(), events)
    assert [type(subject).__name__ for subject in subjects[:3]] == ["PasskeyRow", "TokenRow", "PasskeyRow"]


async def test_a_refused_registration_leaves_no_event(town: Town) -> None:
    ada = await town.newcomer("ada")
    before = await events_of(ada)
    made = Authenticator(origin="http://evil.example").create(dict(await passkeys.begin_registration(ada.ctx())))
    await refusal(passkeys.register(ada.ctx(), made, "Phone"))
    assert await events_of(ada) == before
