"""The web application: what is found at which address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from execution.documents import Telling
from execution.operations import Operations
from resolvers.statements import CSV_PATH, PDF_PATH
from schema import core_schema
from server import page, telemetry, vault_page, webhooks
from server.answers import HttpError, answer, refusal
from server.counting import counting
from server.errors import MaskErrors, present
from server.forgetting import forgetting
from server.graphql import GraphQL
from server.health import health
from server.inboxes import filling_inboxes
from server.origins import allowing
from server.process import running, spare_the_collector
from server.rails import asking_networks, hear_of, reading_books
from server.retention import erasing
from server.sealing import sealing
from server.security import SecurityHeaders
from server.settings import Settings
from server.statements import Statements
from server.trusted import persisted
from server.vault import VaultCards
from server.webhooks import Webhooks

ENDPOINT = "/graphql"


def create_app(settings: Settings) -> Starlette:
    """The application with these settings. Each worker process makes its own."""
    telemetry.configure(settings.log_format, settings.log_level)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with (
            counting(settings) as counts,
            running(settings, counts.tries) as app,
            sealing(app.database),
            filling_inboxes(app),
            asking_networks(app),
            reading_books(app),
            forgetting(app),
            erasing(app.database),
        ):
            operations = Operations(
                core_schema,
                present,
                plans=settings.execution == "plans",
                persisted=persisted(settings),
                telling=Telling(settings.introspection, settings.suggestions),
            )
            endpoint = GraphQL(app, operations, page.page, counts.limits)
            spare_the_collector()
            yield {
                "endpoint": endpoint,
                "statements": Statements(app, counts.limits),
                "webhooks": Webhooks(app.rails.adapters, partial(hear_of, app)),
                "vault": VaultCards(app, counts.limits),
                "database": app.database,
            }

    async def page_config(_: Request) -> Response:
        return answer(page.config(ENDPOINT, demo=settings.demo))

    return Starlette(
        routes=[
            Route("/", _home),
            Route(ENDPOINT, _Endpoint("endpoint")),
            Route(CSV_PATH, _Endpoint("statements"), methods=["GET", "HEAD"]),
            Route(PDF_PATH, _Endpoint("statements"), methods=["GET", "HEAD"]),
            Route(vault_page.PATH, _Endpoint("vault")),
            Route(webhooks.PATH, _Endpoint("webhooks"), methods=["POST"]),
            Route("/health", _health),
            Route(page.PATH, _home),
            Route(f"{page.PATH}/", _home),
            Route(f"{page.PATH}/config.json", page_config),
            Mount(page.PATH, page.files()),
        ],
        middleware=[
            *([Middleware(telemetry.AccessLog)] if settings.log_level == "debug" else ()),
            Middleware(SecurityHeaders),
            *allowing(settings.allowed_origins),
            Middleware(MaskErrors),
        ],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )


class _Endpoint:
    """Hands requests to what the start has made under a name; a class, so that all methods come here."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["state"][self._name](scope, receive, send)


async def _home(_: Request) -> Response:
    return RedirectResponse(ENDPOINT)


async def _health(request: Request) -> Response:
    return await health(request.state.database)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "it is registered for these"
    status = HTTPStatus(error.status_code)
    return refusal(HttpError(status, status.name, f"{status.phrase.capitalize()}.", error.headers))
