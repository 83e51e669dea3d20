"""Transfers as clients see them: tips, payments, and money over a rail."""

from datetime import datetime

import strawberry

from execution.fields import Rows, computed, edge
from models.transfers import Rail, RailEnvironment, TransferKind, TransferStatus, Visibility
from resolvers import refunds, tips, transfers
from schema.money import Money
from schema.nodes import Node, PageInfo, global_id
from schema.posts import Post
from schema.users import User


@strawberry.interface(description="A movement of money.")
class Transfer(Node):
    """A movement of money."""

    id: strawberry.ID = global_id(lambda row: transfers.KINDS[row.kind])
    amount: Money = computed(transfers.amount_of, "What the sender gave, fee included.")
    fee: Money = computed(transfers.fee_of, "The house's share of the amount.")
    status: TransferStatus = strawberry.field(description="Where it stands.")
    sender: User | None = edge(transfers.senders_of, "Who gave the money; null when it came over a rail.")
    recipient: User | None = edge(transfers.recipients_of, "Who received it; null when it left over a rail.")
    note: str | None = strawberry.field(description="What the sender wrote to it.")
    visibility: Visibility = strawberry.field(description="Who may see it, besides its two parties.")
    created_at: datetime = strawberry.field(description="When it was asked for.")


@strawberry.type(description="A tip of a post.")
class Tip(Transfer):
    """A tip of a post."""

    post: Post | None = edge(tips.tipped_posts_of, "The post; null once it is deleted.")

    is_type_of = Rows(transfers.TransferRow, kind=TransferKind.TIP)


@strawberry.type(description="Money sent from one person to another.")
class Payment(Transfer):
    """Money sent from one person to another."""

    is_type_of = Rows(transfers.TransferRow, kind=TransferKind.PAYMENT)


@strawberry.type(
    description="A tip or a payment given back, whole or in part, or what came or went over a rail and was taken back."
    " Its fee is the house's share of that."
)
class Refund(Transfer):
    """A transfer given back."""

    refund_of: Transfer = edge(refunds.refunded_by, "What is given back.")

    is_type_of = Rows(transfers.TransferRow, kind=TransferKind.REFUND)


@strawberry.type(description="Money that entered or left over a rail: a top-up or a withdrawal.")
class RailTransfer(Transfer):
    """Money that entered or left over a rail."""

    rail: Rail = strawberry.field(description="The network.")
    environment: RailEnvironment = strawberry.field(description="Whether it is play money or real money.")
    network_code: str | None = strawberry.field(description="What the network answered, in its own code.")

    is_type_of = Rows(transfers.TransferRow, kind=(TransferKind.TOP_UP, TransferKind.WITHDRAWAL))


@strawberry.type(description="A tip's place in a list.")
class TipEdge:
    """A tip's place in a list."""

    cursor: str = strawberry.field(description="Where it stands in the list.")
    node: Tip = strawberry.field(description="The tip.")


@strawberry.type(description="A page of tips.")
class TipConnection:
    """A page of tips."""

    edges: list[TipEdge] = strawberry.field(description="The tips with their places.")
    nodes: list[Tip] = strawberry.field(description="The tips.")
    page_info: PageInfo = strawberry.field(description="What lies around the page.")
