"""The commands `hatful rails …`: what of the money outside waits for people, and what they say of it.

They work beside running servers: whatever they do, they do as one more process.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ledger import LedgerError
from models.money import Money
from models.rails import Direction, IntentState
from models.transfers import Rail
from rails import Approved, Declined, UnreachableError
from resolvers import intents, settlements
from resolvers.context import App, Context
from resolvers.ids import Kind, key_of, public_id
from resolvers.intents import MESSAGE, REASON
from resolvers.outcomes import IntentRow
from resolvers.settlements import Report, TakenLine
from resolvers.users import users_by_id
from server.exits import NetworkError, TransferError, WrongSettingError
from server.preparation import current
from server.process import running
from server.settings import Settings

WIDTH = 180
"""As wide as a table gets where the screen is narrower, or there is none: rows are never cut."""
OUTCOMES = "approved", "declined"
Result = TypeVar("Result")


def list_waiting(settings: Settings) -> int:
    """Prints what waits for people. Returns the exit code."""
    return _run(settings, _list)


def retry(settings: Settings, transfer_id: str) -> int:
    """Asks the network what has become of a transfer, and prints what it says. Returns the exit code."""
    intent_id = _key(transfer_id)
    return _run(settings, lambda app: _retry(app, intent_id, transfer_id))


def resolve(settings: Settings, transfer_id: str, outcome: str, code: str | None = None) -> int:
    """Writes down what has become of a transfer that waits for people. Returns the exit code."""
    if outcome not in OUTCOMES:
        raise WrongSettingError(f"The outcome is {outcome[:80]!r}, but must be approved or declined.")
    intent_id = _key(transfer_id)
    said = Approved(code or "") if outcome == "approved" else Declined(code or "", "The network did not take this.")
    return _run(settings, lambda app: _resolve(app, intent_id, transfer_id, said))


def reconcile(settings: Settings, rail: str | None = None) -> int:
    """Reads the books of one network, or of all, and prints what does not fit. Returns the exit code."""
    return _run(settings, lambda app: _reconcile(app, rail))


async def _list(app: App) -> int:
    now = datetime.now(UTC)
    waiting = await intents.waiting(app)
    reports = [await settlements.outstanding(app, rail, now) for rail in Rail]
    console = _console()
    if waiting:
        console.print(await _intents_table(app, "Waiting for your word", waiting))
    await _show(app, console, reports)
    if not waiting and not any(map(_is_odd, reports)):
        console.print("Nothing waits for you.")
    return 0


async def _retry(app: App, intent_id: UUID, transfer_id: str) -> int:
    intent = await _found(app, intent_id, transfer_id)
    if not await intents.retry(app, intent.id, _now):
        raise TransferError(f"{transfer_id} is {intent.state}: there is nothing to ask its network.")
    await _tell(app, intent_id, transfer_id)
    return 0


async def _resolve(app: App, intent_id: UUID, transfer_id: str, said: Approved | Declined) -> int:
    intent = await _found(app, intent_id, transfer_id)
    if intent.state is IntentState.REVERSING and isinstance(said, Declined):
        raise TransferError(f"{transfer_id} is to be taken back, which can only be approved: once that is done.")
    if not await intents.resolve(app, intent.id, said, _now()):
        raise TransferError(f"{transfer_id} is {intent.state} and waits for nobody's word: see hatful rails list.")
    await _tell(app, intent_id, transfer_id)
    return 0


async def _reconcile(app: App, name: str | None) -> int:
    console = _console()
    reports: list[Report] = []
    unread: list[str] = []
    for rail in _chosen(app, name):
        try:
            report = await settlements.reconcile(app, rail, _now())
        except UnreachableError as error:
            unread.append(f"the books of {rail} cannot be read: {error}")
            continue
        reports.append(report)
        fit, unfit, overdue = report.taken, len(report.findings), len(report.overdue)
        console.print(f"{rail}: {fit:,} new lines that fit, {unfit:,} that do not; {overdue:,} overdue.")
    await _show(app, console, reports)
    if unread:
        raise NetworkError(f"Not all is known: {'; '.join(unread)}")
    return 1 if any(map(_is_odd, reports)) else 0


def _run(settings: Settings, work: Callable[[App], Awaitable[Result]]) -> Result:
    with current(settings):
        try:
            return asyncio.run(_with_app(settings, work))
        except LedgerError as error:
            raise TransferError(f"The books could not be written: {error!r}") from error


async def _with_app(settings: Settings, work: Callable[[App], Awaitable[Result]]) -> Result:
    async with running(settings) as app:
        return await work(app)


def _key(transfer_id: str) -> UUID:
    key = key_of(transfer_id, Kind.TOP_UP, Kind.WITHDRAWAL)
    if key is None:
        raise TransferError(f"{transfer_id[:80]!r} is no id of a top-up or a withdrawal: see hatful rails list.")
    return key


async def _found(app: App, intent_id: UUID, transfer_id: str) -> IntentRow:
    intent = (await intents.intents_by_id(app, [intent_id])).get(intent_id)
    if intent is None or _id_of(intent) != transfer_id:
        raise TransferError(f"There is no {transfer_id} that went over a network.")
    return intent


def _chosen(app: App, name: str | None) -> Sequence[Rail]:
    if name is None:
        return [rail for rail, adapter in app.rails.adapters.items() if adapter.capabilities.settles]
    if name not in app.rails.adapters:
        known = ", ".join(app.rails.adapters)
        raise NetworkError(f"{name[:80]!r} is no rail that is set up here: there is {known}.")
    return [Rail(name)]


def _is_odd(report: Report) -> bool:
    return bool(report.findings or report.overdue)


async def _tell(app: App, intent_id: UUID, transfer_id: str) -> None:
    intent = await _found(app, intent_id, transfer_id)
    said = _said(intent)
    _console().print(Text(f"{transfer_id} is {intent.state}{f': {said}' if said else ''}."), soft_wrap=True)


async def _show(app: App, console: Console, reports: Iterable[Report]) -> None:
    findings = [line for report in reports for line in report.findings]
    overdue = [intent for report in reports for intent in report.overdue]
    if findings:
        console.print(_lines_table(findings))
    if overdue:
        console.print(await _intents_table(app, "Not booked yet, though it should be", overdue))


async def _intents_table(app: App, title: str, rows: Sequence[IntentRow]) -> Table:
    owners = await users_by_id(Context(app, None), [row.owner_id for row in rows])
    table = _table(title, "Transfer", "Whose", "Amount", "Rail", "State", "Since", "What the network said last")
    for row in rows:
        _add(
            table,
            _id_of(row),
            f"@{owners[row.owner_id].handle}",
            _money(row.money()),
            row.rail,
            row.state,
            _moment(row.reversed_at or row.submitted_at or row.created_at),
            _said(row),
        )
    return table


def _lines_table(rows: Sequence[TakenLine]) -> Table:
    table = _table("Lines that do not fit", "Rail", "Line", "About", "Says", "Amount", "Code", "Booked", "Finding")
    for row in rows:
        amount = _money(Money(row.amount, row.currency))
        booked = _moment(row.booked_at)
        _add(table, row.rail, row.line, row.network_ref, row.kind, amount, row.code or "", booked, row.finding)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name == "Amount" else "left", no_wrap=name == "Transfer")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(Text, cells))  # what networks say is no markup


def _said(intent: IntentRow) -> str:
    facts = json.loads(intent.facts)
    words = facts.get(REASON) or facts.get(MESSAGE) or ""
    return ": ".join(filter(None, (intent.network_code, words))).rstrip(".")


def _id_of(intent: IntentRow) -> str:
    return public_id(Kind.TOP_UP if intent.direction is Direction.PULL else Kind.WITHDRAWAL, intent.id)


def _money(money: Money) -> str:
    return f"{money.amount:,} {money.currency}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _now() -> datetime:
    return datetime.now(UTC)


def _console() -> Console:
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)
    return console
