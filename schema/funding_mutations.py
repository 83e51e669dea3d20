"""Linking cards and bank accounts: inputs, the payload and what connects them to the commands."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry

from resolvers import funding, linking
from resolvers.context import Context
from schema.errors import MoneyError
from schema.funding import FundingSource
from schema.payloads import AnyQuery, query_field


@strawberry.input(description="A debit card to be linked.")
class LinkCardInput:
    """A debit card to be linked."""

    vault_token: str = strawberry.field(
        description="What the page /vault/cards shows for a card's number, or POST /vault/cards answers: good for an"
        " hour, once, and for whoever is signed in there."
    )


@strawberry.input(description="A bank account to be linked.")
class LinkBankAccountInput:
    """A bank account to be linked."""

    routing_number: str = strawberry.field(
        description="The nine digits of the bank in the United States; empty if the account has an IBAN."
    )
    account_number: str = strawberry.field(description="The account's number, or its IBAN. Send it as a variable.")


@strawberry.input(description="The two amounts that a bank account got.")
class VerifyBankAccountInput:
    """The two amounts that a bank account got."""

    id: strawberry.ID = strawberry.field(description="The bank account's id.")
    deposit_minor_units: list[int] = strawberry.field(
        description="The two amounts in minor units, in any order. There are three tries. In the sandbox they are 32"
        " and 45."
    )


@strawberry.input(description="A card or a bank account to be removed.")
class RemoveFundingSourceInput:
    """A card or a bank account to be removed."""

    id: strawberry.ID = strawberry.field(description="The card's or the bank account's id.")


@strawberry.type(description="A card or a bank account that was linked, verified or removed.")
class FundingSourcePayload:
    """A card or a bank account that was linked, verified or removed."""

    funding_source: FundingSource | None = strawberry.field(description="The card or the bank account.")
    query: AnyQuery = query_field()
    user_errors: list[MoneyError] = strawberry.field(
        description="What went wrong; empty if nothing did. After an error nothing is linked, verified or removed, but"
        " a bank account whose amounts were wrong for the third time."
    )


Values = Mapping[str, Any]


async def link_card(ctx: Context, *, input: Annotated[LinkCardInput, "The card."]) -> Values:
    """Links a card."""
    return {"funding_source": await linking.link_card(ctx, input.vault_token)}


async def link_bank_account(ctx: Context, *, input: Annotated[LinkBankAccountInput, "The bank account."]) -> Values:
    """Links a bank account."""
    linked = await linking.link_bank_account(ctx, input.routing_number, input.account_number)
    return {"funding_source": linked}


async def verify_bank_account(ctx: Context, *, input: Annotated[VerifyBankAccountInput, "The amounts."]) -> Values:
    """Verifies a bank account."""
    return {"funding_source": await linking.verify_bank_account(ctx, input.id, input.deposit_minor_units)}


async def remove_funding_source(
    ctx: Context, *, input: Annotated[RemoveFundingSourceInput, "What is to be removed."]
) -> Values:
    """Removes a card or a bank account."""
    return {"funding_source": await funding.remove_funding_source(ctx, input.id)}
