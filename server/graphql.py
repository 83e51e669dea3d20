"""The endpoint /graphql: GraphQL over HTTP, and GraphiQL for a browser."""

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from execution.operations import Operations, ReadOnlyError, Request
from models.database import UnavailableError
from resolvers.context import App
from schema import OperationContext
from server import requests
from server.addresses import base_url, client_address
from server.answers import HttpError, MediaType, answer, refusal
from server.errors import unavailable
from server.negotiation import negotiated, wants_page
from server.rate_limits import RateLimits, network
from server.refusals import writing_refusals
from server.sign_in import cookie_for, sign_in_of

METHODS = "GET, HEAD, OPTIONS, POST"


class GraphQL:
    """Answers operations by POST, queries also by GET."""

    def __init__(self, app: App, operations: Operations, page: ASGIApp, rate_limits: RateLimits | None) -> None:
        self._app = app
        self._operations = operations
        self._page = page
        self._rate_limits = rate_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        accept = requests.header(scope, b"accept")
        try:
            requests.refuse_upgrade(scope)
            if _is_browser(scope, accept):
                await self._page(scope, receive, send)
                return
            response = await self._response(scope, receive, accept)
        except HttpError as error:
            response = refusal(error, negotiated(accept) or MediaType.JSON)
        await response(scope, receive, send)

    async def _response(self, scope: Scope, receive: Receive, accept: str | None) -> Response:
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers={"allow": METHODS, "accept-post": MediaType.JSON})
        media_type = negotiated(accept)
        if media_type is None:
            raise HttpError(406, "NOT_ACCEPTABLE", f"Answers are {MediaType.GRAPHQL_RESPONSE} or {MediaType.JSON}.")
        if self._rate_limits:
            await self._rate_limits.count_address(scope)
        request = await _request(scope, receive)
        return await self._run(request, scope, media_type)

    async def _run(self, request: Request, scope: Scope, media_type: MediaType) -> Response:
        try:
            sign_in = await sign_in_of(self._app, scope)
        except UnavailableError:
            raise unavailable() from None
        if self._rate_limits and sign_in.viewer:
            await self._rate_limits.count_token(sign_in.viewer.token_id)
        context = OperationContext(self._app, sign_in.viewer, base_url(scope), client_address(scope), network(scope))
        try:
            result = await self._operations.run(request, context)
        except ReadOnlyError as error:
            raise _not_allowed(error.message, "POST") from None
        finally:
            context.let_go()
        # Without data nothing was run. A client that knows only application/json is used to 200 then, too.
        refused = not result.executed and media_type is MediaType.GRAPHQL_RESPONSE
        cookie = cookie_for(sign_in, context, scope)
        headers = {"set-cookie": cookie} if cookie else None
        response = answer(result.body, 400 if refused else 200, media_type, headers)
        response.background = writing_refusals(context)
        return response


def _is_browser(scope: Scope, accept: str | None) -> bool:
    is_read = scope["method"] in {"GET", "HEAD"}
    return is_read and not requests.has_query(scope["query_string"]) and wants_page(accept)


async def _request(scope: Scope, receive: Receive) -> Request:
    match scope["method"]:
        case "POST":
            return await requests.from_body(scope, receive)
        case "GET" | "HEAD":
            return requests.from_query_string(scope["query_string"])
        case method:
            raise _not_allowed(f"{method} is not understood here.", METHODS)


def _not_allowed(message: str, allowed: str) -> HttpError:
    return HttpError(405, "METHOD_NOT_ALLOWED", message, {"allow": allowed})
