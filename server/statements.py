"""A wallet's statement as a file: comma-separated values, written out as they are read, or a PDF of so many lines."""

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import StringIO
from typing import NamedTuple
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from models.money import Currency, Money
from resolvers.context import App, Context, Viewer
from resolvers.errors import BadInputError, PublicError
from resolvers.ids import public_id
from resolvers.statements import PDF_PATH, StatementLine, lines, statements_of
from resolvers.transfers import KINDS, called
from resolvers.users import users_by_id
from resolvers.wallets import WalletRow
from server.addresses import client_address
from server.answers import HttpError, bad_request, refusal
from server.rate_limits import RateLimits
from server.refusals import write_refusals
from server.sign_in import sign_in_of

CSV_TYPE, PDF_TYPE = "text/csv; charset=utf-8", "application/pdf"
HEADINGS = ("number", "time", "kind", "amount", "balance", "currency", "with", "note", "transfer")
LINES_AT_ONCE = 500
MOST_LINES_OF_PDF = 10_000
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


class Statements:
    """Answers with the statement of the signed-in person's wallet."""

    def __init__(self, app: App, rate_limits: RateLimits | None) -> None:
        self._app = app
        self._rate_limits = rate_limits
        self._drawing = asyncio.Lock()
        """One PDF at a time: a long one keeps a thread and some memory busy for a second or two."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        try:
            response = await self._response(Request(scope))
        except HttpError as error:
            response = refusal(error)
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if self._rate_limits:
            await self._rate_limits.count_address(request.scope)
        viewer = await self._reader(request)
        currency = _currency(request.query_params.get("currency", "USD"))
        asked = _Asked(viewer.user_id, currency, _moment(request, "from"), _moment(request, "to"))
        ctx, as_csv = Context(self._app, viewer), request.url.path != PDF_PATH
        name = f"hatful-{currency}-{asked.from_:%Y-%m-%d}-{asked.to:%Y-%m-%d}.{'csv' if as_csv else 'pdf'}"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        try:
            answer = self._csv if as_csv else self._pdf
            return await answer(ctx, asked, headers, is_head=request.method == "HEAD")
        except PublicError as error:
            raise bad_request(str(error)) from error

    async def _csv(self, ctx: Context, asked: "_Asked", headers: dict[str, str], *, is_head: bool) -> Response:
        found = lines(ctx, *asked)
        first = await anext(found, None)  # what is wrong shows now, while it can still be said
        if is_head:
            await found.aclose()
            return Response(media_type=CSV_TYPE, headers=headers)
        return StreamingResponse(_csv(first, found), media_type=CSV_TYPE, headers=headers)

    async def _pdf(self, ctx: Context, asked: "_Asked", headers: dict[str, str], *, is_head: bool) -> Response:
        wallet = WalletRow(asked.owner_id)
        [statement] = await statements_of(ctx, [wallet], from_=asked.from_, to=asked.to, currency=asked.currency)
        if statement.entry_count > MOST_LINES_OF_PDF:
            message = f"A PDF has at most {MOST_LINES_OF_PDF:,} lines: ask for a shorter time, or for CSV."
            raise BadInputError(message)
        if is_head:
            return Response(media_type=PDF_TYPE, headers=headers)
        from server import statement_pdf  # only now: it brings along a library that few requests need

        user = (await users_by_id(ctx, [asked.owner_id]))[asked.owner_id]
        heading = statement_pdf.Heading(user.display_name, user.handle, asked.from_, asked.to, asked.currency)
        async with self._drawing:
            found = [line async for line in lines(ctx, *asked)]
            if found:  # one that came just now is in it, too
                closing = Money(found[-1].entry.balance_after, asked.currency)
                statement = statement._replace(closing=closing)
            drawn = await asyncio.to_thread(statement_pdf.document, heading, statement, found)
        return Response(drawn, media_type=PDF_TYPE, headers=headers)

    async def _reader(self, request: Request) -> Viewer:
        viewer = (await sign_in_of(self._app, request.scope)).viewer
        if viewer is None:
            raise HttpError(401, "UNAUTHENTICATED", "Sign in first.", {"www-authenticate": "Bearer"})
        if self._rate_limits:
            await self._rate_limits.count_token(viewer.token_id)
        context = Context(self._app, viewer, address=client_address(request.scope))
        try:
            return context.reader()
        except PublicError as error:
            await write_refusals(context)
            raise HttpError(403, error.code, str(error)) from None


class _Asked(NamedTuple):
    """Whose statement, in which currency, from when and until when."""

    owner_id: UUID
    currency: Currency
    from_: datetime
    to: datetime


async def _csv(first: StatementLine | None, rest: AsyncIterator[StatementLine]) -> AsyncIterator[str]:
    page = StringIO()
    writer = csv.writer(page)
    writer.writerow(HEADINGS)
    if first is not None:
        writer.writerow(_row(first))
    count = 0
    async for line in rest:
        writer.writerow(_row(line))
        count += 1
        if count % LINES_AT_ONCE == 0:
            yield page.getvalue()
            page.seek(0)
            page.truncate()
    yield page.getvalue()


def _row(line: StatementLine) -> list[str]:
    entry, transfer = line.entry, line.transfer
    return [
        str(entry.version),
        entry.created_at.isoformat().replace("+00:00", "Z"),
        called(transfer),
        str(Money(entry.amount, entry.currency).amount),
        str(Money(entry.balance_after, entry.currency).amount),
        entry.currency,
        "" if line.other is None else line.other.handle,
        _text(transfer.note or ""),
        public_id(KINDS[transfer.kind], transfer.id),
    ]


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(FORMULA_SIGNS) else value


def _currency(name: str) -> Currency:
    try:
        return Currency(name)
    except ValueError:
        raise bad_request(f"{name[:20]!r} is no currency of ours.") from None


def _moment(request: Request, name: str) -> datetime:
    text = request.query_params.get(name)
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise bad_request(f'Say {name} as a moment such as "2026-11-23T08:30:00Z".') from None
