"""Sessions: where somebody is signed in, and the end of it."""

from datetime import UTC, datetime, timedelta

import pytest

from models.security import SecurityEventKind
from resolvers import accounts, nodes, security, sessions
from resolvers.accounts import SESSION_LIFETIME, TokenRow, authenticate
from resolvers.context import App, Context, TokenScope, Viewer
from resolvers.errors import InputError, NotPermittedError, SignInRequiredError
from resolvers.ids import Kind, public_id
from tests.harness.audits import contents
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, refusal

pytestmark = pytest.mark.usefixtures("quick_passwords")
PASSWORD = "correct horse battery"


async def signed_in(app: App, handle: str = "ada") -> tuple[str, Person]:
    """Another session: its secret, and the person in it."""
    ctx = Context(app, None)
    session = await accounts.sign_in(ctx, handle, PASSWORD)
    assert ctx.viewer is not None
    return session.secret, Person(app, ctx.viewer.user_id, handle, ctx.viewer)


async def sessions_of(person: Person) -> list[TokenRow]:
    [page] = await sessions.sessions_of(person.ctx(), [person.as_viewer])
    return [edge.node for edge in page.edges]


def id_of(viewer: Viewer) -> str:
    return public_id(Kind.SESSION, viewer.token_id)


async def test_the_sessions_that_stand_are_listed_with_the_current_one_marked(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    await town.newcomer("ben")
    _, second = await signed_in(app)
    _, over = await signed_in(app)
    await accounts.sign_out(over.ctx())
    await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.READ], None, None)
    found = await sessions_of(ada)
    assert [session.id for session in found] == [second.viewer.token_id, ada.viewer.token_id]
    assert await sessions.are_current(ada.ctx(), found) == [False, True]
    assert await sessions.are_current(town.stranger(), found) == [False, False]


async def test_an_expired_session_is_not_listed(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = await town.newcomer("ada")
    later = datetime.now(UTC) + SESSION_LIFETIME + timedelta(seconds=1)
    monkeypatch.setattr(Context, "now", lambda _: later)
    assert await sessions_of(ada) == []
    await refusal(sessions.revoke_session(ada.ctx(), id_of(ada.viewer)))


async def test_a_session_tells_when_it_was_last_used(town: Town, app: App) -> None:
    await town.newcomer("ada")
    secret, ada = await signed_in(app)
    assert (await sessions_of(ada))[0].last_used_at is None
    await authenticate(app, secret)
    assert (await sessions_of(ada))[0].last_used_at is not None


async def test_a_session_that_is_revoked_is_over_at_once_in_this_process(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    secret, phone = await signed_in(app)
    assert await authenticate(app, secret) == phone.viewer
    ended = await sessions.revoke_session(ada.ctx(), id_of(phone.viewer))
    assert (ended.id, ended.revoked_at is not None) == (phone.viewer.token_id, True)
    assert await authenticate(app, secret) is None
    assert [session.id for session in await sessions_of(ada)] == [ada.viewer.token_id]
    assert isinstance(await refusal(sessions.revoke_session(ada.ctx(), id_of(phone.viewer))), InputError)


async def test_all_other_sessions_end_and_tokens_and_other_people_stay(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    await town.newcomer("ben")
    bens, _ = await signed_in(app, "ben")
    made = await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.READ], None, None)
    others = [await signed_in(app) for _ in range(3)]
    secret, current = await signed_in(app)
    for known in (secret, bens, made.secret, *(other for other, _ in others)):
        assert await authenticate(app, known) is not None
    ended = await sessions.revoke_other_sessions(current.ctx())
    expected = [*(other.viewer.token_id for _, other in reversed(others)), ada.viewer.token_id]
    assert [session.id for session in ended] == expected
    for other, _ in others:
        assert await authenticate(app, other) is None
    for known in (secret, bens, made.secret):
        assert await authenticate(app, known) is not None
    assert await sessions.revoke_other_sessions(current.ctx()) == []


async def test_every_revoked_session_is_written_to_the_security_events(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    await signed_in(app)
    _, other = await signed_in(app)
    await sessions.revoke_session(ada.ctx(), id_of(other.viewer))
    await sessions.revoke_other_sessions(ada.ctx())
    await sessions.revoke_other_sessions(ada.ctx())
    [page] = await security.security_events_of(ada.ctx(), [ada.as_viewer])
    revoked = [edge.node for edge in page.edges if edge.node.kind is SecurityEventKind.SESSION_REVOKED]
    assert len(revoked) == 2
    assert revoked[1].subject_id == other.viewer.token_id
    assert {event.token_id for event in revoked} == {ada.viewer.token_id}


async def test_who_revokes_their_own_session_is_signed_out(town: Town, app: App) -> None:
    await town.newcomer("ada")
    secret, ada = await signed_in(app)
    ctx = ada.ctx()
    await sessions.revoke_session(ctx, id_of(ada.viewer))
    assert (ctx.viewer, ctx.signed_out) == (None, True)
    assert await authenticate(app, secret) is None


async def test_nobody_ends_or_learns_of_anothers_session(town: Town, app: App, backdoor: Backdoor) -> None:
    ada, eve = await town.newcomer("ada"), await town.newcomer("eve")
    made = await accounts.create_access_token(eve.ctx(), "An app", [TokenScope.READ], None, None)
    before = await contents(backdoor)
    answers = [
        await refusal(sessions.revoke_session(eve.ctx(), wrong))
        for wrong in (
            id_of(ada.viewer),
            public_id(Kind.SESSION, eve.ctx().new_id()),
            public_id(Kind.SESSION, made.token.id),
            public_id(Kind.TOKEN, eve.viewer.token_id),
            eve.public_id,
            "",
            "\x00",
        )
    ]
    assert len(set(answers)) == 1
    assert await nodes.node(eve.ctx(), id_of(ada.viewer)) is None
    assert await contents(backdoor) == before


async def test_sessions_are_ended_from_a_session_alone(town: Town, backdoor: Backdoor) -> None:
    ada = await town.newcomer("ada")
    before = await contents(backdoor)
    for app_of_ada in (ada.limited(*TokenScope), ada.limited(TokenScope.READ)):
        for attempt in (
            sessions.revoke_session(app_of_ada.ctx(), id_of(ada.viewer)),
            sessions.revoke_other_sessions(app_of_ada.ctx()),
        ):
            assert isinstance(await refusal(attempt), NotPermittedError)
    with pytest.raises(SignInRequiredError):
        await sessions.revoke_other_sessions(town.stranger())
    with pytest.raises(SignInRequiredError):
        await sessions.revoke_session(town.stranger(), id_of(ada.viewer))
    assert await contents(backdoor) == before


async def test_a_client_reads_and_ends_its_sessions(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    _, phone = await signed_in(app)
    listed = "{ viewer { sessions { nodes { id isCurrent createdAt lastUsedAt expiresAt endedAt } } } }"
    first, second = (await town.ask(listed, ada)).data["viewer"]["sessions"]["nodes"]
    assert (first["id"], first["isCurrent"], first["endedAt"]) == (id_of(phone.viewer), False, None)
    assert (second["id"], second["isCurrent"]) == (id_of(ada.viewer), True)
    revoke = """mutation ($id: ID!) {
        revokeSession(input: { id: $id }) {
            session { id endedAt } query { viewer { sessions { nodes { id } } } } userErrors { __typename }
        }
    }"""
    payload = (await town.ask(revoke, ada, id=first["id"])).data["revokeSession"]
    assert payload["session"]["id"] == first["id"]
    assert payload["session"]["endedAt"]
    assert payload["query"]["viewer"]["sessions"]["nodes"] == [{"id": second["id"]}]
    payload = (await town.ask(revoke, ada, id=first["id"])).data["revokeSession"]
    assert (payload["session"], payload["userErrors"]) == (None, [{"__typename": "InputError"}])
    await signed_in(app)
    everywhere = "mutation { revokeOtherSessions { sessions { id } userErrors { __typename } } }"
    payload = (await town.ask(everywhere, ada)).data["revokeOtherSessions"]
    assert (len(payload["sessions"]), payload["userErrors"]) == (1, [])
    assert (await town.ask(listed, ada.limited(TokenScope.WRITE))).codes == ["FORBIDDEN"]
