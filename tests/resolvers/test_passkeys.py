"""Passkeys: registering, signing in and revoking, and each answer that is refused."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from models.accounts import TokenKind
from models.security import SecurityEventKind
from resolvers import nodes, passkeys, security
from resolvers.accounts import authenticate
from resolvers.context import App, Context, Policy, SecurityEventRow, Site, TokenScope
from resolvers.errors import InputError, NotPermittedError, Refused, SignInRequiredError, UserError
from resolvers.ids import Kind, public_id
from resolvers.passkeys import CHALLENGE_LIFETIME, MOST_PASSKEYS, PasskeyRow
from resolvers.tries import Tries
from tests.harness.audits import contents
from tests.harness.authenticator import Authenticator
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, refusal

pytestmark = pytest.mark.usefixtures("quick_passwords")

HAPPENED = SecurityEventKind
Json = dict[str, Any]


class Owner(NamedTuple):
    """Somebody with a passkey."""

    person: Person
    phone: Authenticator
    passkey: PasskeyRow


async def registered(person: Person, phone: Authenticator, name: str = "Phone") -> PasskeyRow:
    options = dict(await passkeys.begin_registration(person.ctx()))
    return await passkeys.register(person.ctx(), phone.create(options), name)


async def owner(town: Town, handle: str = "ada", **phone: Any) -> Owner:
    person, authenticator = await town.newcomer(handle), Authenticator(**phone)
    return Owner(person, authenticator, await registered(person, authenticator))


async def options_of(app: App) -> Json:
    """What somebody gets who begins to sign in."""
    return dict(await passkeys.begin_sign_in(Context(app, None)))


async def signs_in(app: App, phone: Authenticator) -> Context:
    """The request by which somebody has signed in."""
    ctx = Context(app, None, address="192.0.2.7")
    await passkeys.sign_in(ctx, phone.get(await options_of(app)))
    return ctx


async def refused(app: App, answer: Json) -> UserError:
    """Why an answer is refused. Nobody is signed in by it, and what was noted is written."""
    ctx = Context(app, None)
    error = await refusal(passkeys.sign_in(ctx, answer))
    assert (ctx.viewer, ctx.session) == (None, None)
    await security.write_refusals(ctx)
    return error


async def events_of(person: Person) -> list[SecurityEventRow]:
    [page] = await security.security_events_of(person.ctx(), [await person.row()], first=100)
    return [edge.node for edge in page.edges]


async def names_of(person: Person) -> list[str]:
    [found] = await passkeys.passkeys_of(person.ctx(), [await person.row()])
    return [passkey.name for passkey in found]


WRONG = InputError("This passkey is not known here, or its answer is wrong.", ("credential",))
TOO_LATE = InputError("This has been answered before, or it took too long. Begin again.", ("credential",))
NO_PASSKEY = InputError("This is no passkey for this site.", ("credential",))
NO_CLIENT_DATA: list[Any] = ["", "é", "x", "\ud800", "bnVsbA", "W10", "e30", 1, None, []]
NO_ANSWER = InputError("This is not the answer of an authenticator.", ("credential",))


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
    [_, phone] = (await passkeys.passkeys_of(ada.person.ctx(), [await ada.person.row()]))[0]
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


# Challenges


async def test_a_challenge_holds_for_one_answer(town: Town, app: App) -> None:
    ada = await owner(town)
    options = await options_of(app)
    await passkeys.sign_in(Context(app, None), ada.phone.get(options))
    assert await refused(app, ada.phone.get(options)) == TOO_LATE


async def test_of_answers_to_one_challenge_at_once_one_is_taken(town: Town, app: App) -> None:
    ada = await owner(town, counts=False)
    answer = ada.phone.get(await options_of(app))
    tries = [passkeys.sign_in(Context(app, None, network=f"n{n}"), answer) for n in range(8)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    failed = [outcome.errors for outcome in outcomes if isinstance(outcome, Refused)]
    assert failed == [(TOO_LATE,)] * 7


async def test_a_wrong_answer_uses_its_challenge_up(town: Town, app: App) -> None:
    ada = await owner(town)
    options = await options_of(app)
    ada.phone.origin = "http://evil.example"
    assert await refused(app, ada.phone.get(options)) == WRONG
    ada.phone.origin = "http://localhost:8000"
    assert await refused(app, ada.phone.get(options)) == TOO_LATE


async def test_a_challenge_holds_in_another_process_too(town: Town, app: App) -> None:
    ada = await owner(town)
    answer = ada.phone.get(await options_of(app))
    there = replace(app, tries=Tries())
    await passkeys.sign_in(Context(there, None), answer)


Travel = Callable[[timedelta], None]


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    """Lets time pass."""

    def go(distance: timedelta) -> None:
        monkeypatch.setattr(Context, "now", lambda _: datetime.now(UTC) + distance)

    return go


async def test_a_challenge_holds_for_five_minutes_and_is_then_forgotten(
    town: Town, app: App, travel: Travel, backdoor: Backdoor
) -> None:
    travel(timedelta())
    ada = await owner(town)
    answer = ada.phone.get(await options_of(app))
    made = ada.phone.create(dict(await passkeys.begin_registration(ada.person.ctx())) | {"excludeCredentials": []})
    travel(CHALLENGE_LIFETIME)
    assert await refused(app, answer) == TOO_LATE
    assert await refusal(passkeys.register(ada.person.ctx(), made, "Phone")) == TOO_LATE
    await options_of(app)
    [[left]] = await backdoor.fetch("SELECT count(*) FROM passkey_challenges")
    assert left == 1


async def test_a_challenge_is_for_the_one_who_asked_and_for_what_they_asked(town: Town, app: App) -> None:
    ada, eve = await owner(town), await town.newcomer("eve")
    for_ada = dict(await passkeys.begin_registration(ada.person.ctx()))
    assert await refusal(passkeys.register(eve.ctx(), Authenticator().create(for_ada), "Mine")) == TOO_LATE
    assert await refused(app, ada.phone.get({"rpId": "localhost", **for_ada})) == TOO_LATE
    to_sign_in = for_ada | {"challenge": (await options_of(app))["challenge"]}
    assert await refusal(passkeys.register(ada.person.ctx(), Authenticator().create(to_sign_in), "Mine")) == TOO_LATE


async def test_a_challenge_that_nobody_made_is_refused(town: Town, app: App) -> None:
    ada = await owner(town)
    for challenge in (bytes_to_base64url(bytes(64)), ""):
        assert await refused(app, ada.phone.get({"rpId": "localhost", "challenge": challenge})) == TOO_LATE


# Answers that do not hold


def tampered(answer: Json, name: str, place: int = -1) -> Json:
    """The same answer with one bit of it changed."""
    raw = bytearray(base64url_to_bytes(answer["response"][name]))
    raw[place] ^= 1
    return {**answer, "response": {**answer["response"], name: bytes_to_base64url(bytes(raw))}}


async def test_what_is_wrong_with_an_answer_makes_no_difference_and_is_noted_for_the_owner(
    town: Town, app: App
) -> None:
    ada, eve = await owner(town), await owner(town, "eve")

    async def answered(phone: Authenticator, **options: Any) -> Json:
        return phone.get(await options_of(app) | options)

    signature = tampered(await answered(ada.phone), "signature")
    count = tampered(await answered(ada.phone), "authenticatorData")
    domain = tampered(await answered(ada.phone), "authenticatorData", 0)
    origin = await answered(replace(ada.phone, origin="http://localhost:8001"))
    unverified = await answered(replace(ada.phone, verifies=False))
    posing = await answered(ada.phone)
    posing["response"]["userHandle"] = bytes_to_base64url(eve.person.id.bytes)
    nameless = await answered(ada.phone)
    nameless["response"]["userHandle"] = None
    others = await answered(eve.phone)
    others |= {name: bytes_to_base64url(ada.passkey.credential_id) for name in ("id", "rawId")}
    others["response"]["userHandle"] = bytes_to_base64url(ada.person.id.bytes)
    answers = [signature, count, domain, origin, unverified, posing, nameless, others]
    assert [await refused(app, answer) for answer in answers] == [WRONG] * len(answers)
    noted = [event for event in await events_of(ada.person) if event.kind is HAPPENED.PASSKEY_REFUSED]
    assert [event.subject_id for event in noted] == [ada.passkey.id] * len(answers)
    assert [event.kind for event in await events_of(eve.person)].count(HAPPENED.PASSKEY_REFUSED) == 0
    await signs_in(app, ada.phone)


async def test_an_unknown_passkey_and_a_wrong_answer_get_the_same_refusal(town: Town, app: App) -> None:
    ada, stranger = await owner(town), Authenticator()
    stranger.create(dict(await passkeys.begin_registration(ada.person.ctx())))
    assert await refused(app, stranger.get(await options_of(app))) == WRONG
    assert await refused(app, tampered(ada.phone.get(await options_of(app)), "signature")) == WRONG


@pytest.mark.parametrize("count", [0, 1, 2])
async def test_a_count_that_does_not_grow_tells_of_a_copy(town: Town, app: App, count: int) -> None:
    ada = await owner(town)
    for _ in range(3):
        await signs_in(app, ada.phone)
    ada.phone.keys[0].count = count
    assert await refused(app, ada.phone.get(await options_of(app))) == WRONG
    ada.phone.keys[0].count = 3
    await signs_in(app, ada.phone)


async def test_of_two_copies_that_answer_at_once_one_signs_in(town: Town, app: App) -> None:
    ada = await owner(town)
    answers = []
    for _ in range(4):
        ada.phone.keys[0].count = 6
        answers.append(ada.phone.get(await options_of(app)))
    tries = [passkeys.sign_in(Context(app, None, network=f"n{n}"), answer) for n, answer in enumerate(answers)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert [outcome.errors for outcome in outcomes if isinstance(outcome, Refused)] == [(WRONG,)] * 3


async def test_a_page_within_anothers_is_refused(town: Town, app: App) -> None:
    ada = await owner(town)
    ada.phone.framed = True
    error = await refused(app, ada.phone.get(await options_of(app)))
    assert error == InputError("A passkey is asked for by the page itself, not by one within another.", ("credential",))
    made = ada.phone.create(dict(await passkeys.begin_registration(ada.person.ctx())) | {"excludeCredentials": []})
    assert await refusal(passkeys.register(ada.person.ctx(), made, "Phone")) == error


async def test_what_no_authenticator_says_is_refused(town: Town, app: App, backdoor: Backdoor) -> None:
    ada = await owner(town)
    good = ada.phone.get(await options_of(app))
    before = await contents(backdoor)
    wrong: list[Json] = [
        {},
        {"id": 1},
        {**good, "type": "password"},
        {**good, "response": None},
        {**good, "rawId": None},
    ]
    wrong += [{**good, "response": {**good["response"], "clientDataJSON": bad}} for bad in NO_CLIENT_DATA]
    for answer in wrong:
        assert await refused(replace(app, tries=Tries()), answer) == NO_ANSWER
        assert await refusal(passkeys.register(ada.person.ctx(), answer, "Phone")) == NO_ANSWER
    long = {**good, "more": "x" * passkeys.MAX_ANSWER}
    assert (await refused(replace(app, tries=Tries()), long)).message.startswith("This is too long")
    assert await contents(backdoor) == before
    for name in ("authenticatorData", "signature"):
        for bad in ("", "AAAA", "_" * 400):
            answer = ada.phone.get(await options_of(app))
            answer["response"][name] = bad
            assert await refused(replace(app, tries=Tries()), answer) == WRONG


# Registering what does not hold


async def test_a_passkey_that_is_not_for_this_site_is_not_registered(town: Town) -> None:
    ada = await town.newcomer("ada")

    async def error(phone: Authenticator, change: Callable[[Json], Json] = dict, **options: Any) -> UserError:
        made = phone.create(dict(await passkeys.begin_registration(ada.ctx())) | options)
        return await refusal(passkeys.register(ada.ctx(), change(made), "Phone"))

    assert await error(Authenticator(origin="http://evil.example")) == NO_PASSKEY
    assert await error(Authenticator(), rp={"id": "evil.example"}) == NO_PASSKEY
    assert await error(Authenticator(verifies=False)) == NO_PASSKEY
    assert await error(Authenticator(), lambda made: {**made, "id": "AAAA"}) == NO_PASSKEY
    for bad in ("", "AAAA", "_" * 400, bytes_to_base64url(b"\x9f" * 500), bytes_to_base64url(b"\xbb" + b"\xff" * 8)):

        def attested(made: Json, bad: str = bad) -> Json:
            return {**made, "response": made["response"] | {"attestationObject": bad}}

        assert await error(Authenticator(), attested) == NO_PASSKEY
    assert await names_of(ada) == []


async def test_a_key_that_is_too_long_is_not_registered(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await town.newcomer("ada")
    for bound in ("MAX_PUBLIC_KEY", "MAX_CREDENTIAL_ID"):
        with monkeypatch.context() as patch:
            patch.setattr(passkeys, bound, 31)
            made = Authenticator().create(dict(await passkeys.begin_registration(ada.ctx())))
            assert await refusal(passkeys.register(ada.ctx(), made, "Phone")) == NO_PASSKEY


async def test_a_passkey_is_one_persons_even_when_it_is_revoked(town: Town, app: App) -> None:
    ada, eve = await owner(town), await town.newcomer("eve")

    async def steal() -> UserError:
        thief = Authenticator(next_id=ada.passkey.credential_id)
        made = thief.create(dict(await passkeys.begin_registration(eve.ctx())))
        return await refusal(passkeys.register(eve.ctx(), made, "Mine"))

    taken = InputError("This passkey has been registered before.", ("credential",))
    assert await steal() == taken
    await signs_in(app, ada.phone)
    await passkeys.revoke(ada.person.ctx(), public_id(Kind.PASSKEY, ada.passkey.id))
    assert await steal() == taken
    assert await names_of(eve) == []


async def test_all_that_is_wrong_with_an_input_is_told_at_once(town: Town) -> None:
    ada = await town.newcomer("ada")
    with pytest.raises(Refused) as caught:
        await passkeys.register(ada.ctx(), {}, "\x00")
    assert [error.path for error in caught.value.errors] == [("credential",), ("name",)]


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
