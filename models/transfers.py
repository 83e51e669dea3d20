"""Transfers as people see them: tips, payments, top-ups. The ledger holds their postings.

A transfer's id is its journal's id in the ledger; no foreign key crosses that border.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.types import BigInt, Id, Timestamp, choice, one_of_check, table_args


class TransferKind(StrEnum):
    """What a transfer is: a tip of a post, a payment between people, something given back, or money over a rail.

    A top-up has no sender and a withdrawal no recipient.
    """

    TIP = "TIP"
    PAYMENT = "PAYMENT"
    REFUND = "REFUND"
    TOP_UP = "TOP_UP"
    WITHDRAWAL = "WITHDRAWAL"


class TransferStatus(StrEnum):
    """Where a transfer stands. Money is PENDING_RAIL on its way in, and HELD on its way out."""

    PENDING_RAIL = "PENDING_RAIL"
    HELD = "HELD"
    COMPLETED = "COMPLETED"
    RETURNED = "RETURNED"
    DECLINED = "DECLINED"
    REVERSED = "REVERSED"


class Visibility(StrEnum):
    """Who may see a transfer, besides its sender and its recipient."""

    PUBLIC = "PUBLIC"
    FOLLOWERS = "FOLLOWERS"
    PARTIES_ONLY = "PARTIES_ONLY"


class Rail(StrEnum):
    """The network over which money enters or leaves."""

    SANDBOX = "SANDBOX"
    VISA_DIRECT = "VISA_DIRECT"
    STRIPE = "STRIPE"
    ACH = "ACH"
    ISO20022 = "ISO20022"


class RailEnvironment(StrEnum):
    """Whether a rail moves play money or real money."""

    SANDBOX = "SANDBOX"
    LIVE = "LIVE"


class Transfer(SQLModel, table=True):
    """One movement of money between two parties, or between one and a rail."""

    __tablename__ = "transfers"
    __table_args__ = table_args(
        Index("transfers_by_post", "post_id", "id"),
        Index("transfers_by_sender_and_post", "sender_id", "post_id"),
        Index("transfers_by_recipient", "recipient_id", "created_at"),
        one_of_check("kind", TransferKind),
        one_of_check("status", TransferStatus),
        one_of_check("visibility", Visibility),
        one_of_check("currency", Currency),
        CheckConstraint("amount > 0 AND fee >= 0 AND fee <= amount", name="amounts_are_sane"),
        CheckConstraint("(kind = 'TIP') = (post_id IS NOT NULL)", name="a_tip_has_a_post"),
        CheckConstraint("refunded >= 0 AND refunded <= amount", name="no_more_refunded_than_paid"),
        CheckConstraint("(kind = 'REFUND') = (refund_of_id IS NOT NULL)", name="a_refund_has_its_transfer"),
        CheckConstraint("(kind IN ('TOP_UP', 'WITHDRAWAL')) = (rail IS NOT NULL)", name="a_top_up_has_a_rail"),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    kind: TransferKind = Field(sa_type=choice(TransferKind))
    sender_id: UUID | None = Field(default=None, sa_type=Id)
    recipient_id: UUID | None = Field(default=None, sa_type=Id)
    post_id: UUID | None = Field(default=None, sa_type=Id)
    amount: int = Field(sa_type=BigInt)
    fee: int = Field(default=0, sa_type=BigInt)
    refunded: int = Field(default=0, sa_type=BigInt)
    """How much of the amount has been given back."""
    refund_of_id: UUID | None = Field(default=None, sa_type=Id)
    currency: Currency = Field(sa_type=choice(Currency))
    status: TransferStatus = Field(sa_type=choice(TransferStatus))
    visibility: Visibility = Field(sa_type=choice(Visibility))
    note: str | None = Field(default=None, sa_type=Text)
    rail: Rail | None = Field(default=None, sa_type=choice(Rail))
    environment: RailEnvironment | None = Field(default=None, sa_type=choice(RailEnvironment))
    network_code: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)


class PostTips(SQLModel, table=True):
    """What a post has been tipped in one currency, counted as the tips are posted."""

    __tablename__ = "post_tips"
    __table_args__ = table_args(
        CheckConstraint("tip_count >= 0 AND total >= 0", name="totals_not_negative"),
        one_of_check("currency", Currency),
    )

    post_id: UUID = Field(primary_key=True, sa_type=Id)
    currency: Currency = Field(primary_key=True, sa_type=choice(Currency))
    tip_count: int = Field(default=0, sa_type=BigInt)
    total: int = Field(default=0, sa_type=BigInt)
