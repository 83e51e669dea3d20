"""Answers of passkeys: a challenge holds once and for a while, and whatever is wrong with an answer refuses it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

from resolvers import passkeys
from resolvers.context import App, Context
from resolvers.errors import InputError, Refused, UserError
from resolvers.ids import Kind, public_id
from resolvers.passkeys import CHALLENGE_LIFETIME
from resolvers.tries import TriesInMemory
from tests.harness.audits import contents
from tests.harness.authenticator import Authenticator, Json
from tests.harness.backdoor import Backdoor
from tests.harness.passkeys import (
    HAPPENED,
    NO_ANSWER,
    NO_PASSKEY,
    TOO_LATE,
    WRONG,
    events_of,
    names_of,
    options_of,
    owner,
    refused,
    signs_in,
)
from tests.harness.town import Town, refusal
from tests.resolvers.travel import Travel

pytestmark = pytest.mark.usefixtures("quick_passwords")

NO_CLIENT_DATA: list[Any] = ["", "é", "x", "\ud800", "bnVsbA", "W10", "e30", 1, None, []]

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
    there = replace(app, tries=TriesInMemory())
    await passkeys.sign_in(Context(there, None), answer)


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
        assert await refused(replace(app, tries=TriesInMemory()), answer) == NO_ANSWER
        assert await refusal(passkeys.register(ada.person.ctx(), answer, "Phone")) == NO_ANSWER
    long = {**good, "more": "x" * passkeys.MAX_ANSWER}
    assert (await refused(replace(app, tries=TriesInMemory()), long)).message.startswith("This is too long")
    assert await contents(backdoor) == before
    for name in ("authenticatorData", "signature"):
        for bad in ("", "AAAA", "_" * 400):
            answer = ada.phone.get(await options_of(app))
            answer["response"][name] = bad
            assert await refused(replace(app, tries=TriesInMemory()), answer) == WRONG


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
