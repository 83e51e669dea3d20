"""Rails of banks, set up for the simulated bank."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

from models.funding import SourceKind
from models.ids import new_id
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed
from rails import AccountNumber, Call, CardNumber, Source
from rails.ach import AchRail
from rails.exchange import ExchangeSettings, HttpExchange
from rails.iso20022 import Iso20022Rail
from rails.nacha import Originator
from server.bank_rails import ach_settings, iso20022_settings
from tests.harness.simulator import Simulator

US_ACCOUNT = AccountNumber("021000021", "000123456789")
IBAN = AccountNumber("", "NL91ABNA0417164300")
CARD = CardNumber("4242424242424242", "12/2030")
NUMBERS: Mapping[str, AccountNumber | CardNumber] = {
    "us": US_ACCOUNT,
    "iban": IBAN,
    "us-empty": AccountNumber("021000021", "000222222227"),
    "iban-closed": AccountNumber("", "DE75512108001245126199"),
    "card": CARD,
    "wrong-routing": AccountNumber("021000022", "000123456789"),
    "wrong-account": AccountNumber("021000021", "12 34"),
    "wrong-iban": AccountNumber("", "NL92ABNA0417164300"),
}
ORIGINATOR = Originator("091000019", "Simulated Bank", "1234567890", "Hatful")


_traces = count(1)


class Numbers:
    """Numbers behind tokens, all of which are published for tests."""

    async def reveal(self, token: str) -> AccountNumber | CardNumber:
        return NUMBERS[token]


def exchange(url: str, token: str) -> HttpExchange:
    return HttpExchange(ExchangeSettings(url=url, token=token))


def ach(simulator: Simulator, **changes: Any) -> AchRail:
    """ACH by way of the simulated bank, with changes to what was agreed about the exchange."""
    agreed = ach_settings(simulator.folder / "ach.toml")
    return AchRail(agreed, HttpExchange(agreed.exchange.model_copy(update=changes)), Numbers())


def sct(simulator: Simulator, **changes: Any) -> Iso20022Rail:
    """SEPA by way of the simulated bank, with changes to what was agreed about the exchange."""
    agreed = iso20022_settings(simulator.folder / "iso20022.toml")
    return Iso20022Rail(agreed, HttpExchange(agreed.exchange.model_copy(update=changes)), Numbers())


def source(token: str) -> Source:
    return Source(new_id(), SourceKind.BANK_ACCOUNT, token, "Zoë O’Neill-Łukasz")


def call(direction: Direction, token: str = "us", cents: int = 10_000, trace: int | None = None) -> Call:
    """A call with a number that no other has."""
    currency = Currency.EUR if token == "iban" else Currency.USD
    number = next(_traces) if trace is None else trace
    amount = Money(cents, currency)
    return Call(new_id(), direction, amount, source(token), PayoutSpeed.STANDARD, number, datetime.now(UTC))
