"""Cards and bank accounts as their owner sees them."""

from datetime import datetime

import strawberry

from execution.fields import Rows
from models.funding import SourceKind
from resolvers import funding
from resolvers.ids import Kind
from schema.nodes import Node, global_id


def _kind(source: funding.FundingSourceRow) -> Kind:
    return funding.SOURCES[source.kind]


@strawberry.interface(description="Where a wallet's money comes from, and where it is paid out.")
class FundingSource(Node):
    """Where a wallet's money comes from, and where it is paid out."""

    id: strawberry.ID = global_id(_kind)
    label: str = strawberry.field(description="What to call it.")
    verified: bool = strawberry.field(description="Whether it is known to be its owner's.")
    removed_at: datetime | None = strawberry.field(description="When it was removed; null while it stands.")


@strawberry.type(description="A debit card.")
class DebitCard(FundingSource):
    """A debit card."""

    brand: str = strawberry.field(description="The card's network.")
    last4: str = strawberry.field(description="The last four digits of its number.")
    expires: str = strawberry.field(description="The last month in which it is good: MM/YYYY.")

    is_type_of = Rows(funding.FundingSourceRow, kind=SourceKind.CARD)


@strawberry.type(description="A bank account. It can be used once its owner has shown that it is theirs.")
class BankAccount(FundingSource):
    """A bank account."""

    last4: str = strawberry.field(description="The last four characters of its number.")

    is_type_of = Rows(funding.FundingSourceRow, kind=SourceKind.BANK_ACCOUNT)
