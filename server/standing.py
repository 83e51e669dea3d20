"""The commands `hatful freeze`, `freezes`, `thaw` and `tier`: what the operator says of an account."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ledger import Ledger
from models.database import open_database
from models.limits import Tier
from resolvers import freezes, tiers
from resolvers.context import App, Context
from resolvers.freezes import FreezeRow, Subject
from server.addresses import masked
from server.exits import NoSuchSubjectError, OutdatedDatabaseError
from server.preparation import explained, is_current
from server.settings import Settings

Result = TypeVar("Result")


def freeze(settings: Settings, name: str, reason: str) -> bool:
    """Freezes an account or an access token. False if it was frozen already. Raises OperatorError."""
    return _of_subject(settings, name, lambda ctx, subject: freezes.freeze(ctx, subject, reason))


def all_freezes(settings: Settings) -> list[FreezeRow]:
    """What is frozen now, the oldest first. Raises OperatorError."""
    return _run(settings, freezes.freezes_that_hold)


def thaw(settings: Settings, name: str) -> bool:
    """Ends a freeze. False if there was none. Raises OperatorError."""
    return _of_subject(settings, name, freezes.thaw)


def grant_tier(settings: Settings, handle: str, tier: int) -> None:
    """Gives an account at least this tier. Raises OperatorError."""

    async def grant(ctx: Context, subject: Subject) -> bool:
        if not subject.is_account:
            raise NoSuchSubjectError("A tier is an account's: name a handle.")
        await tiers.grant(ctx, subject.user_id, Tier(tier))
        return True

    _of_subject(settings, handle, grant)


def _of_subject(settings: Settings, name: str, work: Callable[[Context, Subject], Awaitable[bool]]) -> bool:
    async def found(ctx: Context) -> bool:
        subject = await freezes.subject_named(ctx, name)
        if subject is None:
            where = masked(settings.database_url)
            raise NoSuchSubjectError(f"{where} has no account and no access token named {name[:80]!r}.")
        return await work(ctx, subject)

    return _run(settings, found)


def _run(settings: Settings, work: Callable[[Context], Awaitable[Result]]) -> Result:
    url = settings.database_url
    with explained(url):
        if not is_current(settings):
            raise OutdatedDatabaseError(f"{masked(url)} has not the tables of this Hatful: run hatful migrate first.")
        return asyncio.run(_with_database(url, work))


async def _with_database(url: str, work: Callable[[Context], Awaitable[Result]]) -> Result:
    database = await open_database(url)
    try:
        return await work(Context(App(database, Ledger(database)), None))
    finally:
        await database.close()
