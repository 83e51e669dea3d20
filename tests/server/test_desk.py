"""`hatful rails …`: what waits for people, and what comes of what they say."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from models.money import Currency, Money
from models.rails import Direction, IntentState, PayoutSpeed, RailIntent
from rails import Answer, Approved, Declined, Unknown
from resolvers import top_ups, withdrawals
from resolvers.context import App
from resolvers.ids import Kind, public_id
from resolvers.intents import Taken, intents_by_id, take_in
from resolvers.outcomes import PATIENCE, IntentRow, Step
from server import desk
from server.exits import NetworkError, OutdatedDatabaseError, TransferError, WrongSettingError
from server.process import running
from server.settings import Settings, load
from tests.harness.backdoor import backdoor
from tests.harness.server import free_port
from tests.harness.tally import Tally, tally
from tests.harness.town import SLOW, Town, money, new_key

pytestmark = pytest.mark.usefixtures("nothing_set")

KEY = "b25seSBmb3IgdGVzdHM6IDMyIGJ5dGVzIG9mIHRleHQ="
UNCLEAR = Unknown("status 504, code [bold]9[/] (X-Correlation-ID 1-2-3)")
IDS = {Direction.PULL: Kind.TOP_UP, Direction.PUSH: Kind.WITHDRAWAL}
Said = Callable[[], str]


@pytest.fixture
def settings(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HATFUL_VAULT_KEYS", KEY)
    return load(database=database_url)


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What was printed since the last time."""
    return lambda: capsys.readouterr().out


def within(settings: Settings, work: Callable[[App], Awaitable[Any]]) -> Any:
    """Does something in a process that has ended when the command runs."""

    async def run() -> Any:
        async with running(settings) as app:
            return await work(app)

    return asyncio.run(run())


async def opened(app: App, direction: Direction) -> IntentRow:
    """Ada has 100, and 5 are on their way in or out over a network that does not say at once what it does."""
    ada = await Town(app).person("ada", "100")
    card = public_id(Kind.CARD, (await ada.links(SLOW)).id)
    ctx, key = ada.ctx(), new_key()
    if direction is Direction.PULL:
        moved = await top_ups.top_up_wallet(ctx, card, money("5"), key=key)
    else:
        moved = await withdrawals.withdraw(ctx, card, money("5"), speed=PayoutSpeed.INSTANT, key=key)
    return await read(app, moved.transfer.id)


async def read(app: App, intent_id: UUID) -> IntentRow:
    return (await intents_by_id(app, [intent_id]))[intent_id]


async def told(app: App, intent: IntentRow, answer: Answer, step: Step = Step.QUERY) -> IntentRow:
    """What a network says a day later."""
    await take_in(app, Taken(intent, step), answer, datetime.now(UTC) + PATIENCE)
    return await read(app, intent.id)


def waiting(settings: Settings, direction: Direction = Direction.PUSH) -> IntentRow:
    """An intent of which nobody knows what has become."""

    async def wait(app: App) -> IntentRow:
        return await told(app, await opened(app, direction), UNCLEAR)

    intent: IntentRow = within(settings, wait)
    assert intent.due_at is None
    return intent


def id_of(intent: IntentRow) -> str:
    return public_id(IDS[intent.direction], intent.id)


def books(settings: Settings, intent: IntentRow) -> Tally:
    found: Tally = within(settings, lambda app: tally(app, intent.owner_id))
    return found


def test_says_that_nothing_waits(settings: Settings, said: Said) -> None:
    assert desk.list_waiting(settings) == 0
    assert said() == "Nothing waits for you.\n"


def test_lists_what_waits_with_all_that_is_known_of_it(settings: Settings, said: Said) -> None:
    intent = waiting(settings)
    assert desk.list_waiting(settings) == 0
    title, _, row = said().splitlines()
    assert title.strip() == "Waiting for your word"
    since = f"{intent.submitted_at:%Y-%m-%d %H:%M} UTC"
    for cell in (id_of(intent), "@ada", "5.00 USD", "SANDBOX", "UNKNOWN", since, UNCLEAR.reason):
        assert cell in row


def test_what_is_still_asked_about_does_not_wait(settings: Settings, said: Said) -> None:
    within(settings, lambda app: opened(app, Direction.PULL))
    desk.list_waiting(settings)
    assert said() == "Nothing waits for you.\n"


@pytest.mark.parametrize("direction", Direction)
def test_asks_again_and_says_what_came_of_it(settings: Settings, said: Said, direction: Direction) -> None:
    intent = waiting(settings, direction)
    assert desk.retry(settings, id_of(intent)) == 0
    assert said() == f"{id_of(intent)} is APPROVED: 00.\n"
    assert books(settings, intent) == (Tally(U=105, C=105) if direction is Direction.PULL else Tally(U=95, C=95))
    with pytest.raises(TransferError, match="is APPROVED: there is nothing to ask its network"):
        desk.retry(settings, id_of(intent))


@pytest.mark.parametrize(
    ("direction", "outcome", "left"),
    [
        (Direction.PULL, "approved", Tally(U=105, C=105)),
        (Direction.PULL, "declined", Tally(U=100, C=100)),
        (Direction.PUSH, "approved", Tally(U=95, C=95)),
        (Direction.PUSH, "declined", Tally(U=100, C=100)),
    ],
)
def test_takes_the_operators_word(
    settings: Settings, said: Said, direction: Direction, outcome: str, left: Tally
) -> None:
    intent = waiting(settings, direction)
    assert desk.resolve(settings, id_of(intent), outcome, "B7") == 0
    assert said().startswith(f"{id_of(intent)} is {outcome.upper()}: B7")
    assert books(settings, intent) == left
    desk.list_waiting(settings)
    assert said() == "Nothing waits for you.\n"
    with pytest.raises(TransferError, match="waits for nobody's word"):
        desk.resolve(settings, id_of(intent), "approved")
    assert books(settings, intent) == left


def test_the_networks_code_stands_if_no_other_is_said(settings: Settings, said: Said) -> None:
    async def wait(app: App) -> IntentRow:
        reversing = await told(app, await opened(app, Direction.PULL), Approved("10", moved=Money(300, Currency.USD)))
        return await told(app, reversing, Declined("57", "Not any more."), Step.REVERSE)

    intent: IntentRow = within(settings, wait)
    assert (intent.state, books(settings, intent)) == (IntentState.REVERSING, Tally(U=100, P=3, C=103))
    desk.list_waiting(settings)
    assert "57: Not any more" in said()
    with pytest.raises(TransferError, match="can only be approved"):
        desk.resolve(settings, id_of(intent), "declined")
    assert desk.resolve(settings, id_of(intent), "approved") == 0
    assert said().startswith(f"{id_of(intent)} is REVERSED: 57")
    assert books(settings, intent) == Tally(U=100, C=100)


def test_while_a_network_is_asked_nobodys_word_is_taken(settings: Settings) -> None:
    intent: IntentRow = within(settings, lambda app: opened(app, Direction.PUSH))
    with pytest.raises(TransferError, match="is PENDING and waits for nobody's word"):
        desk.resolve(settings, id_of(intent), "declined")
    assert books(settings, intent) == Tally(U=95, H=5, C=100)


def test_says_what_it_cannot_find(settings: Settings) -> None:
    intent = waiting(settings, Direction.PUSH)
    for name in ("", "x", public_id(Kind.CARD, intent.source_id)):
        with pytest.raises(TransferError, match="is no id of a top-up or a withdrawal"):
            desk.retry(settings, name)
    for name in (public_id(Kind.TOP_UP, intent.id), public_id(Kind.WITHDRAWAL, intent.owner_id)):
        with pytest.raises(TransferError, match=f"There is no {name}"):
            desk.resolve(settings, name, "approved")
    with pytest.raises(WrongSettingError, match="must be approved or declined"):
        desk.resolve(settings, id_of(intent), "maybe")


# Books


@pytest.fixture
def booked(settings: Settings) -> IntentRow:
    """A top-up of long ago, which the sandbox has in its books."""

    async def top_up(app: App) -> IntentRow:
        ada = await Town(app).person("ada")
        return await read(app, (await ada.tops_up("100")).transfer.id)

    intent: IntentRow = within(settings, top_up)
    alter(settings, submitted_at=datetime.now(UTC) - timedelta(days=6))
    return intent


def alter(settings: Settings, **columns: object) -> None:
    """Changes what is known of all that was asked of networks."""

    async def run() -> None:
        async with backdoor(settings.database_url) as database:
            await database.run(update(RailIntent).values(columns))

    asyncio.run(run())


def test_reads_the_books_and_says_that_all_of_it_fits(settings: Settings, booked: IntentRow, said: Said) -> None:
    desk.list_waiting(settings)
    assert "Not booked yet, though it should be" in said()
    assert desk.reconcile(settings, "SANDBOX") == 0
    assert said() == "SANDBOX: 1 new lines that fit, 0 that do not; 0 overdue.\n"
    assert books(settings, booked) == Tally(U=100, B=100)
    assert desk.reconcile(settings) == 0
    assert said() == "SANDBOX: 0 new lines that fit, 0 that do not; 0 overdue.\n"
    desk.list_waiting(settings)
    assert said() == "Nothing waits for you.\n"


def test_names_each_line_that_does_not_fit(settings: Settings, booked: IntentRow, said: Said) -> None:
    alter(settings, moved=9900)
    for _ in range(2):
        assert desk.reconcile(settings) == 1
        counts, title, _, line, *_ = said().splitlines()
        assert counts == "SANDBOX: 0 new lines that fit, 1 that do not; 1 overdue."
        assert title.strip() == "Lines that do not fit"
        for cell in ("SANDBOX", f"sandbox_{booked.id.hex}", "SETTLED", "100.00 USD", "WRONG_AMOUNT"):
            assert cell in line
    desk.list_waiting(settings)
    assert "WRONG_AMOUNT" in said()
    assert books(settings, booked) == Tally(U=100, C=100)


def test_names_what_should_have_been_booked(settings: Settings, booked: IntentRow, said: Said) -> None:
    alter(settings, network_ref=None)
    assert desk.reconcile(settings) == 1
    counts, title, _, row = said().splitlines()
    assert counts == "SANDBOX: 0 new lines that fit, 0 that do not; 1 overdue."
    assert title.strip() == "Not booked yet, though it should be"
    assert all(cell in row for cell in (id_of(booked), "@ada", "100.00 USD", "APPROVED"))


def test_says_which_books_cannot_be_read_and_reads_the_others(
    settings: Settings, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATFUL_STRIPE_API_KEY", "sk_test_nobody")
    monkeypatch.setenv("HATFUL_STRIPE_URL", f"http://127.0.0.1:{free_port()}")
    settings = load(database=settings.database_url)
    with pytest.raises(NetworkError, match="the books of STRIPE cannot be read: "):
        desk.reconcile(settings)
    assert said() == "SANDBOX: 0 new lines that fit, 0 that do not; 0 overdue.\n"
    with pytest.raises(NetworkError, match="'VISA' is no rail that is set up here: there is SANDBOX, STRIPE"):
        desk.reconcile(settings, "VISA")


def test_refuses_a_database_without_the_tables(empty_database_url: str) -> None:
    with pytest.raises(OutdatedDatabaseError, match="run hatful migrate first"):
        desk.list_waiting(load(database=empty_database_url))
