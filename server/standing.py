"""The commands `hatful freeze`, `hatful thaw` and `hatful tier`: what the operator says of an account."""

import asyncio
from collections.abc import Awaitable, Callable

from ledger import Ledger
from models.database import open_database
from models.limits import Tier
from resolvers import freezes, tiers
from resolvers.context import App, Context
from resolvers.freezes import Subject
from server.addresses import masked
from server.exits import NoSuchSubjectError, OutdatedDatabaseError
from server.preparation import explained, is_current
from server.settings import Settings


def freeze(settings: Settings, name: str, reason: str) -> bool:
    """Freezes an account or an access token. False if it was frozen already. Raises OperatorError."""
    return _run(settings, name, lambda ctx, subject: freezes.freeze(ctx, subject, reason))


def thaw(settings: Settings, name: str) -> bool:
    """Ends a freeze. False if there was none. Raises OperatorError."""
    return _run(settings, name, freezes.thaw)


def grant_tier(settings: Settings, handle: str, tier: int) -> None:
    """Gives an account at least this tier. Raises OperatorError."""

    async def grant(ctx: Context, subject: Subject) -> bool:
        if not subject.is_account:
            raise NoSuchSubjectError("A tier is an account's: name a handle.")
        await tiers.grant(ctx, subject.user_id, Tier(tier))
        return True

    _run(settings, handle, grant)


def _run(settings: Settings, name: str, work: Callable[[Context, Subject], Awaitable[bool]]) -> bool:
    url = settings.database_url
    with explained(url):
        if not is_current(settings):
            raise OutdatedDatabaseError(f"{masked(url)} has not the tables of this Hatful: run hatful migrate first.")
        return asyncio.run(_with_subject(url, name, work))


async def _with_subject(url: str, name: str, work: Callable[[Context, Subject], Awaitable[bool]]) -> bool:
    database = await open_database(url)
    try:
        ctx = Context(App(database, Ledger(database)), None)
        subject = await freezes.subject_named(ctx, name)
        if subject is None:
            raise NoSuchSubjectError(f"{masked(url)} has no account and no access token named {name[:80]!r}.")
        return await work(ctx, subject)
    finally:
        await database.close()
