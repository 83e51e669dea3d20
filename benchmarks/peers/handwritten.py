"""An endpoint for each question, written by hand: Starlette, asyncpg and orjson, with one statement a question.

Run as `python -m benchmarks.peers.handwritten PORT DATABASE`.
"""

import hashlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import statements

Connection = Any  # the pool's stand-in for a connection
Answer = Callable[[Request, Connection, Any], Awaitable[Response]]
CONNECTIONS = 8


class _Lent(asyncpg.Connection):
    """A connection that nothing was changed on, and so needs no query to put that back when it is returned."""

    def get_reset_query(self) -> str:
        return ""


def _signed_in(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        async with request.state.pool.acquire() as connection:
            hashed = hashlib.sha256(token.encode()).digest()
            row = await connection.fetchrow(statements.SIGN_IN, hashed) if scheme.lower() == "bearer" else None
            if row is None:
                return Response(status_code=401)
            return await answer(request, connection, row["user_id"])

    return endpoint


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_UTC_Z), media_type="application/json")


async def _timeline(_: Request, connection: Connection, viewer: Any) -> Response:
    rows = await connection.fetch(statements.TIMELINE, viewer)
    nodes = [
        {
            "id": "post_" + post.hex,
            "text": text,
            "createdAt": moment,
            "author": {"id": "user_" + author.hex, "handle": handle, "displayName": name},
            "likeCount": likes,
            "replyCount": replies,
            "repostCount": reposts,
            "tipTotal": {"minorUnits": str(tips)},
            "viewerHasLiked": liked,
            "viewerHasReposted": reposted,
        }
        for post, text, moment, author, handle, name, likes, replies, reposts, tips, liked, reposted, _ in rows
    ]
    available = rows[0]["available"] if rows else await connection.fetchval(statements.BALANCE, viewer)
    return _json({"feed": {"nodes": nodes}, "viewer": _wallet(available)})


async def _tiny(_: Request, connection: Connection, viewer: Any) -> Response:
    handle = await connection.fetchval(statements.HANDLE, viewer)
    return _json({"viewer": {"user": {"handle": handle}}})


async def _tip(request: Request, connection: Connection, viewer: Any) -> Response:
    body = await request.body()
    asked = orjson.loads(body)
    cents = int(Decimal(asked["amount"]["amount"]) * 100)
    post, key = asked["postId"].removeprefix("post_"), asked["idempotencyKey"]
    available = await connection.fetchval(statements.TIP, viewer, post, cents, key, hashlib.sha256(body).digest())
    if available is None:
        return Response(status_code=422)
    return _json({"tipPost": {**_wallet(available), "userErrors": []}})


def _wallet(available: int) -> dict[str, Any]:
    return {"wallet": {"balance": {"available": {"minorUnits": str(available)}}}}


def app(database: str) -> Starlette:
    """The application on a database."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with asyncpg.create_pool(
            database, connection_class=_Lent, min_size=CONNECTIONS, max_size=CONNECTIONS
        ) as pool:
            yield {"pool": pool}

    return Starlette(
        routes=[
            Route("/timeline", _signed_in(_timeline)),
            Route("/tiny", _signed_in(_tiny)),
            Route("/tip", _signed_in(_tip), methods=["POST"]),
        ],
        lifespan=lifespan,
    )


if __name__ == "__main__":
    uvicorn.run(
        app(sys.argv[2]), port=int(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
