"""The commands `hatful ledger verify`, `check` and `seal`: they add up the ledger, close its books, and report."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from rich.console import Console
from rich.markup import escape

from ledger import seals
from ledger.seals import Head, SealRow
from ledger.verify import Report, check, verify
from models.database import Database, open_database
from server.addresses import masked
from server.exits import WrongSettingError
from server.preparation import current
from server.progress import Advance, progress
from server.settings import Settings

MILLION = 1_000_000
Result = TypeVar("Result")


def audit(settings: Settings, kept: str | None = None) -> int:
    """Adds up all of the ledger, seals too, and prints what is wrong or that nothing is. Returns the exit code."""
    head = None if kept is None else _head(kept)
    return _report(settings, lambda database, advance: verify(database, advance, head))


def look(settings: Settings) -> int:
    """The same without the seals, which takes less time."""
    return _report(settings, check)


def close_books(settings: Settings, lag_seconds: float | None = None) -> int:
    """Seals what is due and prints the head. Returns the exit code."""
    lag = seals.LAG if lag_seconds is None else _lag(lag_seconds)

    async def close(database: Database) -> tuple[int, SealRow | None]:
        return await seals.seal(database, lag), await seals.last_seal(database)

    with current(settings) as url:
        made, head = asyncio.run(_with_database(url, close))
    console = Console(highlight=False)
    console.print(f"New blocks: {made:,}.", soft_wrap=True)
    _show_head(console, head)
    return 0


def _report(settings: Settings, work: Callable[[Database, Advance], Awaitable[Report]]) -> int:
    console = Console(highlight=False)
    with current(settings) as url, progress(console, "Adding up the ledger") as advance:
        report = asyncio.run(_with_database(url, lambda database: work(database, advance)))
    _show(console, report, masked(url))
    return 1 if report.problems else 0


async def _with_database(url: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    database = await open_database(url)
    try:
        return await work(database)
    finally:
        await database.close()


def _head(kept: str) -> Head:
    try:
        return Head.parse(kept)
    except seals.InvalidHeadError:
        message = (
            f"--head is {kept[:80]!r}, but must be a block's number and hash, as `hatful ledger seal` prints them."
        )
        raise WrongSettingError(message) from None


def _lag(seconds: float) -> timedelta:
    try:
        lag = timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        lag = None
    if lag is None or not timedelta(0) <= lag <= timedelta(days=365):
        raise WrongSettingError(f"--lag is {seconds:g}, but must be a number of seconds, up to a year.")
    return lag


def _show(console: Console, report: Report, where: str) -> None:
    for problem in report.problems:
        console.print(f"[red]wrong[/]  {escape(problem)}", soft_wrap=True)
    verdict = f"[red]Problems: {len(report.problems)}[/]" if report.problems else "[green]All of it adds up[/]"
    speed = f", {report.seconds / report.postings * MILLION:.1f} s per million postings" if report.postings else ""
    console.print(
        f"{verdict}: {report.accounts:,} accounts, {report.journals:,} journals, {report.postings:,} postings and "
        f"{report.entries:,} entries in {where}, in {report.seconds:.1f} s{speed}.",
        soft_wrap=True,
    )
    if report.head is not None:
        _show_head(console, report.head)


def _show_head(console: Console, head: SealRow | None) -> None:
    if head is None:
        console.print("Nothing is sealed yet.", soft_wrap=True)
        return
    console.print(f"Head: {head.head}", soft_wrap=True)
    console.print(f"Last journal: {head.last_journal_id}, before {head.until:%Y-%m-%d %H:%M:%S} UTC.", soft_wrap=True)
