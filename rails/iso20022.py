"""ISO 20022: SEPA credit transfers, which leave as pain.001 and of which the bank tells by pain.002 and camt.053.

Money is only sent this way. No file leaves that its XSD does not let pass.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from typing import Annotated, NamedTuple
from xml.etree.ElementTree import Element, tostring

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from stdnum import bic, iban
from text_unidecode import unidecode  # type: ignore[import-untyped]
from xmlschema import XMLSchema

from models.funding import SourceKind
from models.ids import moment_of
from models.money import Currency, Money
from models.rails import PayoutSpeed, SettlementKind
from models.transfers import Rail, RailEnvironment
from rails import reports
from rails.bank import Bank, News, Reason, Sending
from rails.exchange import BankFile, Exchange, ExchangeSettings, FileKind
from rails.interface import (
    AccountNumber,
    Answer,
    Call,
    Capabilities,
    Linked,
    LinkRefusedError,
    Notice,
    Pending,
    Rejected,
    Secrets,
    Settlement,
    Source,
    UnreachableError,
)

REASONS = {
    "AC01": Reason("There is no such account."),
    "AC04": Reason("The account is closed."),
    "AC06": Reason("The account is blocked."),
    "AG01": Reason("The account does not take such payments."),
    "AM04": Reason("Our account has too little money.", retryable=True),
    "BE01": Reason("The account is not of this name."),
    "MD07": Reason("The account's owner has died."),
    "MS02": Reason("The account's owner does not take this payment."),
    "MS03": Reason("The account's bank does not take this payment."),
    "RR04": Reason("The account's bank may not take this payment."),
}
MESSAGE = "pain.001.001.09"
NAMESPACE = f"urn:iso:std:iso:20022:tech:xsd:{MESSAGE}"
MOST_CENTS = 99_999_999_999
"""The most that SEPA moves at once."""
NAME_LENGTH = 70
NOT_SEPA = re.compile(r"[^A-Za-z0-9/?:().,'+ -]")
_DEPOSITS = "MD"
"""With this begin the names of deposits that show whose an account is: they are no one's transfer."""
_NAMED = 12
"""How many digits of a trace, and of a source's id, are in names."""


Iban = Annotated[str, AfterValidator(iban.validate)]
Bic = Annotated[str, AfterValidator(bic.validate)]


class Iso20022Settings(BaseModel):
    """What was agreed with the bank from which we send. Raises ValueError."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    environment: RailEnvironment
    exchange: ExchangeSettings
    name: str = Field(min_length=1)
    iban: Iban = Field(repr=False)
    """The account from which money is sent."""
    bic: Bic


class Transfer(NamedTuple):
    """Money that is sent to an account."""

    reference: str
    amount: Money
    account: str
    holder: str
    purpose: str
    """What the account's owner reads."""

    def __repr__(self) -> str:
        return f"Transfer(…{self.account[-4:]}, {self.reference!r}, {self.amount!r})"


class Iso20022Rail:
    """Bank accounts in SEPA, to which money is sent."""

    rail = Rail.ISO20022
    capabilities = Capabilities(
        pushes=frozenset({SourceKind.BANK_ACCOUNT}),
        speeds=frozenset({PayoutSpeed.STANDARD}),
        currencies=frozenset({Currency.EUR}),
    )

    def __init__(self, settings: Iso20022Settings, exchange: Exchange, secrets: Secrets) -> None:
        self.environment = settings.environment
        self._settings = settings
        self._exchange = exchange
        self._secrets = secrets
        self._bank = Bank(exchange, _news, REASONS)

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        account = await self._account(source)
        if deposits is not None:
            await self._deposit(source, account, deposits)
        return Linked(source.reference, verified=False)

    async def unlink(self, source: Source) -> None:
        pass

    async def pull(self, call: Call) -> Answer:
        return Rejected("SEPA credit transfers only send money")

    async def push(self, call: Call) -> Answer:
        try:
            account = await self._account(call.source)
        except LinkRefusedError as error:
            return Rejected(str(error))
        if call.amount.currency is not Currency.EUR or call.amount.minor_units > MOST_CENTS:
            return Rejected("SEPA moves euros, and fewer than a thousand million of them at once")
        transfer = Transfer(_reference(call), call.amount, account, call.source.holder, "Withdrawal")
        file = _file(call)
        content = message(self._settings, file, [transfer], call.created_at)
        if not await asyncio.to_thread(is_valid, content):
            return Rejected(f"the file is no {MESSAGE}")
        return await self._exchange.put(file, content, transfer.reference)

    async def reverse(self, call: Call) -> Answer:
        return Rejected("SEPA credit transfers only send money")

    async def query(self, call: Call) -> Answer:
        reference = _reference(call)
        return await self._bank.query(Sending(_file(call), reference, reference, call.created_at))

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        return ()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        lines = await self._bank.settlements(since)
        return [line for line in lines if not line.network_ref.startswith(_DEPOSITS)]

    async def close(self) -> None:
        await self._bank.close()

    async def _deposit(self, source: Source, account: str, deposits: tuple[Money, Money]) -> None:
        """Sends two credits. Nobody can take them back without a mandate."""
        name = source.id.hex[-_NAMED:].upper()
        file = f"sct-deposits-{name}.xml"
        transfers = [
            Transfer(f"{_DEPOSITS}{place}{name}", amount, account, source.holder, "Account verification")
            for place, amount in enumerate(deposits, 1)
        ]
        content = message(self._settings, file, transfers, moment_of(source.id))
        if not await asyncio.to_thread(is_valid, content):
            raise LinkRefusedError("The bank cannot send anything to this account.")
        sent = await self._exchange.put(file, content, name)
        if not isinstance(sent, Pending):
            raise UnreachableError(f"The bank has not taken the deposits: {sent.reason}.")

    async def _account(self, source: Source) -> str:
        """The account's IBAN. Raises LinkRefusedError if it is none, or none that is here."""
        try:
            account = await self._secrets.reveal(source.reference)
        except KeyError:
            raise LinkRefusedError("The account's number is no longer here.") from None
        if not isinstance(account, AccountNumber) or account.routing or not iban.is_valid(account.number):
            raise LinkRefusedError("This is not an IBAN.")
        return iban.compact(account.number)


def message(settings: Iso20022Settings, name: str, transfers: Sequence[Transfer], created_at: datetime) -> bytes:
    """A pain.001 by which our bank sends money. The same values make the same bytes."""
    cents = sum(transfer.amount.minor_units for transfer in transfers)
    totals = [_text("NbOfTxs", str(len(transfers))), _text("CtrlSum", f"{Decimal(cents).scaleb(-2):f}")]
    payment = _part(
        "PmtInf",
        _text("PmtInfId", name),
        _text("PmtMtd", "TRF"),
        *totals,
        _part("PmtTpInf", _part("SvcLvl", _text("Cd", "SEPA"))),
        _part("ReqdExctnDt", _text("Dt", created_at.date().isoformat())),
        _part("Dbtr", _text("Nm", written_name(settings.name))),
        _part("DbtrAcct", _part("Id", _text("IBAN", settings.iban))),
        _part("DbtrAgt", _part("FinInstnId", _text("BICFI", settings.bic))),
        _text("ChrgBr", "SLEV"),
        *map(_credit, transfers),
    )
    header = _part(
        "GrpHdr",
        _text("MsgId", name),
        _text("CreDtTm", created_at.isoformat(timespec="seconds")),
        *totals,
        _part("InitgPty", _text("Nm", written_name(settings.name))),
    )
    document = _part("Document", _part("CstmrCdtTrfInitn", header, payment))
    document.set("xmlns", NAMESPACE)
    content: bytes = tostring(document, "utf-8", xml_declaration=True)
    return content


def _credit(transfer: Transfer) -> Element:
    amount = _text("InstdAmt", f"{transfer.amount.amount:f}")
    amount.set("Ccy", transfer.amount.currency)
    return _part(
        "CdtTrfTxInf",
        _part("PmtId", _text("EndToEndId", transfer.reference)),
        _part("Amt", amount),
        _part("Cdtr", _text("Nm", written_name(transfer.holder))),
        _part("CdtrAcct", _part("Id", _text("IBAN", transfer.account))),
        _part("RmtInf", _text("Ustrd", transfer.purpose)),
    )


def _part(name: str, *parts: Element) -> Element:
    element = Element(name)
    element.extend(parts)
    return element


def _text(name: str, text: str) -> Element:
    element = _part(name)
    element.text = text
    return element


def written_name(name: str) -> str:
    """A name in the letters that all of SEPA's banks know, and no longer than they take."""
    return NOT_SEPA.sub(" ", unidecode(name))[:NAME_LENGTH].strip() or "Account holder"


def is_valid(content: bytes) -> bool:
    """Whether a message is as its XSD has it."""
    return _schema().is_valid(content.decode())


@cache
def _schema() -> XMLSchema:
    with as_file(files("sepaxml") / "schemas" / f"{MESSAGE}.xsd") as path:
        return XMLSchema(path)


def _reference(call: Call) -> str:
    return f"{call.trace:0{_NAMED}}"


def _file(call: Call) -> str:
    return f"sct-{_reference(call)}.xml"


def _news(file: BankFile, content: bytes) -> News:
    match file.kind:
        case FileKind.ACKNOWLEDGEMENT:
            return News(verdicts=reports.verdicts(content))
        case FileKind.STATEMENT:
            lines = [line for booked in reports.booked(content) for line in _both(booked)]
            return News(lines=lines, stated=file.created_at.date())
        case FileKind.RETURN:  # in SEPA what comes back is only ever booked
            return News()


def _both(booked: Settlement) -> Sequence[Settlement]:
    """What comes back is given back and booked by the same line."""
    if booked.kind is not SettlementKind.RETURN_SETTLED:
        return (booked,)
    return (booked._replace(line=f"{booked.line}/returned", kind=SettlementKind.RETURNED), booked)
