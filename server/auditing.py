"""The command `hatful ledger verify`: adds up the ledger and reports."""

import asyncio

from rich.console import Console
from rich.markup import escape

from ledger.verify import Report, verify
from models.database import open_database
from server.addresses import masked
from server.exits import OutdatedDatabaseError
from server.preparation import explained, is_current
from server.progress import Advance, progress
from server.settings import Settings


def audit(settings: Settings) -> int:
    """Prints what is wrong, or that nothing is. Returns the exit code."""
    console = Console(highlight=False)
    url = settings.database_url
    with explained(url):
        if not is_current(settings):
            raise OutdatedDatabaseError(f"{masked(url)} has not the tables of this Hatful: run hatful migrate first.")
        with progress(console, "Adding up the ledger") as advance:
            report = asyncio.run(_verify(url, advance))
    _show(console, report, masked(url))
    return 1 if report.problems else 0


async def _verify(url: str, advance: Advance) -> Report:
    database = await open_database(url)
    try:
        return await verify(database, advance)
    finally:
        await database.close()


def _show(console: Console, report: Report, where: str) -> None:
    for problem in report.problems:
        console.print(f"[red]wrong[/]  {escape(problem)}", soft_wrap=True)
    verdict = f"[red]Problems: {len(report.problems)}[/]" if report.problems else "[green]All of it adds up[/]"
    console.print(
        f"{verdict}: {report.accounts:,} accounts, {report.journals:,} journals, {report.postings:,} postings and "
        f"{report.entries:,} entries in {where}, in {report.seconds:.1f} s.",
        soft_wrap=True,
    )
