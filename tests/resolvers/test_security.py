"""Security events: what has happened with an account, which its owner reads and nobody changes."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlmodel import col

from models.ids import id_at, new_id
from models.money import Currency, Money
from models.security import SecurityEvent, SecurityEventKind
from models.transfers import TransferKind, Visibility
from models.types import EPOCH
from resolvers import accounts, nodes, refunds, security, tips, top_ups, tries
from resolvers.context import App, Context, SecurityEventRow, TokenScope, Viewer
from resolvers.errors import InputError, NotPermittedError, ScopeError
from resolvers.ids import Kind, public_id
from resolvers.security import MOST_REFUSALS
from tests.harness.audits import contents, everything_stored
from tests.harness.backdoor import Backdoor
from tests.harness.town import Person, Town, id_of, money, new_key, refusal

pytestmark = pytest.mark.usefixtures("quick_passwords")
PASSWORD = "correct horse battery"
ADDRESS = "192.0.2.7"
HAPPENED = SecurityEventKind


def request(app: App, viewer: Viewer | None = None) -> Context:
    """A request from an address that is known."""
    return Context(app, viewer, address=ADDRESS)


async def events_of(person: Person, first: int = 100) -> list[SecurityEventRow]:
    [page] = await security.security_events_of(person.ctx(), [person.as_viewer], first=first)
    return [edge.node for edge in page.edges]


async def kinds_of(person: Person) -> list[SecurityEventKind]:
    return [event.kind for event in await events_of(person)]


async def fails_to_sign_in(app: App, handle: str, password: str = "wrong horse battery") -> None:
    ctx = request(app)
    assert isinstance(await refusal(accounts.sign_in(ctx, handle, password)), InputError)
    await security.write_refusals(ctx)


# What is written


async def test_signing_up_in_and_out_is_written_with_session_address_and_moment(town: Town, app: App) -> None:
    before = datetime.now(UTC) - timedelta(hours=2)  # the tests' clock may be behind
    ada = await town.newcomer("ada")
    ctx = request(app)
    await accounts.sign_in(ctx, "ada", PASSWORD)
    viewer = ctx.viewer
    assert viewer is not None
    await accounts.sign_out(ctx)
    out, in_, first, up = await events_of(ada)
    assert [event.kind for event in (out, in_, first, up)] == [
        HAPPENED.SIGNED_OUT,
        HAPPENED.SIGNED_IN,
        HAPPENED.SIGNED_IN,
        HAPPENED.SIGNED_UP,
    ]
    assert (up.token_id, up.subject_id) == (None, None)
    assert (first.token_id, first.subject_id, first.address) == (None, ada.viewer.token_id, None)
    assert (in_.token_id, in_.subject_id, in_.address) == (None, viewer.token_id, ADDRESS)
    assert (out.token_id, out.subject_id, out.address) == (viewer.token_id, viewer.token_id, ADDRESS)
    assert all(before < event.created_at <= datetime.now(UTC) for event in (out, in_, first, up))


async def test_who_signs_in_from_anothers_session_does_not_see_it(town: Town, app: App) -> None:
    ada, ben = await town.newcomer("ada"), await town.newcomer("ben")
    await accounts.sign_in(request(app, ben.viewer), "ada", PASSWORD)
    assert (await events_of(ada))[0].token_id is None
    assert len(await events_of(ben)) == 2


async def test_a_failed_sign_in_is_written_once_it_was_answered_for_a_known_account_alone(
    town: Town, app: App, backdoor: Backdoor
) -> None:
    ada = await town.newcomer("ada")
    before = await contents(backdoor)
    ctx = request(app)
    await refusal(accounts.sign_in(ctx, "ada", "wrong horse battery"))
    await refusal(accounts.sign_in(ctx, "nobody", "wrong horse battery"))
    assert await contents(backdoor) == before, "what comes before the answer is the same for both"
    await security.write_refusals(ctx)
    await security.write_refusals(ctx)
    failed, *_ = await events_of(ada)
    assert (failed.kind, failed.token_id, failed.subject_id) == (HAPPENED.SIGN_IN_FAILED, None, None)
    assert failed.address == ADDRESS
    assert len((await contents(backdoor))["security_events"]) == len(before["security_events"]) + 1


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever guesses need not wait."""
    monkeypatch.setattr(tries, "LONGEST_SECONDS", 0.0)


@pytest.mark.usefixtures("hasty")
async def test_failed_sign_ins_fill_the_table_no_further_than_their_number_an_hour(
    town: Town, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, ben = await town.newcomer("ada"), await town.newcomer("ben")
    for _ in range(MOST_REFUSALS + 5):
        await fails_to_sign_in(app, "ada")
    assert (await kinds_of(ada)).count(HAPPENED.SIGN_IN_FAILED) == MOST_REFUSALS
    await fails_to_sign_in(app, "ben")
    assert (await kinds_of(ben)).count(HAPPENED.SIGN_IN_FAILED) == 1, "each account has a number of its own"
    now = datetime.now(UTC)
    monkeypatch.setattr(Context, "now", lambda _: now + timedelta(hours=1, seconds=1))
    await fails_to_sign_in(app, "ada")
    assert (await kinds_of(ada)).count(HAPPENED.SIGN_IN_FAILED) == MOST_REFUSALS + 1


@pytest.mark.usefixtures("hasty")
async def test_attempts_of_one_moment_pass_the_number_by_no_more_than_their_own(town: Town, app: App) -> None:
    ada = await town.newcomer("ada")
    for _ in range(MOST_REFUSALS - 1):
        await fails_to_sign_in(app, "ada")
    await asyncio.gather(*(fails_to_sign_in(app, "ada") for _ in range(4)))
    await fails_to_sign_in(app, "ada")
    assert MOST_REFUSALS <= (await kinds_of(ada)).count(HAPPENED.SIGN_IN_FAILED) <= MOST_REFUSALS + 3


async def test_tokens_are_written_when_they_are_made_and_revoked(town: Town) -> None:
    ada = await town.newcomer("ada")
    made = await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.READ], None, None)
    own_id = public_id(Kind.TOKEN, made.token.id)
    await accounts.revoke_access_token(ada.ctx(), own_id)
    await refusal(accounts.revoke_access_token(ada.ctx(), own_id))
    revoked, created, *rest = await events_of(ada)
    assert len(rest) == 2
    assert [event.kind for event in (revoked, created)] == [HAPPENED.TOKEN_REVOKED, HAPPENED.TOKEN_CREATED]
    for event in (revoked, created):
        assert (event.token_id, event.subject_id) == (ada.viewer.token_id, made.token.id)


async def test_money_that_moves_is_written_for_who_moved_it_with_the_transfer(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    drawn = await ada.tops_up("10")
    tipped = await ada.tips(await ben.post())
    sent = await ada.sends(ben)
    back = await refunds.refund_transfer(ben.ctx(), public_id(Kind.PAYMENT, sent.transfer.id), None, key=new_key())
    *moved, _ = await events_of(ada)
    assert [event.subject_id for event in moved] == [sent.transfer.id, tipped.transfer.id, drawn.transfer.id]
    assert {event.kind for event in moved} == {HAPPENED.MONEY_MOVED}
    assert {event.token_id for event in moved} == {ada.viewer.token_id}
    assert (await events_of(ben))[0].subject_id == back.transfer.id


async def test_money_that_does_not_move_leaves_no_event(town: Town) -> None:
    ada, ben = await town.people("ada", "ben")
    await ada.tops_up("1", key="once")
    await ada.tops_up("1", key="once")
    await refusal(ada.tips(await ben.post(), "2"))
    assert await kinds_of(ada) == [HAPPENED.MONEY_MOVED, HAPPENED.SIGNED_UP]


async def test_every_movement_of_money_has_its_event_whatever_came_at_once(town: Town, backdoor: Backdoor) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    post = await ben.post()
    await asyncio.gather(
        *(ada.tips(post) for _ in range(12)), *(ben.sends(ada) for _ in range(5)), return_exceptions=True
    )
    written = await backdoor.fetch("SELECT subject_id FROM security_events WHERE kind = 'MONEY_MOVED'")
    assert sorted(written) == sorted(await backdoor.fetch("SELECT id FROM transfers"))


async def test_what_a_token_lacks_the_scope_for_is_written(town: Town) -> None:
    ada = await town.person("ada")
    reader, writer = ada.limited(TokenScope.READ), ada.limited(TokenScope.WRITE)
    posting, reading = reader.ctx(), writer.ctx()
    with pytest.raises(ScopeError):
        reading.reader()
    assert isinstance(await refusal(top_ups.top_up_wallet(posting, None, money("1"), key=new_key())), NotPermittedError)
    for ctx in (reading, posting):
        await security.write_refusals(ctx)
    assert [(event.kind, event.token_id) for event in await events_of(ada)][:2] == [
        (HAPPENED.SCOPE_REFUSED, reader.viewer.token_id),
        (HAPPENED.SCOPE_REFUSED, writer.viewer.token_id),
    ]


async def test_what_would_pass_a_limit_is_written(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    by_token = ada.limited(TokenScope.PAY)
    by_token.viewer = by_token.viewer._replace(spend_limit=Money(5_00, Currency.USD))
    ctx, post = by_token.ctx(), id_of(await ben.post())
    await refusal(tips.tip_post(ctx, post, money("6"), note=None, visibility=Visibility.PUBLIC, key=new_key()))
    await security.write_refusals(ctx)
    refused = (await events_of(ada))[0]
    assert (refused.kind, refused.token_id) == (HAPPENED.LIMIT_REFUSED, by_token.viewer.token_id)


async def test_refusals_of_one_request_are_held_to_the_number_too(town: Town) -> None:
    ada = await town.person("ada")
    ctx = ada.limited(TokenScope.WRITE).ctx()
    for _ in range(MOST_REFUSALS + 5):
        with pytest.raises(ScopeError):
            ctx.reader()
    await security.write_refusals(ctx)
    assert len(await events_of(ada)) == MOST_REFUSALS + 1


# Who reads it


async def test_events_are_listed_newest_first_in_pages(town: Town) -> None:
    ada, ben = await town.people("ada", "ben", dollars="10")
    for _ in range(4):
        await ada.tips(await ben.post())
    everything = await events_of(ada)
    assert everything == sorted(everything, key=lambda event: event.id, reverse=True)
    found, after = [], None
    while True:
        [page] = await security.security_events_of(ada.ctx(), [ada.as_viewer], first=2, after=after)
        found += [edge.node for edge in page.edges]
        if not page.page_info.has_next_page:
            break
        after = page.page_info.end_cursor
    assert found == everything
    assert len(found) == 6


async def test_an_event_tells_what_it_was_about_and_what_it_was_done_with(town: Town) -> None:
    ada = await town.newcomer("ada")
    made = await accounts.create_access_token(ada.ctx(), "An app", [*TokenScope], None, None)
    drawn = await ada.tops_up("10")
    ctx, events = ada.ctx(), await events_of(ada)
    subjects = await nodes.subjects_of_events(ctx, events)
    assert [getattr(subject, "kind", None) for subject in subjects] == [TransferKind.TOP_UP, "ACCESS", "SESSION", None]
    assert [getattr(subject, "id", None) for subject in subjects] == [
        drawn.transfer.id,
        made.token.id,
        ada.viewer.token_id,
        None,
    ]
    tokens = await nodes.tokens_of_events(ctx, events)
    session = ada.viewer.token_id
    assert [None if token is None else token.id for token in tokens] == [session, session, None, None]


QUERY = """
query ($first: Int) { viewer { securityEvents(first: $first) { nodes {
    id kind createdAt address token { __typename id } subject { __typename id }
} pageInfo { hasNextPage } } } }
"""


async def test_the_owner_reads_the_events_and_finds_each_by_its_id(town: Town) -> None:
    ada, ben = await town.newcomer("ada"), await town.person("ben")
    await ada.tops_up("10")
    page = (await town.ask(QUERY, ada, first=2)).data["viewer"]["securityEvents"]
    moved, signed_in = page["nodes"]
    session = {"__typename": "Session", "id": public_id(Kind.SESSION, ada.viewer.token_id)}
    assert (moved["kind"], moved["subject"]["__typename"], moved["token"]) == ("MONEY_MOVED", "RailTransfer", session)
    assert (signed_in["kind"], signed_in["subject"], signed_in["token"]) == ("SIGNED_IN", session, None)
    assert page["pageInfo"]["hasNextPage"]
    again = "query ($id: ID!) { node(id: $id) { ... on SecurityEvent { kind } } }"
    assert (await town.ask(again, ada, id=moved["id"])).data == {"node": {"kind": "MONEY_MOVED"}}
    for other in (ben, None, ada.limited(TokenScope.WRITE, TokenScope.PAY)):
        assert (await town.ask(again, other, id=moved["id"])).data == {"node": None}


async def test_a_token_without_the_scope_read_sees_no_events(town: Town) -> None:
    ada = await town.person("ada")
    assert (await town.ask(QUERY, ada.limited(TokenScope.WRITE, TokenScope.PAY))).codes == ["FORBIDDEN"]
    assert (await town.ask(QUERY)).data == {"viewer": None}


async def test_no_secret_password_or_card_number_is_in_an_event(town: Town, app: App, backdoor: Backdoor) -> None:
    ada = await town.newcomer("ada")
    await fails_to_sign_in(app, "ada", "a wrong and secret password")
    session = await accounts.sign_in(request(app), "ada", PASSWORD)
    made = await accounts.create_access_token(ada.ctx(), "An app", [*TokenScope], None, None)
    await ada.tops_up("10")
    written = repr((await contents(backdoor))["security_events"])
    assert "MONEY_MOVED" in written
    for secret in ("a wrong and secret password", PASSWORD, session.secret, made.secret, "4242"):
        assert secret not in written
    assert "a wrong and secret password" not in await everything_stored(backdoor)


# Nobody changes it


async def test_events_cannot_be_changed_deleted_or_overwritten(town: Town, backdoor: Backdoor) -> None:
    await town.newcomer("ada")
    before = await contents(backdoor)
    attempts = ["UPDATE security_events SET address = 'elsewhere'", "DELETE FROM security_events"]
    if backdoor.dialect == "sqlite":
        attempts += ["INSERT OR REPLACE INTO security_events SELECT * FROM security_events"]
    else:
        attempts += ["TRUNCATE security_events"]
    for attempt in attempts:
        with pytest.raises(Exception, match="security_events is append-only"):
            await backdoor.fetch(attempt)
    assert await contents(backdoor) == before


# Addresses are erased


async def happened_before(app: App, user_id: UUID, days: float, address: str | None = "10.0.0.1") -> SecurityEventRow:
    """An event of so many days ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    event = SecurityEventRow(user_id, id_at(then, Random(days)), HAPPENED.SIGNED_IN, new_id(), address, new_id(), then)
    async with app.database.transaction() as transaction:
        await security.write(transaction, event)
    return event


async def test_an_old_event_loses_its_address_and_nothing_else(town: Town, app: App) -> None:
    ada, ben = await town.people("ada", "ben")
    old = [await happened_before(app, person.id, 90.01 + n / 10) for n in range(3) for person in (ada, ben)]
    recent = await happened_before(app, ada.id, 89.9)
    nowhere = await happened_before(app, ada.id, 400, address=None)
    assert await security.erase_old_addresses(app.database, datetime.now(UTC)) == len(old)
    erased = [event._replace(address=None) for event in old if event.user_id == ada.id]
    assert (await events_of(ada))[1:] == [recent, *erased, nowhere]
    assert await security.erase_old_addresses(app.database, datetime.now(UTC)) == 0


async def test_however_many_are_due_all_are_erased(town: Town, app: App) -> None:
    ada = await town.person("ada")
    then = datetime.now(UTC) - timedelta(days=100)
    many = [
        SecurityEventRow(ada.id, id_at(then, Random(n)), HAPPENED.SIGNED_IN, None, "::1", None, then)
        for n in range(2 * security.ERASED_AT_ONCE + 5)
    ]
    async with app.database.transaction() as transaction:
        await security.write(transaction, *many)
    assert await security.erase_old_addresses(app.database, datetime.now(UTC)) == len(many)


@pytest.mark.parametrize("column", [name for name in SecurityEvent.model_fields if name != "address"])
async def test_with_an_address_nothing_else_can_be_changed(
    town: Town, app: App, backdoor: Backdoor, column: str
) -> None:
    ada = await town.person("ada")
    await happened_before(app, ada.id, 100)
    before = await contents(backdoor)
    values: dict[str, Any] = {"kind": HAPPENED.SIGNED_OUT, "created_at": EPOCH}
    old = col(SecurityEvent.address).is_not(None)
    empty: dict[str, Any] = {}
    for erased in (empty, {"address": None}):
        with pytest.raises(Exception, match="security_events is append-only"):
            await backdoor.run(
                update(SecurityEvent).where(old).values({column: values.get(column, new_id()), **erased})
            )
    assert await contents(backdoor) == before


@pytest.mark.parametrize(("days", "address"), [(100, "elsewhere"), (100, ""), (88, None), (0, None)])
async def test_an_address_is_never_changed_nor_erased_too_early(
    town: Town, app: App, backdoor: Backdoor, days: float, address: str | None
) -> None:
    ada = await town.person("ada")
    await happened_before(app, ada.id, days)
    before = await contents(backdoor)
    with pytest.raises(Exception, match="security_events is append-only"):
        await backdoor.run(update(SecurityEvent).where(col(SecurityEvent.address).is_not(None)).values(address=address))
    assert await contents(backdoor) == before


async def test_an_address_that_is_erased_cannot_be_put_back(town: Town, app: App, backdoor: Backdoor) -> None:
    ada = await town.person("ada")
    await happened_before(app, ada.id, 100)
    await security.erase_old_addresses(app.database, datetime.now(UTC))
    with pytest.raises(Exception, match="security_events is append-only"):
        await backdoor.fetch("UPDATE security_events SET address = '10.0.0.1'")
