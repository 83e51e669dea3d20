"""ACH: bank accounts in the United States, which banks debit and credit by NACHA files.

A pull is a debit that its owner has agreed to on the web (WEB), a push a credit to a person (PPD). Each leaves as a
file of its own, named after our trace number. A credit is good once the bank has booked it, and a debit when it has
then told of two more banking days without a return (see `rails/bank.py`). A return that comes later still, as R10 may
for sixty days, is a settlement line.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from stdnum.us import rtn
from text_unidecode import unidecode  # type: ignore[import-untyped]

from models.funding import SourceKind
from models.ids import moment_of
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed, SettlementKind
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
from rails.nacha import (
    ACCOUNT_DIGITS,
    MOST_CENTS,
    Batch,
    Class,
    Code,
    Entry,
    NachaError,
    Originator,
    Return,
    checked,
    returns,
    written,
)

REASONS = {
    "R01": Reason("The account has too little money.", retryable=True),
    "R02": Reason("The account is closed."),
    "R03": Reason("There is no such account."),
    "R04": Reason("The account number is not valid."),
    "R05": Reason("The account's owner has not allowed this debit."),
    "R06": Reason("Our bank has asked for it back."),
    "R07": Reason("The account's owner no longer allows debits."),
    "R08": Reason("The account's owner has stopped this payment."),
    "R09": Reason("The account's money is not available yet.", retryable=True),
    "R10": Reason("The account's owner says that this debit was not allowed."),
    "R16": Reason("The account is frozen."),
    "R20": Reason("The account does not take such payments."),
    "R29": Reason("The company that owns the account has not allowed this debit."),
}
NO_ACCOUNT = "This is not a bank account in the United States: {}."
_DEPOSITS = "MD"
"""With this begin the names of deposits that show whose an account is: they are no one's transfer."""
_TAKEN_BACK = "R"
"""With this ends the name of the credit by which a pull is taken back."""
_NAMED = 12
"""How many digits of a trace, and of a source's id, are in names."""


class AchSettings(BaseModel):
    """What was agreed with the bank that takes our files. Raises ValueError."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    environment: RailEnvironment
    exchange: ExchangeSettings
    originator: Annotated[Originator, AfterValidator(checked)]
    good_after_days: int = Field(default=2, ge=1, le=60)
    """How many banking days must go by after the one on which a debit was booked, without its return."""


class AchRail:
    """Bank accounts in the United States, by NACHA files."""

    rail = Rail.ACH
    capabilities = Capabilities(
        pulls=frozenset({SourceKind.BANK_ACCOUNT}),
        pushes=frozenset({SourceKind.BANK_ACCOUNT}),
        speeds=frozenset({PayoutSpeed.STANDARD}),
        currencies=frozenset({Currency.USD}),
        reverses=True,
    )

    def __init__(self, settings: AchSettings, exchange: Exchange, secrets: Secrets) -> None:
        self.environment = settings.environment
        self._originator = settings.originator
        self._exchange = exchange
        self._secrets = secrets
        self._good_after_days = settings.good_after_days
        self._bank = Bank(exchange, _news, REASONS)

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        account = await self._account(source)
        if deposits is not None:
            await self._deposit(source, account, deposits)
        return Linked(source.reference, verified=False)

    async def unlink(self, source: Source) -> None:
        pass

    async def pull(self, call: Call) -> Answer:
        return await self._send(call, Class.WEB, Code.DEBIT, "TOP UP")

    async def push(self, call: Call) -> Answer:
        return await self._send(call, Class.PPD, Code.CREDIT, "WITHDRAWAL")

    async def reverse(self, call: Call) -> Answer:
        return await self._send(call._replace(reversing=True), Class.PPD, Code.CREDIT, "REFUND")

    async def query(self, call: Call) -> Answer:
        is_debit = call.direction is Direction.PULL and not call.reversing
        days = self._good_after_days if is_debit else 0
        return await self._bank.query(Sending(_file(call), _reference(call), _network_ref(call), call.created_at, days))

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        return ()

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        lines = await self._bank.settlements(since)
        return [_as_told(line) for line in lines if not line.network_ref.startswith(_DEPOSITS)]

    async def close(self) -> None:
        await self._bank.close()

    async def _send(self, call: Call, kind: Class, code: Code, purpose: str) -> Answer:
        try:
            account = await self._account(call.source)
        except LinkRefusedError as error:
            return Rejected(str(error))
        if call.amount.currency is not Currency.USD or call.amount.minor_units > MOST_CENTS:
            return Rejected("ACH moves dollars, and fewer than a hundred million of them at once")
        entry = _entry(code, account, call.amount, _reference(call), call.source)
        try:
            content = self._written(Batch(kind, purpose, call.trace, [entry]), call.created_at)
        except NachaError as error:
            return Rejected(f"no file can say this: {error}")
        return await self._exchange.put(_file(call), content, _network_ref(call))

    async def _deposit(self, source: Source, account: AccountNumber, deposits: tuple[Money, Money]) -> None:
        """Sends two credits, and the debit that takes both back, in one batch."""
        back = Money(sum(deposit.minor_units for deposit in deposits), Currency.USD)
        name = source.id.hex[-_NAMED:].upper()
        moves = ((Code.CREDIT, deposits[0]), (Code.CREDIT, deposits[1]), (Code.DEBIT, back))
        entries = [
            _entry(code, account, amount, f"{_DEPOSITS}{place}{name}", source)
            for place, (code, amount) in enumerate(moves, 1)
        ]
        content = self._written(Batch(Class.PPD, "ACCTVERIFY", source.id.int, entries), moment_of(source.id))
        sent = await self._exchange.put(f"ach-deposits-{name}.txt", content, name)
        if not isinstance(sent, Pending):
            raise UnreachableError(f"The bank has not taken the deposits: {sent.reason}.")

    def _written(self, batch: Batch, created_at: datetime) -> bytes:
        return written(self._originator, batch, created_at, _next_weekday(created_at.date()))

    async def _account(self, source: Source) -> AccountNumber:
        """The account's number. Raises LinkRefusedError if it is none, or none that is here."""
        try:
            account = await self._secrets.reveal(source.reference)
        except KeyError:
            raise LinkRefusedError("The account's number is no longer here.") from None
        if not isinstance(account, AccountNumber):
            raise LinkRefusedError(NO_ACCOUNT.format("it is a card"))
        if not rtn.is_valid(account.routing):
            raise LinkRefusedError(NO_ACCOUNT.format("its routing number is wrong"))
        if not (account.number.isascii() and account.number.isalnum() and len(account.number) <= ACCOUNT_DIGITS):
            raise LinkRefusedError(NO_ACCOUNT.format("its number is wrong"))
        return account


def _entry(code: Code, account: AccountNumber, amount: Money, reference: str, source: Source) -> Entry:
    return Entry(code, account.routing, account.number, amount.minor_units, reference, unidecode(source.holder))


def _network_ref(call: Call) -> str:
    return f"{call.trace:0{_NAMED}}"


def _reference(call: Call) -> str:
    """The payment's name: that of the call, or one of its own if it takes back what the call has moved."""
    return _network_ref(call) + (_TAKEN_BACK if call.reversing else "")


def _file(call: Call) -> str:
    return f"ach-{_reference(call)}.txt"


def _next_weekday(day: date) -> date:
    """When an entry is to be booked. Banks take the next banking day for one that is none."""
    after = day + timedelta(days=1)
    return after if after.isoweekday() <= 5 else _next_weekday(after)


def _as_told(line: Settlement) -> Settlement:
    """A line as it is about the pull, where it is about the credit that took that back."""
    if line.kind is not SettlementKind.SETTLED or not line.network_ref.endswith(_TAKEN_BACK):
        return line
    pull = line.network_ref.removesuffix(_TAKEN_BACK)
    return line._replace(network_ref=pull, kind=SettlementKind.RETURN_SETTLED)


def _news(file: BankFile, content: bytes) -> News:
    match file.kind:
        case FileKind.ACKNOWLEDGEMENT:
            return News(verdicts=reports.verdicts(content))
        case FileKind.STATEMENT:
            return News(lines=reports.booked(content), stated=file.created_at.date())
        case FileKind.RETURN:
            return News(lines=[_returned(came_back, file) for came_back in returns(content)])


def _returned(came_back: Return, file: BankFile) -> Settlement:
    amount = Money(came_back.cents, Currency.USD)
    line = f"{file.name}/{came_back.trace}"
    return Settlement(line, came_back.reference, SettlementKind.RETURNED, amount, file.created_at, came_back.code)
