"""A bank, as those see it who exchange files with it: `PUT` and `GET /files/{name}`, `GET /files?since=`.

There are two customers, each with a token: one sends NACHA files (network `ach`), the other pain.001 (network `sct`).
What the bank writes is made of its books when it is asked for, so that a clock that is moved brings all the files of
the days gone by. A statement whose lines were changed since is another file.

Banking days are those from Monday to Friday; they end at 20:00 UTC.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator import iso20022, nacha
from simulator.books import Kind, Line, LineKind, Movement, Status
from simulator.faults import Does, Fault, spoilt
from simulator.world import Face, World

ACH, SCT = "ach", "sct"
TOKENS = {ACH: "simulated-ach", SCT: "simulated-sct"}
CURRENCIES = {ACH: "USD", SCT: "EUR"}
DAY_ENDS = time(20, tzinfo=UTC)
SCT_SETTLES_AFTER = timedelta(hours=1)
ACH_SETTLES_AT = time(13, 30, tzinfo=UTC)
UNREADABLE = "FF01"
"""The code for a file that is not what it should be. A fault with such a code refuses the file, others a payment."""
ACCOUNTS = {"000111111116": "R02", "000222222227": "R01", "DE75512108001245126199": "AC04"}
"""Account numbers that are published for tests, and why they take no payment."""
_DAY = timedelta(days=1)

Endpoint = Callable[[Request], Awaitable[Response]]


class Order(NamedTuple):
    """Something that a file asks for."""

    kind: Kind
    amount: int
    currency: str
    reference: str
    facts: dict[str, str]


class Filed(NamedTuple):
    """A file that a customer has left here."""

    name: str
    content: bytes
    at: datetime
    movements: Sequence[str]
    refused: str | None
    """Why nothing in it counts."""


class Written(NamedTuple):
    """A file of the bank's."""

    name: str
    kind: str
    at: datetime
    content: bytes


class Bank:
    """What the bank does for one of its customers."""

    def __init__(self, world: World, network: str) -> None:
        self._world = world
        self._network = network
        self._filed: dict[str, Filed] = {}
        world.forget.append(self._filed.clear)

    async def put(self, request: Request) -> Response:
        """Takes a file, once under each name."""
        name, content = request.path_params["name"], await request.body()
        orders, refused = _orders(self._network, content)
        fault = self._world.faults.take(f"{self._network}.{_operation(orders)}")
        if fault.before:
            return spoilt(fault, Response())
        first = self._filed.get(name)
        if first is None:
            self._filed[name] = self._file(name, content, orders, refused, fault)
        elif first.content != content:
            return JSONResponse({"message": "There is another file of this name."}, 409)
        receipt = {"name": name, "sha256": sha256(content).hexdigest()}
        return spoilt(fault, JSONResponse(receipt, 201 if first is None else 200))

    async def files(self, request: Request) -> Response:
        """The bank's files since a moment."""
        fault = self._world.faults.take(f"{self._network}.query")
        try:
            since = datetime.fromisoformat(request.query_params["since"])
            files = [file for file in self._written() if file.at >= since]
        except (KeyError, ValueError, TypeError):  # nothing, no moment, or one without a zone
            return JSONResponse({"message": "since: a moment"}, 400)
        listed = [{"name": file.name, "kind": file.kind, "created_at": file.at.isoformat()} for file in files]
        return spoilt(fault, JSONResponse({"files": listed}))

    async def get(self, request: Request) -> Response:
        """A file: the customer's own, or one of the bank's."""
        fault = self._world.faults.take(f"{self._network}.read")
        name = request.path_params["name"]
        contents = {file.name: file.content for file in self._written()} | {
            file.name: file.content for file in self._filed.values()
        }
        if name not in contents:
            return JSONResponse({"message": "There is no such file."}, 404)
        return spoilt(fault, Response(contents[name], media_type="application/octet-stream"))

    # What becomes of a file

    def _file(self, name: str, content: bytes, orders: Sequence[Order], refused: str | None, fault: Fault) -> Filed:
        now = self._now()
        if fault.does is Does.DECLINED and (fault.code or UNREADABLE).startswith("FF"):
            refused = fault.code or UNREADABLE
        if refused is not None:
            return Filed(name, content, now, (), refused)
        ids = [self._move(f"{name}/{place}", order, now, fault).id for place, order in enumerate(orders)]
        return Filed(name, content, now, ids, None)

    def _move(self, key: str, order: Order, now: datetime, fault: Fault) -> Movement:
        code = fault.code if fault.does in {Does.DECLINED, Does.PENDING} else ACCOUNTS.get(order.facts["account"])
        declined = fault.does is not Does.PENDING and code is not None
        decided_at = now + timedelta(seconds=fault.seconds) if fault.does is Does.PENDING else now
        outcome = fault.becomes if fault.does is Does.PENDING else Status.FAILED if declined else Status.COMPLETED
        movement = Movement(
            id=f"{self._network}{self._world.books.number()}",
            network=self._network,
            kind=order.kind,
            key=key,
            amount=order.amount,
            currency=order.currency,
            at=now,
            decided_at=decided_at,
            outcome=outcome,
            code=(code or "") if outcome is Status.FAILED else "",
            facts={"reference": order.reference, **order.facts},
        )
        return self._world.record(movement, _settles(self._network, decided_at) - decided_at, fault)

    # What the bank writes

    def _written(self) -> Sequence[Written]:
        now = self._now()
        every = [*self._acknowledgements(), *self._decisions(), *self._returns(), *self._statements(now)]
        return sorted((file for file in every if file.at <= now), key=lambda file: (file.at, file.name))

    def _acknowledgements(self) -> Iterator[Written]:
        for filed in self._filed.values():
            of_file = iso20022.Status("ACCP" if filed.refused is None else "RJCT", filed.refused)
            yield self._acknowledged(filed, of_file, (), filed.at)

    def _decisions(self) -> Iterator[Written]:
        """What the bank says of single payments, later."""
        for filed in self._filed.values():
            for id_ in filed.movements:
                movement = self._world.books.get(id_)
                assert movement is not None, "nobody takes a movement out of the books"
                decided = self._decided(movement)
                if decided is not None:
                    status, at = decided
                    yield self._acknowledged(filed, iso20022.Status("PART"), (status,), at)

    def _decided(self, movement: Movement) -> tuple[iso20022.Status, datetime] | None:
        reference = movement.facts["reference"]
        if movement.outcome is not Status.COMPLETED:
            return iso20022.Status("RJCT", movement.code or "NARR", reference), movement.decided_at
        if self._network == ACH:
            return None  # what comes back has a file of its own
        settles_at = _settles(SCT, movement.decided_at)
        returned = self._line(movement, LineKind.RETURNED)
        if returned is not None and returned.booked_at < settles_at:
            return iso20022.Status("RJCT", returned.code, reference), returned.booked_at
        return iso20022.Status("ACSC", None, reference), settles_at

    def _acknowledged(
        self, filed: Filed, of_file: iso20022.Status, of_payments: Sequence[iso20022.Status], at: datetime
    ) -> Written:
        content = iso20022.status(filed.name, self._network == ACH, of_file, of_payments, at)
        parts = [of_file.code, *(f"{one.reference}-{one.code}" for one in of_payments)]
        return Written(f"status-{filed.name}-{'-'.join(parts)}.xml", "ACKNOWLEDGEMENT", at, content)

    def _returns(self) -> Iterator[Written]:
        if self._network != ACH:
            return
        for number, movement in enumerate(self._world.books.movements(ACH), 1):
            line = self._line(movement, LineKind.RETURNED)
            if line is not None:
                entry = _entry(movement)
                content = nacha.returned(entry, line.code or "R03", number, line.booked_at)
                yield Written(f"return-{movement.id}.txt", "RETURN", line.booked_at, content)

    def _statements(self, now: datetime) -> Iterator[Written]:
        currency = CURRENCIES[self._network]
        lines = [line for line in self._world.books.lines(self._network, now) if line.kind is not LineKind.RETURNED]
        before, balance = datetime.min.replace(tzinfo=UTC), 0
        for day in _banking_days(min((filed.at for filed in self._filed.values()), default=now), now):
            ends = datetime.combine(day, DAY_ENDS)
            entries = [self._booked(line) for line in lines if before < line.booked_at <= ends]
            content = iso20022.statement(currency, ends, balance, entries)
            name = f"statement-{day:%Y%m%d}-{sha256(content).hexdigest()[:8]}.xml"
            yield Written(name, "STATEMENT", ends, content)
            before, balance = ends, balance + sum(entry.cents for entry in entries)

    def _booked(self, line: Line) -> iso20022.Booked:
        movement = self._world.books.get(line.movement)
        came_back = line.kind is LineKind.RETURN_SETTLED
        leaves = (movement is not None and movement.kind is Kind.PUSH) != came_back
        return iso20022.Booked(
            id=line.id,
            reference=line.movement if movement is None else movement.facts["reference"],
            cents=-line.amount if leaves else line.amount,
            currency=line.currency,
            at=line.booked_at,
            returned=(line.code or "NARR") if came_back else None,
        )

    def _line(self, movement: Movement, kind: LineKind) -> Line | None:
        return next((line for line in self._world.books.lines_of(movement.id) if line.kind is kind), None)

    def _now(self) -> datetime:
        return self._world.clock.now()


def _orders(network: str, content: bytes) -> tuple[Sequence[Order], str | None]:
    """What a file asks for, or why it is refused."""
    try:
        return (_of_nacha if network == ACH else _of_pain)(content), None
    except (nacha.FileError, iso20022.MessageError):
        return (), UNREADABLE


def _of_nacha(content: bytes) -> Sequence[Order]:
    return [
        Order(
            Kind.PULL if entry.is_debit else Kind.PUSH,
            entry.cents,
            CURRENCIES[ACH],
            entry.reference,
            {name: str(value) for name, value in entry._asdict().items() if name != "reference"},
        )
        for entry in nacha.read(content)
    ]


def _of_pain(content: bytes) -> Sequence[Order]:
    return [
        Order(Kind.PUSH, one.cents, one.currency, one.reference, {"account": one.iban, "name": one.name})
        for one in iso20022.read(content).payments
    ]


def _entry(movement: Movement) -> nacha.Entry:
    facts: dict[str, Any] = {**movement.facts, "cents": movement.amount}
    return nacha.Entry(**facts)


def _operation(orders: Sequence[Order]) -> str:
    """What faults call a file: `pull` or `push`, `deposits` if there is more than one payment, or `unreadable`."""
    if len(orders) == 1:
        return orders[0].kind.lower()
    return "deposits" if orders else "unreadable"


def _settles(network: str, at: datetime) -> datetime:
    if network == SCT:
        return at + SCT_SETTLES_AFTER
    days = _banking_days(at + _DAY, at + 7 * _DAY)
    return datetime.combine(next(days), ACH_SETTLES_AT)


def _banking_days(first: datetime, last: datetime) -> Iterator[date]:
    day = first.date()
    while day <= last.date():
        if day.isoweekday() <= 5:
            yield day
        day += _DAY


AGREEMENTS = {
    "ach.toml": """\
environment = "SANDBOX"
exchange = { url = "%s", token = "simulated-ach" }
originator = { bank = "091000019", bank_name = "Simulated Bank", company = "1234567890", company_name = "Hatful" }
""",
    "iso20022.toml": """\
environment = "SANDBOX"
exchange = { url = "%s", token = "simulated-sct" }
name = "Hatful"
iban = "DE89370400440532013000"
bic = "COBADEFFXXX"
""",
}
"""What its customers have to know, as files that they can read."""


def face(world: World, port: int, folder: Path) -> Face:
    """The bank. What its customers have to know goes into the folder."""
    banks = {network: Bank(world, network) for network in TOKENS}
    routes = [
        Route("/files", _for_customers(banks, Bank.files)),
        Route("/files/{name}", _for_customers(banks, Bank.put), methods=["PUT"]),
        Route("/files/{name}", _for_customers(banks, Bank.get)),
    ]
    return Face("bank", Starlette(routes=routes), port, ready=partial(_write_agreements, folder))


def _write_agreements(folder: Path, address: str) -> None:
    for name, text in AGREEMENTS.items():
        (folder / name).write_text(text % address, encoding="utf-8")


def _for_customers(banks: dict[str, Bank], does: Callable[[Bank, Request], Awaitable[Response]]) -> Endpoint:
    async def known(request: Request) -> Response:
        shown = request.headers.get("authorization", "")
        for network, token in TOKENS.items():
            if hmac.compare_digest(shown, f"Bearer {token}"):
                return await does(banks[network], request)
        return JSONResponse({"message": "Who is there?"}, 401)

    return known
