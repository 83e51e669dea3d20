"""Whether this process can serve: for load balancers and the like."""

import asyncio
from typing import NamedTuple

from sqlalchemy import literal, select
from starlette.responses import Response

from models.database import Database, DatabaseError, Query
from server.answers import answer

PATIENCE_SECONDS = 2.0


class _Row(NamedTuple):
    one: int


_one = Query(_Row, select(literal(1).label("one")))


async def health(database: Database) -> Response:
    """200 when the database answers, 503 when it does not."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await database.first(_one)
    except (DatabaseError, TimeoutError):
        return answer({"status": "unavailable"}, 503)
    return answer({"status": "ok"})
