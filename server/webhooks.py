"""Where networks tell that something has happened. They are believed in nothing: whoever is told asks the network."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from models.transfers import Rail
from rails import BadSignatureError, RailAdapter
from server.answers import HttpError, bad_request, refusal
from server.requests import body_of

PATH = "/webhooks/{rail}"
"""The rail's name is in small letters: /webhooks/stripe."""
MOST_BYTES = 1 << 18

Nudge = Callable[[Rail, Sequence[str]], Awaitable[None]]
"""Is told of the network's names for what it has news about, and has that be asked about soon."""


class Webhooks:
    """Takes what networks send. What is taken is answered with 200; what is not, they send again."""

    def __init__(self, adapters: Mapping[Rail, RailAdapter], nudge: Nudge) -> None:
        self._adapters = adapters
        self._nudge = nudge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = await self._take(scope, receive)
        except ClientDisconnect:
            return
        except HttpError as error:
            response = refusal(error)
        await response(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive) -> Response:
        name = scope["path_params"]["rail"]
        adapter = next((adapter for rail, adapter in self._adapters.items() if rail.lower() == name), None)
        if adapter is None:
            raise HttpError(404, "NOT_FOUND", "There is no such rail here.", {"connection": "close"})
        body = await body_of(scope, receive, MOST_BYTES)
        try:
            notices = adapter.notices(body, Headers(scope=scope), datetime.now(UTC))
        except BadSignatureError as error:
            raise bad_request(str(error)) from None
        if notices:
            await self._nudge(adapter.rail, [notice.network_ref for notice in notices])
        return Response()
