"""What the rails of banks share: a file is left with the bank, and the bank's files tell what becomes of it.

A bank says yes at once to a file, later to what is in it, and may take that back days after. So nothing counts as done
because time has passed: it is done when the bank has booked it and, where it was a debit, has then told of so many more
banking days without a return among them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from models.rails import SettlementKind
from rails.exchange import BankFile, Exchange
from rails.interface import (
    Answer,
    Approved,
    Declined,
    Pending,
    Rejected,
    Settlement,
    Unknown,
    UnreachableError,
)
from rails.reports import COMPLETED, REJECTED, Verdict

SLACK = timedelta(days=1)
"""By how much a bank's clock may be behind ours."""
QUERY_SECONDS = 60
"""For how long a bank's files may take to be read. Those that were read need not be again."""
KEPT = 1 << 14
"""How many of the bank's files are remembered once they were read."""
BOOKED = "BOOKED"
"""The code with which a bank has approved what it has booked, and not taken back."""


class News(NamedTuple):
    """What one of the bank's files tells."""

    verdicts: Sequence[Verdict] = ()
    lines: Sequence[Settlement] = ()
    stated: date | None = None
    """The banking day that it is the statement of."""


class Sending(NamedTuple):
    """A file that was left with the bank, or is to be, for the sake of one payment in it."""

    file: str
    reference: str
    """The payment's name: the bank's lines have it."""
    network_ref: str
    """The name of what it is about: the same as its own, unless it takes another payment back."""
    created_at: datetime
    good_after_days: int = 0
    """How many banking days must go by after the one on which it was booked. A credit is good once it is booked: should
    it come back, the money is ours again."""


class Reason(NamedTuple):
    """Why money was not moved, or came back."""

    message: str
    retryable: bool = False


Reader = Callable[[BankFile, bytes], News]
"""Reads one of the bank's files. Raises ValueError, which quotes nothing of it."""


class Bank:
    """A bank with which files are exchanged."""

    def __init__(
        self, exchange: Exchange, reader: Reader, reasons: dict[str, Reason], good_after_days: int = 0
    ) -> None:
        self._exchange = exchange
        self._reader = reader
        self._reasons = reasons
        self._read: OrderedDict[str, News] = OrderedDict()

    async def query(self, sending: Sending) -> Answer:
        """What has become of a payment."""
        try:
            async with asyncio.timeout(QUERY_SECONDS):
                return await self._become(sending)
        except TimeoutError:
            return Unknown("the bank's files take too long to read", sending.network_ref)
        except (UnreachableError, ValueError) as error:
            return Unknown(str(error), sending.network_ref)

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        """The lines of the bank's files since a moment, oldest first. Raises UnreachableError."""
        try:
            told = await self._told(since)
        except ValueError as error:
            raise UnreachableError(f"A file of the bank cannot be read: {error}.") from None
        return sorted((line for news in told for line in news.lines), key=lambda line: line.booked_at)

    async def close(self) -> None:
        """Ends the exchange's connections."""
        await self._exchange.close()

    async def _become(self, sending: Sending) -> Answer:
        answer = self._answer(sending, await self._told(sending.created_at - SLACK))
        if answer is not None:
            return answer
        if await self._exchange.has(sending.file):
            return Pending(sending.network_ref, processing=True)
        return Unknown("the bank has no such file", sending.network_ref)

    async def _told(self, since: datetime) -> Sequence[News]:
        """What the bank has told since a moment. Raises UnreachableError, or ValueError: a file cannot be read."""
        return [await self._news(file) for file in await self._exchange.files(since)]

    async def _news(self, file: BankFile) -> News:
        if file.name not in self._read:
            self._read[file.name] = self._reader(file, await self._exchange.read(file.name))
            if len(self._read) > KEPT:
                self._read.popitem(last=False)
        return self._read[file.name]

    def _answer(self, sending: Sending, told: Sequence[News]) -> Answer | None:
        """What the bank's files say of a payment; None if they do not know it."""
        lines = {line.kind: line for news in told for line in news.lines if line.network_ref == sending.reference}
        if (returned := lines.get(SettlementKind.RETURNED)) is not None:
            return self._declined(returned.code, sending.network_ref)
        verdict = _verdict(sending, told)
        if verdict is not None and verdict.status == REJECTED:
            return self._refused(verdict, sending.network_ref)
        if (settled := lines.get(SettlementKind.SETTLED)) is not None:
            return self._booked(settled, sending, told)
        if verdict is None:
            return None
        if verdict.status in COMPLETED:
            return Approved(verdict.status, sending.network_ref)
        return Pending(sending.network_ref, processing=True)

    def _booked(self, settled: Settlement, sending: Sending, told: Sequence[News]) -> Answer:
        days = {news.stated for news in told if news.stated is not None}
        booked_on = min(news.stated for news in told if news.stated is not None and settled in news.lines)
        if sum(day > booked_on for day in days) < sending.good_after_days:
            return Pending(sending.network_ref, processing=True)
        return Approved(BOOKED, sending.network_ref)

    def _refused(self, verdict: Verdict, network_ref: str) -> Answer:
        if verdict.reference is None:
            return Rejected(f"the bank refuses the file: {verdict.reason or 'it does not say why'}")
        return self._declined(verdict.reason, network_ref)

    def _declined(self, code: str | None, network_ref: str) -> Answer:
        reason = self._reasons.get(code or "", Reason("The bank has sent it back."))
        return Declined(code or REJECTED, reason.message, reason.retryable, network_ref)


def _verdict(sending: Sending, told: Iterable[News]) -> Verdict | None:
    """The last thing that the bank has said of a payment, or of its file."""
    about = [verdict for news in told for verdict in news.verdicts if verdict.message == sending.file]
    of_payment = [verdict for verdict in about if verdict.reference == sending.reference]
    return next(reversed(of_payment or about), None)
