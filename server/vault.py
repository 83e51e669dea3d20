"""The vault's own address: a card's number comes in here, from a page or from an app, and a token goes out.

A form is answered with a page and JSON with JSON. No answer repeats a number, and no log has one: neither reads a body.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from models.transfers import Rail
from rails import Kept
from resolvers.context import App, Context, Viewer
from resolvers.errors import NotPermittedError, Refused, UserError
from resolvers.linking import keep_card
from server import requests, vault_page
from server.addresses import base_url, client_address
from server.answers import HttpError, answer, bad_request, errors, refusal
from server.rate_limits import RateLimits, network
from server.refusals import write_refusals
from server.sign_in import sign_in_of

MAX_BODY_BYTES = 4096
METHODS = "GET, HEAD, OPTIONS, POST"
FORM = "application/x-www-form-urlencoded"
FIELDS = ("number", "expires", "cvv")


class VaultCards:
    """Takes cards of whoever is signed in."""

    def __init__(self, app: App, rate_limits: RateLimits | None) -> None:
        self._app = app
        self._rate_limits = rate_limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        as_page = scope["method"] in {"GET", "HEAD"} or _is_form(scope)
        try:
            response = await self._response(scope, receive, as_page=as_page)
        except HttpError as error:
            response = vault_page.failed(error.message, error.status, error.headers) if as_page else refusal(error)
        await response(scope, receive, send)

    async def _response(self, scope: Scope, receive: Receive, *, as_page: bool) -> Response:
        if scope["method"] not in METHODS.split(", "):
            raise HttpError(405, "METHOD_NOT_ALLOWED", "A card is sent by POST.", {"allow": METHODS})
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers={"allow": METHODS})
        if self._rate_limits:
            await self._rate_limits.count_address(scope)
        viewer = await self._viewer(scope)
        if scope["method"] != "POST":
            return vault_page.form(sandbox=self._is_sandbox)
        sent = await _form(scope, receive) if as_page else await requests.json_object(scope, receive, MAX_BODY_BYTES)
        context = Context(self._app, viewer, base_url(scope), client_address(scope), network(scope))
        try:
            kept = await keep_card(context, **_texts(sent))
        except Refused as refused:
            await write_refusals(context)
            return self._refused(refused.errors[0], as_page=as_page)
        return vault_page.kept(kept) if as_page else answer(_told(kept))

    async def _viewer(self, scope: Scope) -> Viewer:
        viewer = (await sign_in_of(self._app, scope)).viewer
        if viewer is None:
            raise HttpError(401, "UNAUTHENTICATED", "Sign in first.", {"www-authenticate": "Bearer"})
        if self._rate_limits:
            await self._rate_limits.count_token(viewer.token_id)
        return viewer

    def _refused(self, error: UserError, *, as_page: bool) -> Response:
        status = 403 if isinstance(error, NotPermittedError) else 400
        if as_page:
            return vault_page.form(sandbox=self._is_sandbox, failure=error.message, status=status)
        field = {"field": error.path[0]} if error.path else {}
        return answer(errors(error.message, code=error.code, **field), status)

    @property
    def _is_sandbox(self) -> bool:
        return self._app.rails.cards is Rail.SANDBOX


def _told(kept: Kept) -> dict[str, str | None]:
    return {"token": kept.token, "brand": kept.brand, "last4": kept.last4, "expires": kept.expires}


def _is_form(scope: Scope) -> bool:
    return (requests.header(scope, b"content-type") or "").partition(";")[0].strip().lower() == FORM


async def _form(scope: Scope, receive: Receive) -> Mapping[str, Any]:
    _require_own_page(scope)
    body = await requests.body_of(scope, receive, MAX_BODY_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=len(FIELDS)))
    except ValueError:  # UnicodeDecodeError is one too
        raise bad_request("The form cannot be read.") from None


def _require_own_page(scope: Scope) -> None:
    """Refuses a form that a page of another site has sent. Browsers say where it comes from, in one way or another."""
    site = requests.header(scope, b"sec-fetch-site")
    is_own = site == "same-origin" if site else requests.header(scope, b"origin") == base_url(scope)
    if not is_own:
        raise HttpError(403, "FORBIDDEN", "This form did not come from this page. Load the page again.")


def _texts(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are known, as the command takes them."""
    texts = {name: sent.get(name) for name in FIELDS}
    for name, value in texts.items():
        if not isinstance(value, str) and (name != "cvv" or value is not None):
            raise HttpError(400, "INVALID", f"{name} is missing: it must be a string.")
    return texts
