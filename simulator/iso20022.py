"""pain.001 as a bank takes it, and the pain.002 and camt.053 that it writes."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from typing import NamedTuple
from xml.etree.ElementTree import Element, tostring

from defusedxml.ElementTree import ParseError, fromstring
from xmlschema import XMLSchema, XMLSchemaException

TAKEN = "pain.001.001.09"
STATUS = "pain.002.001.10"
STATEMENT = "camt.053.001.08"
_NAMES = {"": f"urn:iso:std:iso:20022:tech:xsd:{TAKEN}"}


class MessageError(ValueError):
    """Not the message that it should be."""


class Payment(NamedTuple):
    """A credit transfer that a bank is asked for."""

    reference: str
    cents: int
    currency: str
    iban: str
    name: str


class Message(NamedTuple):
    """A pain.001."""

    id: str
    payments: Sequence[Payment]


class Status(NamedTuple):
    """What has become of a file, or of a payment in it."""

    code: str
    reason: str | None = None
    reference: str | None = None


class Booked(NamedTuple):
    """An entry of a statement. `cents` are negative when money has left."""

    id: str
    reference: str
    cents: int
    currency: str
    at: datetime
    returned: str | None = None
    """Why it came back, if it did."""


def read(content: bytes) -> Message:
    """What a bank is asked for. Raises MessageError."""
    try:
        document = fromstring(content, forbid_dtd=True)
        _schema().validate(document)
    except (ParseError, ValueError, XMLSchemaException):
        raise MessageError(f"not a {TAKEN}") from None
    payments = [_payment(one) for one in document.iterfind(".//CdtTrfTxInf", _NAMES)]
    counts = {int(one.text or 0) for one in document.iterfind(".//NbOfTxs", _NAMES)}
    sums = {Decimal(one.text or 0) * 100 for one in document.iterfind(".//CtrlSum", _NAMES)}
    if counts != {len(payments)} or sums != {sum(payment.cents for payment in payments)}:
        raise MessageError("the totals are wrong")
    return Message(document.findtext(".//GrpHdr/MsgId", "", _NAMES), payments)


@cache
def _schema() -> XMLSchema:
    with as_file(files("sepaxml") / "schemas" / f"{TAKEN}.xsd") as path:
        return XMLSchema(path)


def _payment(element: Element) -> Payment:
    amount = element.find("Amt/InstdAmt", _NAMES)
    assert amount is not None, "its XSD says so"
    said = [element.findtext(path, "", _NAMES) for path in ("PmtId/EndToEndId", "CdtrAcct/Id/IBAN", "Cdtr/Nm")]
    return Payment(said[0], int(Decimal(amount.text or 0) * 100), amount.get("Ccy", ""), said[1], said[2])


def status(file: str, is_nacha: bool, of_file: Status, of_payments: Sequence[Status], at: datetime) -> bytes:
    """A pain.002: what has become of a file."""
    original = _of("OrgnlGrpInfAndSts", OrgnlMsgId=file, OrgnlMsgNmId="nacha" if is_nacha else TAKEN)
    original.extend([_text("GrpSts", of_file.code), *_reason(of_file)])
    report = _in("CstmrPmtStsRpt", _of("GrpHdr", MsgId=f"S{at:%Y%m%d%H%M%S%f}", CreDtTm=_moment(at)), original)
    if of_payments:
        payments = _of("OrgnlPmtInfAndSts", OrgnlPmtInfId=file)
        for one in of_payments:
            payment = _of("TxInfAndSts", OrgnlEndToEndId=one.reference or "", TxSts=one.code)
            payment.extend(_reason(one))
            payments.append(payment)
        report.append(payments)
    return _document(STATUS, report)


def _reason(status: Status) -> Sequence[Element]:
    return () if status.reason is None else (_in("StsRsnInf", _in("Rsn", _text("Cd", status.reason))),)


def statement(currency: str, at: datetime, before: int, entries: Sequence[Booked]) -> bytes:
    """A camt.053: what was booked on a day. `before` is what was on the account when it began, in cents."""
    on = at.date()
    after = before + sum(entry.cents for entry in entries)
    body = _of("Stmt", Id=f"{on:%Y%m%d}{currency}", CreDtTm=_moment(at))
    body.append(_in("Acct", _in("Id", _in("Othr", _text("Id", f"SIMULATED-{currency}"))), _text("Ccy", currency)))
    body.extend([_balance("OPBD", before, currency, on), _balance("CLBD", after, currency, on)])
    body.extend(_entry(entry) for entry in entries)
    header = _of("GrpHdr", MsgId=f"C{on:%Y%m%d}{currency}", CreDtTm=_moment(at))
    return _document(STATEMENT, _in("BkToCstmrStmt", header, body))


def _balance(code: str, cents: int, currency: str, on: date) -> Element:
    day = _in("Dt", _text("Dt", on.isoformat()))
    return _in("Bal", _in("Tp", _in("CdOrPrtry", _text("Cd", code))), *_amount(cents, currency), day)


def _entry(entry: Booked) -> Element:
    details = _in("TxDtls", _in("Refs", _text("EndToEndId", entry.reference)), *_amount(entry.cents, entry.currency))
    if entry.returned is not None:
        details.append(_in("RtrInf", _in("Rsn", _text("Cd", entry.returned))))
    return _in(
        "Ntry",
        *_amount(entry.cents, entry.currency),
        _in("Sts", _text("Cd", "BOOK")),
        _in("BookgDt", _text("DtTm", _moment(entry.at))),
        _text("AcctSvcrRef", entry.id[:35]),
        _in("BkTxCd", _in("Prtry", _text("Cd", "RETURN" if entry.returned else "PAYMENT"))),
        _in("NtryDtls", details),
    )


def _amount(cents: int, currency: str) -> Sequence[Element]:
    amount = _text("Amt", f"{Decimal(abs(cents)).scaleb(-2):f}")
    amount.set("Ccy", currency)
    return amount, _text("CdtDbtInd", "DBIT" if cents < 0 else "CRDT")


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _document(name: str, body: Element) -> bytes:
    document = _in("Document", body)
    document.set("xmlns", f"urn:iso:std:iso:20022:tech:xsd:{name}")
    content: bytes = tostring(document, "utf-8", xml_declaration=True)
    return content


def _in(name: str, *children: Element) -> Element:
    element = Element(name)
    element.extend(children)
    return element


def _of(name: str, **texts: str) -> Element:
    return _in(name, *(_text(part, text) for part, text in texts.items()))


def _text(name: str, text: str) -> Element:
    element = Element(name)
    element.text = text
    return element
