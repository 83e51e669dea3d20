"""What a tip would do."""

import strawberry

from schema.errors import MoneyError
from schema.money import Money, MoneyInput


@strawberry.type(description="What a tip would do, by the same rules; nothing is written.")
class TipPreview:
    """What a tip would do."""

    fee: Money = strawberry.field(description="The house's share.")
    recipient_gets: Money = strawberry.field(description="What the post's author would get.")
    balance_after: Money | None = strawberry.field(description="What would be left; null if the tip would be refused.")
    user_errors: list[MoneyError] = strawberry.field(description="Why the tip would be refused; empty if it would not.")


@strawberry.input(description="A tip to try out.")
class TipPreviewInput:
    """A tip to try out."""

    post_id: strawberry.ID = strawberry.field(description="The post.")
    amount: MoneyInput = strawberry.field(description="How much.")
