"""What is asked of networks outside, one row for each top-up and each withdrawal, and what their books say of it."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from models.money import Currency
from models.transfers import Rail, RailEnvironment
from models.types import BigInt, Flag, Id, Timestamp, choice, one_of_check, table_args


class Direction(StrEnum):
    """Which way the money goes: a PULL draws it in, a PUSH sends it out."""

    PULL = "PULL"
    PUSH = "PUSH"


class PayoutSpeed(StrEnum):
    """How fast a withdrawal is wanted."""

    INSTANT = "INSTANT"
    STANDARD = "STANDARD"


class IntentState(StrEnum):
    """How far an intent has come. `resolvers/intents.py` has the ways from one to the other."""

    CREATED = "CREATED"
    SUBMITTING = "SUBMITTING"
    PENDING = "PENDING"
    UNKNOWN = "UNKNOWN"
    APPROVED = "APPROVED"
    DECLINED = "DECLINED"
    REVERSING = "REVERSING"
    REVERSED = "REVERSED"
    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    CANCELLED = "CANCELLED"


class SettlementKind(StrEnum):
    """What a line of a network's books says: the money has reached its end, is given back, or has come back."""

    SETTLED = "SETTLED"
    RETURNED = "RETURNED"
    RETURN_SETTLED = "RETURN_SETTLED"


class Finding(StrEnum):
    """What became of a settlement line: it fits an intent, or is for people to look at.

    EARLY: what it is about is still under way, so it is looked at again.
    """

    EARLY = "EARLY"
    MATCHED = "MATCHED"
    UNMATCHED = "UNMATCHED"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    UNEXPECTED = "UNEXPECTED"


_UNCLAIMED: Any = {"sqlite_where": text("claimed_at IS NULL"), "postgresql_where": text("claimed_at IS NULL")}
_DUE: Any = {"sqlite_where": text("due_at IS NOT NULL"), "postgresql_where": text("due_at IS NOT NULL")}


class RailIntent(SQLModel, table=True):
    """Money that is to be drawn in or sent out over a rail. Its id is its transfer's.

    It is its own outbox row. `due_at` says when somebody is to see to it; whoever does puts that off for as long as the
    network may take, and has it to itself until then. What is never due, and in no last state, waits for the operator.
    """

    __tablename__ = "rail_intents"
    __table_args__ = table_args(
        Index("rail_intents_due", "due_at", **_DUE),
        Index("rail_intents_by_network_ref", "rail", "network_ref"),
        Index("rail_intents_by_owner", "owner_id", "id"),
        Index("rail_intents_by_state", "rail", "state", "submitted_at"),
        UniqueConstraint("opened_by", name="an_intent_for_each_request"),
        UniqueConstraint("trace", name="traces_are_unique"),
        one_of_check("direction", Direction),
        one_of_check("speed", PayoutSpeed),
        one_of_check("rail", Rail),
        one_of_check("environment", RailEnvironment),
        one_of_check("currency", Currency),
        one_of_check("state", IntentState),
        CheckConstraint("amount > 0", name="amount_positive"),
    )

    id: UUID = Field(primary_key=True, sa_type=Id)
    opened_by: UUID = Field(sa_type=Id)
    """The journal with which it began."""
    owner_id: UUID = Field(sa_type=Id)
    source_id: UUID = Field(sa_type=Id)
    direction: Direction = Field(sa_type=choice(Direction))
    speed: PayoutSpeed = Field(sa_type=choice(PayoutSpeed))
    rail: Rail = Field(sa_type=choice(Rail))
    environment: RailEnvironment = Field(sa_type=choice(RailEnvironment))
    amount: int = Field(sa_type=BigInt)
    currency: Currency = Field(sa_type=choice(Currency))
    state: IntentState = Field(sa_type=choice(IntentState))
    hold_id: UUID | None = Field(default=None, sa_type=Id)
    """The posting that holds its money, as long as one does."""
    moved: int = Field(default=0, sa_type=BigInt)
    """What the network has moved."""
    suspended: int = Field(default=0, sa_type=BigInt)
    """How much of that is in suspense."""
    trace: int = Field(sa_type=BigInt)
    """Our number for it, which the network sees: one more than the last, written before the first byte is sent."""
    network_ref: str | None = Field(default=None, sa_type=Text)
    """The network's own name for it."""
    network_code: str | None = Field(default=None, sa_type=Text)
    facts: str = Field(default="{}", sa_type=Text)
    """What else the network said that a later call to it needs: a JSON object of texts."""
    turn: int = Field(default=0, sa_type=BigInt)
    """Another one each time that somebody takes it up or has news of it: a late answer knows by it that it is late."""
    asked: int = Field(default=0, sa_type=BigInt)
    """How often the network has been asked since there was news."""
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime = Field(sa_type=Timestamp)
    submitted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    reversed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the network was first asked to take it back."""
    settled_at: datetime | None = Field(default=None, sa_type=Timestamp)
    returned: bool = Field(default=False, sa_type=Flag)
    """Whether it has come back."""
    drawn_in: datetime | None = Field(default=None, sa_type=Timestamp)
    """In which bucket its amount was counted towards its owner's limit; null if it was not."""


class SettlementRow(SQLModel, table=True):
    """A line of a network's books, written down once, and what it was found to be."""

    __tablename__ = "rail_settlements"
    __table_args__ = table_args(
        one_of_check("rail", Rail),
        one_of_check("kind", SettlementKind),
        one_of_check("currency", Currency),
        one_of_check("finding", Finding),
        Index("rail_settlements_by_time", "rail", "booked_at"),
    )

    rail: Rail = Field(primary_key=True, sa_type=choice(Rail))
    line: str = Field(primary_key=True, sa_type=Text)
    """The network's name for the line."""
    network_ref: str = Field(sa_type=Text)
    kind: SettlementKind = Field(sa_type=choice(SettlementKind))
    amount: int = Field(sa_type=BigInt)
    currency: Currency = Field(sa_type=choice(Currency))
    code: str | None = Field(default=None, sa_type=Text)
    booked_at: datetime = Field(sa_type=Timestamp)
    intent_id: UUID | None = Field(default=None, sa_type=Id)
    finding: Finding = Field(sa_type=choice(Finding))


class MicroDeposits(SQLModel, table=True):
    """Two small amounts sent to a bank account, by which its owner shows that it is theirs."""

    __tablename__ = "micro_deposits"
    __table_args__ = table_args(
        CheckConstraint("tries >= 0", name="tries_not_negative"),
    )

    source_id: UUID = Field(primary_key=True, sa_type=Id)
    first: int | None = Field(sa_type=BigInt)
    second: int | None = Field(sa_type=BigInt)
    """Neither is known where the network has chosen them."""
    tries: int = Field(default=0, sa_type=BigInt)
    network_ref: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)


class VaultSecret(SQLModel, table=True):
    """A card's or an account's number, encrypted; whoever has the token and the key can send it to a network."""

    __tablename__ = "vault"
    __table_args__ = table_args(Index("vault_unclaimed", "created_at", **_UNCLAIMED))

    token: str = Field(primary_key=True, sa_type=Text)
    owner_id: UUID = Field(sa_type=Id)
    """Who has brought it, and alone may link it."""
    ciphertext: str = Field(sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    """A keyed hash of the number: equal numbers have equal ones."""
    brand: str = Field(sa_type=Text)
    last4: str = Field(sa_type=Text)
    expires: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp)
    claimed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When it was linked to somebody's account."""


class VaultKey(SQLModel, table=True):
    """A key of the vault that must outlive those that the operator changes; it is encrypted as the numbers are."""

    __tablename__ = "vault_keys"
    __table_args__ = table_args()

    name: str = Field(primary_key=True, sa_type=Text)
    ciphertext: str = Field(sa_type=Text)
