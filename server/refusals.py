"""Refusals are written to the security events once the answer has gone, so that its time tells nothing of them."""

import structlog
from starlette.background import BackgroundTask

from models.database import DatabaseError
from resolvers import security
from resolvers.context import Context

log: structlog.stdlib.BoundLogger = structlog.get_logger("hatful.security")


def writing_refusals(context: Context) -> BackgroundTask | None:
    """What writes the refusals of a request; None if there were none."""
    return BackgroundTask(write_refusals, context) if context.refusals else None


async def write_refusals(context: Context) -> None:
    """Writes the refusals of a request, as far as the database can be had."""
    try:
        await security.write_refusals(context)
    except DatabaseError as error:
        log.warning("refusals not written", reason=repr(error))
