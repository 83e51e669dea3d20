"""What banks report in the messages of ISO 20022: pain.002 says what has become of a file, camt.053 what was booked.

Banks write them in one of a dozen versions, with fields of their own. So they are read by the names of the few elements
that matter here, in any version. What is not there is never guessed: such a message cannot be read.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from models.money import Currency, InvalidAmountError, Money
from models.rails import SettlementKind
from rails.interface import Settlement

REJECTED = "RJCT"
COMPLETED = frozenset({"ACSC", "ACCC"})
"""The debtor's account, or the creditor's, has been settled."""
BOOKED = "BOOK"
NOT_PROVIDED = "NOTPROVIDED"


class ReportError(ValueError):
    """Not a report of a bank. The message quotes nothing of it."""


class Verdict(NamedTuple):
    """What has become of a file, or of one payment in it."""

    message: str
    """The name of the file's message."""
    reference: str | None
    """Which payment this is about; none: all of them."""
    status: str
    reason: str | None


def verdicts(content: bytes) -> Sequence[Verdict]:
    """What a pain.002 says. Raises ReportError."""
    report = _the(_document(content), "CstmrPmtStsRpt")
    group = _the(report, "OrgnlGrpInfAndSts")
    message = _said(group, "OrgnlMsgId")
    found = []
    if (status := group.findtext("{*}GrpSts")) is not None:
        found.append(Verdict(message, None, status, _reason(group)))
    for payment in report.iterfind("{*}OrgnlPmtInfAndSts/{*}TxInfAndSts"):
        reference = _said(payment, "OrgnlEndToEndId")
        found.append(Verdict(message, reference, _said(payment, "TxSts"), _reason(payment)))
    return found


def booked(content: bytes) -> Sequence[Settlement]:
    """What was booked, as a camt.053 says. Raises ReportError."""
    report = _the(_document(content), "BkToCstmrStmt")
    return [line for entry in report.iterfind("{*}Stmt/{*}Ntry") for line in _lines(entry)]


def _lines(entry: Element) -> Iterator[Settlement]:
    """The lines of an entry: one for each payment, where several were booked as one."""
    status = _the(entry, "Sts")
    if (status.findtext("{*}Cd") or status.text) != BOOKED:
        return
    booked_at = _booked_at(entry)
    payments = entry.findall("{*}NtryDtls/{*}TxDtls")
    name = _said(entry, "AcctSvcrRef")
    for payment in payments or [entry]:
        amount = _money(payment.find("{*}Amt") if len(payments) > 1 else entry.find("{*}Amt"))
        line = name if len(payments) <= 1 else f"{name}/{_said(payment, 'Refs/{*}AcctSvcrRef')}"
        came_back = payment.find("{*}RtrInf")
        kind = SettlementKind.SETTLED if came_back is None else SettlementKind.RETURN_SETTLED
        code = None if came_back is None else came_back.findtext("{*}Rsn/{*}Cd")
        reference = payment.findtext("{*}Refs/{*}EndToEndId") or NOT_PROVIDED
        yield Settlement(line, reference, kind, amount, booked_at, code)


def _document(content: bytes) -> Element:
    """A message's outermost element. What declares entities, or a type of its own, is not read at all."""
    try:
        document: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise ReportError("the report is not XML, or declares what it may not") from None
    return document


def _the(element: Element, name: str) -> Element:
    found = element.find(f"{{*}}{name}")
    if found is None:
        raise ReportError(f"the report has no {name}")
    return found


def _said(element: Element, name: str) -> str:
    text = _the(element, name).text
    if not text or not text.strip():
        raise ReportError(f"the report leaves {name} empty")
    return text.strip()


def _reason(element: Element) -> str | None:
    return element.findtext("{*}StsRsnInf/{*}Rsn/{*}Cd")


def _money(amount: Element | None) -> Money:
    if amount is None or amount.text is None:
        raise ReportError("the report has no amount")
    try:
        return Money.parse(Decimal(amount.text.strip()), Currency(amount.get("Ccy", "")))
    except (InvalidOperation, InvalidAmountError, ValueError):
        raise ReportError("the report has an amount that is none") from None


def _booked_at(entry: Element) -> datetime:
    booked = _the(entry, "BookgDt")
    moment = booked.findtext("{*}DtTm") or booked.findtext("{*}Dt")
    return _moment(moment or "")


def _moment(text: str) -> datetime:
    """A moment, or the beginning of a day. What names no time zone is of UTC."""
    try:
        moment = datetime.fromisoformat(text) if "T" in text else datetime.combine(date.fromisoformat(text), time())
    except ValueError:
        raise ReportError("the report has a date that is none") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
