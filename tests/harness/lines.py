"""The lines of a person's statement, as they read them themselves and as the CSV file calls them."""

from datetime import UTC, datetime
from typing import Any

from models.money import Currency
from resolvers import statements
from resolvers.transfers import called
from tests.harness.town import Person, Town

LONG_AGO, FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
ENTRIES = """query { viewer { wallet { entries(first: 20) { nodes {
    amount { amount } balanceAfter { amount }
    transfer {
        __typename id amount { amount } fee { amount } status sender { handle } recipient { handle }
        ... on RailTransfer { rail environment networkCode }
        ... on Refund { refundOf { id status } }
    }
} } statement(from: "2000-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z") { closing { amount } entryCount } } } }"""


async def entries_of(town: Town, person: Person) -> list[dict[str, Any]]:
    """The lines, newest first."""
    wallet = (await town.ask(ENTRIES, person)).data["viewer"]["wallet"]
    nodes: list[dict[str, Any]] = wallet["entries"]["nodes"]
    closing = nodes[0]["balanceAfter"] if nodes else {"amount": "0.00"}
    assert wallet["statement"] == {"closing": closing, "entryCount": len(nodes)}
    return nodes


async def called_by(person: Person) -> list[str]:
    """What the lines are called in the CSV file, oldest first."""
    lines = statements.lines(person.ctx(), person.id, Currency.USD, LONG_AGO, FAR_OFF)
    return [called(line.transfer) async for line in lines]
