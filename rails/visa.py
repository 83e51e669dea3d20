"""Visa Direct: money drawn from debit cards and sent to them, at once, over mutual TLS.

A request that was sent is never sent again here: what was not clearly answered is asked about, first by the status
identifier that the network gave, if it did, and else by the two numbers (STAN and RRN) that the request had. Card
numbers come from the vault and go into a request's body, and nowhere else.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import httpx2

from models.database import DatabaseError
from models.funding import SourceKind
from models.money import Currency, InvalidAmountError, Money
from models.rails import PayoutSpeed, SettlementKind
from models.transfers import Rail, RailEnvironment
from rails import visa_answers, visa_requests
from rails.interface import (
    Answer,
    Approved,
    Call,
    Capabilities,
    CardNumber,
    Linked,
    LinkRefusedError,
    Notice,
    NotSent,
    Rejected,
    Secrets,
    Settlement,
    Source,
    Unknown,
    UnreachableError,
)
from rails.sandbox import CARDS
from rails.visa_requests import VisaSettings

FUNDS = "/visadirect/fundstransfer/v1"
PATHS = {
    "pull": f"{FUNDS}/pullfundstransactions",
    "push": f"{FUNDS}/pushfundstransactions",
    "reverse": f"{FUNDS}/reversefundstransactions",
}
QUERY = "/visadirect/v1/transactionquery"
REPORT = "/reports/settlements"
NOT_A_CARD = "Visa Direct takes cards alone."
NOT_VISA = "Visa Direct takes Visa cards alone, whose numbers begin with 4."
NOT_FOR_TESTS = "Here only numbers that networks publish for tests are taken, such as 4242 4242 4242 4242."
PUBLISHED = frozenset({*CARDS, "4957030420210454", "4957030420210496", "4895142232120006", "4111111111111111"})
"""Numbers of cards that are nobody's."""
NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class _Heard(NamedTuple):
    """An answer of the network, whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"_Heard({self.status})"  # nobody knows what a network says back


class VisaRail:
    """Visa Direct with one acquirer."""

    rail = Rail.VISA_DIRECT

    def __init__(self, settings: VisaSettings, secrets: Secrets) -> None:
        self.environment = settings.environment
        self.capabilities = Capabilities(
            pulls=frozenset({SourceKind.CARD}),
            pushes=frozenset({SourceKind.CARD}),
            speeds=frozenset({PayoutSpeed.INSTANT}),
            currencies=settings.currencies,
            reverses=True,
        )
        self._settings = settings
        self._secrets = secrets
        self._client = _client(settings)

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        """Nothing is sent: whether a card is good shows when money is drawn."""
        try:
            card = await self._secrets.reveal(source.reference)
        except KeyError:
            raise LinkRefusedError("This card's number is no longer known; enter it again.") from None
        if not isinstance(card, CardNumber):
            raise LinkRefusedError(NOT_A_CARD)
        if not card.number.startswith("4"):
            raise LinkRefusedError(NOT_VISA)
        if self.environment is RailEnvironment.SANDBOX and card.number not in PUBLISHED:
            raise LinkRefusedError(NOT_FOR_TESTS)
        return Linked(source.reference, verified=True)

    async def unlink(self, source: Source) -> None:
        pass

    async def pull(self, call: Call) -> Answer:
        card = await self._card(call)
        if not isinstance(card, CardNumber):
            return card
        return await self._send(call, visa_requests.pull(self._settings, call, card))

    async def push(self, call: Call) -> Answer:
        card = await self._card(call)
        if not isinstance(card, CardNumber):
            return card
        return await self._send(call, visa_requests.push(self._settings, call, card))

    async def reverse(self, call: Call) -> Answer:
        """Within 24 hours of the pull, with the pull's own numbers; the network refuses it later."""
        call = call._replace(reversing=True)
        if call.network_ref is None or not {visa_requests.APPROVAL, visa_requests.TRANSMITTED} <= call.facts.keys():
            pulled = await self._look_up(call._replace(reversing=False))
            if not isinstance(pulled, Approved) or pulled.network_ref is None:
                return NotSent("the network does not say that there is anything to take back")
            call = call._replace(network_ref=pulled.network_ref, facts={**call.facts, **pulled.facts})
        try:
            body = visa_requests.reverse(self._settings, call)
        except (KeyError, ValueError):
            return Rejected("the network has not said of the pull what its reversal has to say")
        return await self._send(call, body)

    async def query(self, call: Call) -> Answer:
        identifier = call.facts.get(visa_answers.status_fact(call))
        if identifier is not None:
            answer = await self._status(call, identifier)
            if not isinstance(answer, Unknown):
                return answer
        return await self._look_up(call)

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        """Visa Direct sends none."""
        return ()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        """From the acquiring bank: Visa Direct settles through it and has no report of its own."""
        url = f"{self._settings.reports_url or self._settings.base_url}{REPORT}"
        heard = await self._ask("GET", url, params={"since": since.isoformat()})
        report: Any = visa_answers.parsed(heard.body) if isinstance(heard, _Heard) and heard.status == 200 else None
        try:
            return [_settlement(line) for line in report]
        except (TypeError, KeyError, ValueError, InvalidOperation, InvalidAmountError):
            raise UnreachableError("The acquiring bank's report cannot be read.") from None

    async def close(self) -> None:
        await self._client.aclose()

    # Requests

    async def _card(self, call: Call) -> CardNumber | Answer:
        if call.amount.currency not in self.capabilities.currencies:
            return Rejected(f"nothing is agreed for {call.amount.currency}")
        try:
            card = await self._secrets.reveal(call.source.reference)
        except KeyError:
            return Rejected("the vault does not know the card")
        except DatabaseError:
            return NotSent("the vault does not answer")
        return card if isinstance(card, CardNumber) else Rejected("the source is no card")

    async def _send(self, call: Call, body: bytes) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "X-Client-Transaction-ID": str(visa_requests.client_transaction_id(call)),
            "X-Transaction-Timeout-MS": str(self._settings.network_timeout_ms),
        }
        path = PATHS[visa_answers.operation(call)]
        heard = await self._ask("POST", f"{self._settings.base_url}{path}", content=body, headers=headers)
        return visa_answers.of_request(call, *heard) if isinstance(heard, _Heard) else heard

    async def _status(self, call: Call, identifier: str) -> Answer:
        path = PATHS[visa_answers.operation(call)]
        heard = await self._ask("GET", f"{self._settings.base_url}{path}/{identifier}")
        return visa_answers.of_status(call, *heard) if isinstance(heard, _Heard) else Unknown(heard.reason)

    async def _look_up(self, call: Call) -> Answer:
        numbers = {
            "acquiringBIN": str(self._settings.acquiring_bin),
            "stan": f"{visa_requests.stan(call):06d}",
            "rrn": visa_requests.rrn(call),
            "fields": "amount",
        }
        heard = await self._ask("GET", f"{self._settings.base_url}{QUERY}", params=numbers)
        if not isinstance(heard, _Heard):
            return Unknown(heard.reason)
        if heard.status in {200, 404}:
            return visa_answers.of_records(call, visa_answers.parsed(heard.body))
        return visa_answers.of_status(call, *heard)

    async def _ask(self, method: str, url: str, **request: Any) -> "_Heard | NotSent | Unknown":
        """One exchange. No exception leaves it: those of the library could repeat what was sent."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_seconds + settings.answer_seconds):
                answer = await self._client.request(method, url, **request)
        except NOTHING_SENT as error:
            return NotSent(f"no connection: {type(error).__name__}")
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            return Unknown(f"no answer: {type(error).__name__}")
        return _Heard(answer.status_code, answer.headers, answer.content)


def _client(settings: VisaSettings) -> httpx2.AsyncClient:
    tls = ssl.create_default_context(cafile=settings.authority)
    tls.load_cert_chain(settings.certificate, settings.key)
    seconds = settings.answer_seconds
    return httpx2.AsyncClient(
        auth=(settings.user, settings.password),
        verify=tls,
        headers={"Accept": "application/json"},
        timeout=httpx2.Timeout(seconds, connect=settings.connect_seconds, pool=settings.connect_seconds),
        # A connection that the network has just closed would leave a request with an outcome that nobody knows.
        limits=httpx2.Limits(max_keepalive_connections=0),
        follow_redirects=False,
        trust_env=False,
    )


def _settlement(line: Mapping[str, Any]) -> Settlement:
    currency = Currency(line["currency"])
    return Settlement(
        str(line["line"]),
        str(line["transactionIdentifier"]),
        SettlementKind(line["type"]),
        Money.parse(Decimal(str(line["amount"])), currency),
        datetime.fromisoformat(line["bookedAt"]),
        line.get("reasonCode"),
    )
