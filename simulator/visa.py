"""Visa Direct, as its clients see it: money drawn from cards (pull), sent to them (push) and taken back (reverse).

Over mutual TLS and Basic auth. What Visa knows a request again by is its STAN and RRN: the same one again is answered
with 303 while the first is under way, and with the first one's answer afterwards. The report of what has been settled
is no part of Visa Direct, which settles through the acquiring bank: `/reports/settlements` is that bank's.
"""

import base64
import hmac
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import certificates
from simulator.books import Kind, Line, Movement, Status
from simulator.certificates import Certificates
from simulator.faults import Does, Fault, spoilt
from simulator.visa_requests import (
    ACQUIRING_BIN,
    EXPONENTS,
    InvalidRequestError,
    Pull,
    Push,
    Reverse,
    Transfer,
    check_headers,
    error_body,
    parse,
    reference,
)
from simulator.world import Face, Tls, World

Endpoint = Callable[[Request], Awaitable[Response]]

NETWORK = "visa"
USER, SECRET = "hatful", "simulated"
AGREEMENT = "visa.toml"
FUNDS = "/visadirect/fundstransfer/v1"
LONGEST_TIMEOUT_MS = 30_000
KEPT_FOR = timedelta(hours=24)
"""For how long an answer can be asked for by its status identifier, and a pull can be reversed."""
SETTLES_AFTER = timedelta(days=1)
FIRST_IDENTIFIER = 381_000_000_000_000
APPROVED, PARTLY_APPROVED, NO_SUCH_CARD, REPEATED, DECLINED = "00", "10", "14", "94", "05"
INVALID, UNAUTHORISED = "3001", "9125"

# Numbers that networks publish for tests, and the action codes with which they answer.
CARDS = {
    "4957030420210454": APPROVED,
    "4957030420210496": APPROVED,
    "4895142232120006": APPROVED,
    "4242424242424242": APPROVED,
    "4000056655665556": APPROVED,
    "4000000000000002": DECLINED,
    "4000000000009995": "51",
    "4000000000009987": "41",
    "4000000000000069": "54",
}


class Operation(NamedTuple):
    """One of the three kinds of transfer."""

    name: str
    path: str
    kind: Kind
    form: type[Transfer]
    transaction_type: str
    """What the transaction query calls it."""


OPERATIONS = (
    Operation("pull", "pullfundstransactions", Kind.PULL, Pull, "SALES DRAFT"),
    Operation("push", "pushfundstransactions", Kind.PUSH, Push, "CREDIT VOUCHER"),
    Operation("reverse", "reversefundstransactions", Kind.REVERSAL, Reverse, "SALES DRAFT REVERSAL"),
)
BY_KIND = {operation.kind: operation for operation in OPERATIONS}


class Visa:
    """What Visa does about a request."""

    def __init__(self, world: World) -> None:
        self._world = world

    def transfer(self, operation: Operation) -> Endpoint:
        """Takes requests of an operation."""

        async def take(request: Request) -> Response:
            check_headers(request.headers, LONGEST_TIMEOUT_MS)
            asked = parse(operation.form, await request.body())
            fault = self._world.faults.take(f"{NETWORK}.{operation.name}")
            if fault.before:
                return spoilt(fault, Response())
            return spoilt(fault, self._take(operation, asked, fault))

        return take

    def status(self, operation: Operation) -> Endpoint:
        """Tells what has become of a request of an operation, by its status identifier."""

        async def tell(request: Request) -> Response:
            fault = self._world.faults.take(f"{NETWORK}.status")
            movement = self._world.books.get(request.path_params["identifier"].removeprefix("s-"))
            if movement is None or movement.kind is not operation.kind or self._now() > movement.at + KEPT_FOR:
                return spoilt(fault, _error(404, "9404", "Resource not found"))
            return spoilt(fault, self._answer(movement))

        return tell

    async def query(self, request: Request) -> Response:
        """Tells what has become of all requests with a STAN and an RRN, which a reversal shares with its pull."""
        fault = self._world.faults.take(f"{NETWORK}.query")
        asked = request.query_params
        if asked.get("acquiringBIN") != str(ACQUIRING_BIN):
            raise InvalidRequestError("acquiringBIN")
        stan, rrn = asked.get("stan", ""), asked.get("rrn", "")
        if not (stan.isdecimal() and rrn.isdecimal()):
            raise InvalidRequestError("stan, rrn")
        shared = reference(int(stan), rrn)
        records = [
            self._record(movement, asked.get("fields", "").split(","))
            for movement in self._world.books.movements(NETWORK)
            if movement.facts["reference"] == shared
        ]
        if not records:
            nothing = {"errorMessage": "No transactions found for the specified input parameters"}
            return spoilt(fault, JSONResponse(nothing, 404))
        return spoilt(fault, JSONResponse(records))

    async def settlements(self, request: Request) -> Response:
        """The acquiring bank's report: what it has booked since a moment."""
        fault = self._world.faults.take(f"{NETWORK}.reports")
        try:
            since = datetime.fromisoformat(request.query_params["since"])
            lines = self._world.books.lines(NETWORK, self._now(), since)
        except (KeyError, ValueError, TypeError):
            raise InvalidRequestError("since") from None
        return spoilt(fault, JSONResponse([_line(line) for line in lines]))

    # What becomes of a request

    def _take(self, operation: Operation, asked: Transfer, fault: Fault) -> Response:
        first = self._world.books.find(NETWORK, f"{operation.name}:{asked.reference}")
        if first is None:
            return self._answer(self._move(operation, asked, fault), told_as=fault)
        if first.facts["asked"] != str(asked.minor_units):
            return JSONResponse({**_named(first), "actionCode": REPEATED})
        if first.status(self._now()) is Status.PENDING:
            return self._see_other(first)
        return self._answer(first)

    def _move(self, operation: Operation, asked: Transfer, fault: Fault) -> Movement:
        original = self._original(asked) if isinstance(asked, Reverse) else None
        now, units = self._now(), asked.minor_units
        is_late = fault.does in {Does.PENDING, Does.DUPLICATE}
        code = _action_code(asked, fault)
        movement = Movement(
            id=str(FIRST_IDENTIFIER + self._world.books.number()),
            network=NETWORK,
            kind=operation.kind,
            key=f"{operation.name}:{asked.reference}",
            amount=fault.amount if code == PARTLY_APPROVED and fault.amount is not None else units,
            currency=asked.currency,
            at=now,
            decided_at=now + timedelta(seconds=fault.seconds) if is_late else now,
            outcome=Status.COMPLETED if code in {APPROVED, PARTLY_APPROVED} else Status.FAILED,
            code=code,
            reverses=None if original is None else original.id,
            facts={"reference": asked.reference, "asked": str(units), "card": (asked.card or "")[-4:]},
        )
        return self._world.record(movement, SETTLES_AFTER, fault)

    def _original(self, asked: Reverse) -> Movement:
        """The pull that is to be taken back. Raises InvalidRequestError: there is none such, or no more."""
        pull, told = self._world.books.get(str(asked.transactionIdentifier)), asked.originalDataElements
        if pull is None or pull.kind is not Kind.PULL or pull.status(self._now()) is not Status.COMPLETED:
            raise InvalidRequestError("transactionIdentifier")
        if self._now() > pull.at + KEPT_FOR:
            raise InvalidRequestError("localTransactionDateTime: the original is more than 24 hours old")
        if asked.reference != pull.facts["reference"]:
            raise InvalidRequestError("retrievalReferenceNumber: not the original's")
        if (told.systemsTraceAuditNumber, told.approvalCode, told.transmissionDateTime) != (
            asked.systemsTraceAuditNumber,
            _approval(pull),
            _moment(pull.at),
        ):
            raise InvalidRequestError("originalDataElements")
        if (asked.minor_units, asked.currency) != (pull.amount, pull.currency):
            raise InvalidRequestError("amount")
        return pull

    # Answers

    def _answer(self, movement: Movement, told_as: Fault | None = None) -> Response:
        if movement.status(self._now()) is Status.PENDING:
            if told_as is not None and told_as.does is Does.DUPLICATE:
                return self._see_other(movement)
            return JSONResponse({"statusIdentifier": _status_identifier(movement)}, 202)
        return JSONResponse(_outcome(movement))

    def _see_other(self, movement: Movement) -> Response:
        path = f"{FUNDS}/{BY_KIND[movement.kind].path}/{_status_identifier(movement)}"
        return Response(status_code=303, headers={"Location": path})

    def _record(self, movement: Movement, fields: list[str]) -> dict[str, Any]:
        status = movement.status(self._now())
        stan, rrn = movement.facts["reference"].split(":")
        return {
            "statusCode": "IN_PROGRESS" if status is Status.PENDING else status,
            "acquiringBin": str(ACQUIRING_BIN),
            "transactionType": BY_KIND[movement.kind].transaction_type,
            "systemsTraceAuditNumber": stan,
            "retrievalReferenceNumber": rrn,
            "transactionDate": movement.at.strftime("%d-%m-%Y"),
            "transactionTime": movement.at.strftime("%H:%M:%S"),
            **({} if status is Status.PENDING else _decided(movement)),
            **({"amount": _decimal(movement.amount, movement.currency)} if "amount" in fields else {}),
        }

    def _now(self) -> datetime:
        return self._world.clock.now()


def face(world: World, port: int, folder: Path) -> Face:
    """Visa Direct and the acquiring bank's report, with certificates in the folder."""
    visa, files = Visa(world), certificates.kept(folder)
    routes = [
        Route("/visadirect/v1/transactionquery", _known_only(visa.query)),
        Route("/reports/settlements", _known_only(visa.settlements)),
    ]
    for operation in OPERATIONS:
        path = f"{FUNDS}/{operation.path}"
        routes.append(Route(path, _known_only(visa.transfer(operation)), methods=["POST"]))
        routes.append(Route(f"{path}/{{identifier}}", _known_only(visa.status(operation))))
    handlers: dict[Any, Any] = {InvalidRequestError: _refuse}
    app = Starlette(routes=routes, exception_handlers=handlers)
    tls = Tls(files.server_key, files.server, files.authority)
    return Face(NETWORK, app, port, tls, partial(_write_agreement, folder / AGREEMENT, files))


def _write_agreement(path: Path, files: Certificates, address: str) -> None:
    """What clients have to know, as a file that they can read."""
    text = f"""\
environment = "SANDBOX"
base_url = "{address}"
user = "{USER}"
password = "{SECRET}"
certificate = "{files.client.name}"
key = "{files.client_key.name}"
authority = "{files.authority.name}"
acquiring_bin = {ACQUIRING_BIN}
country_code = 840
currencies = ["USD", "EUR", "JPY"]
acceptor = {{ name = "Hatful", id_code = "HATFUL", terminal_id = "HF01", country = "USA" }}
sender = {{ address = "1 Main Street", city = "Springfield", country = "USA" }}
"""
    path.write_text(text, encoding="utf-8")


def _known_only(answer: Endpoint) -> Endpoint:
    expected = "Basic " + base64.b64encode(f"{USER}:{SECRET}".encode()).decode()

    async def check(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", ""), expected):
            return _error(401, UNAUTHORISED, "Expected input credential was not present")
        told = await answer(request)
        told.headers["X-Correlation-ID"] = f"{secrets.token_hex(6)}_SC"
        return told

    return check


async def _refuse(request: Request, error: InvalidRequestError) -> Response:
    return _error(400, INVALID, f"Invalid input: {error}")


def _error(status: int, code: str, message: str) -> Response:
    return JSONResponse(error_body(status, code, message), status)


def _action_code(asked: Transfer, fault: Fault) -> str:
    match fault.does:
        case Does.DECLINED:
            return fault.code or DECLINED
        case Does.PARTIAL:
            return PARTLY_APPROVED
        case Does.PENDING | Does.DUPLICATE if fault.becomes is not Status.COMPLETED:
            return fault.code or DECLINED
        case _:
            return APPROVED if asked.card is None else CARDS.get(asked.card, NO_SUCH_CARD)


def _named(movement: Movement) -> dict[str, Any]:
    return {
        "transactionIdentifier": int(movement.id),
        "statusIdentifier": _status_identifier(movement),
        "transmissionDateTime": f"{_moment(movement.at)}.000Z",
    }


def _outcome(movement: Movement) -> dict[str, Any]:
    partly = movement.code == PARTLY_APPROVED
    amount = {"amount": float(_decimal(movement.amount, movement.currency))} if partly else {}
    return {**_decided(movement), **_named(movement), **amount}


def _decided(movement: Movement) -> dict[str, Any]:
    approval = {"approvalCode": _approval(movement)} if movement.outcome is Status.COMPLETED else {}
    return {
        "transactionIdentifier": movement.id,
        "actionCode": movement.code,
        "responseCode": "5",
        **approval,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "line": line.id,
        "transactionIdentifier": line.movement,
        "type": line.kind,
        "amount": _decimal(line.amount, line.currency),
        "currency": line.currency,
        "bookedAt": line.booked_at.isoformat(),
        "reasonCode": line.code,
    }


def _status_identifier(movement: Movement) -> str:
    return f"s-{movement.id}"


def _approval(movement: Movement) -> str:
    return movement.id[-6:]


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def _decimal(units: int, currency: str) -> str:
    return str(Decimal(units).scaleb(-EXPONENTS[currency]))
