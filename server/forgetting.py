"""Forgets numbers that are of no use any more, now and then while the server runs, beside everything else."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime

from resolvers import funding
from resolvers.context import App
from server.background import now_and_then

EVERY_SECONDS = 60.0


def forgetting(app: App) -> AbstractAsyncContextManager[None]:
    """Forgets what nobody has linked in time, and what was removed, for as long as the block runs."""

    async def forget() -> None:
        if app.rails.vault is not None:
            await app.rails.vault.forget_unclaimed(datetime.now(UTC))
        await funding.forget_removed(app)

    return now_and_then("forgetting", EVERY_SECONDS, forget)
