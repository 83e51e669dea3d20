"""Wallets as their owners see them."""

from datetime import datetime

import strawberry

from execution.fields import Rows, computed, edge
from resolvers import statements, wallets
from resolvers.ids import Kind, public_id
from schema.money import Money
from schema.nodes import Node, PageInfo, global_id
from schema.scalars import URL, BigInt
from schema.transfers import Transfer


@strawberry.type(description="A wallet's money in one currency. `available` and `held` together are what it owns.")
class Balance:
    """A wallet's money in one currency."""

    available: Money = strawberry.field(description="What can be spent now.")
    held: Money = strawberry.field(description="What is set aside for something under way.")
    pending: Money = strawberry.field(description="What is on its way in, and cannot be spent yet.")
    version: BigInt = strawberry.field(
        description="How many entries are behind this balance: of two reads, the one with more is the later."
    )


@strawberry.type(description="A line of a wallet's statement.")
class LedgerEntry(Node):
    """A line of a wallet's statement."""

    id: strawberry.ID = computed(
        lambda entry: f"{public_id(Kind.ENTRY, entry.account_id)}_{entry.version}", "The global id."
    )
    amount: Money = computed(wallets.entry_amount, "What it did to the balance: negative when money left.")
    balance_after: Money = computed(wallets.entry_balance, "The balance after it.")
    version: BigInt = strawberry.field(description="Its number in the wallet's currency: 1, 2, 3, without gaps.")
    transfer: Transfer = edge(wallets.transfers_of_entries, "What moved the money.")
    created_at: datetime = strawberry.field(description="When it was posted.")

    is_type_of = Rows(wallets.Entry)


@strawberry.type(description="A statement line's place in its list.")
class LedgerEntryEdge:
    """A statement line's place in its list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: LedgerEntry = strawberry.field(description="The line.")


@strawberry.type(description="A page of statement lines.")
class LedgerEntryConnection:
    """A page of statement lines."""

    edges: list[LedgerEntryEdge] = strawberry.field(description="The lines with their places.")
    nodes: list[LedgerEntry] = strawberry.field(description="The lines.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")


@strawberry.type(description="A wallet's statement of a time in one currency.")
class Statement:
    """A wallet's statement of a time in one currency."""

    opening: Money = strawberry.field(description="What the wallet owned when the time began.")
    closing: Money = strawberry.field(description="What it owned when the time ended.")
    entry_count: int = strawberry.field(description="How many lines lie between.")
    csv_url: URL = strawberry.field(description="The lines as CSV. Only the signed-in owner can open it.")
    pdf_url: URL = strawberry.field(
        description="The same as PDF, such as a month's, of at most 10,000 lines. Only the signed-in owner can open it."
    )


@strawberry.type(description="A person's money. Only its owner sees it.")
class Wallet(Node):
    """A person's money."""

    id: strawberry.ID = global_id(Kind.WALLET, lambda wallet: wallet.owner_id)
    balance: Balance = edge(wallets.balance_of, "What is in it in one currency.")
    balances: list[Balance] = edge(wallets.balances_of, "What is in it in each currency that it ever had.")
    entries: LedgerEntryConnection = edge(wallets.entries_of, "Its statement in one currency, newest line first.")
    statement: Statement = edge(
        statements.statements_of, "Its statement of a time in one currency, also as CSV and PDF."
    )

    is_type_of = Rows(wallets.WalletRow)
