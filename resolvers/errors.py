"""What can go wrong for a client.

Expected failures are values (`UserError`) that a command raises together in one `Refused`: the client finds them as
data, and nothing has been written. A `PublicError` ends a field with an entry in the answer's `errors`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from models.money import Money
from models.transfers import Rail


class UserErrorCode(StrEnum):
    """What kind of failure it is, for programs."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    NOT_PERMITTED = "NOT_PERMITTED"
    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    LIMIT_EXCEEDED = "LIMIT_EXCEEDED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    RISK_HOLD = "RISK_HOLD"
    RAIL_DECLINED = "RAIL_DECLINED"
    BLOCKED = "BLOCKED"


Path = tuple[str, ...]
"""The input field at fault."""


class LimitState(NamedTuple):
    """A limit, and how much of it is used."""

    name: str
    max: Money
    used: Money
    resets_at: datetime | None


@dataclass(frozen=True, slots=True)
class UserError:
    """An expected failure, with a message for people."""

    code: ClassVar[UserErrorCode]
    message: str
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class InputError(UserError):
    """A value that cannot be accepted."""

    code = UserErrorCode.INVALID


@dataclass(frozen=True, slots=True)
class NotFoundError(UserError):
    """Something that is named does not exist, or not for this viewer."""

    code = UserErrorCode.NOT_FOUND


@dataclass(frozen=True, slots=True)
class NotPermittedError(UserError):
    """The viewer, or the token, may not do this."""

    code = UserErrorCode.NOT_PERMITTED


@dataclass(frozen=True, slots=True)
class BlockedError(NotPermittedError):
    """One of the two has blocked the other."""

    code = UserErrorCode.BLOCKED


@dataclass(frozen=True, slots=True, kw_only=True)
class InsufficientFundsError(UserError):
    """The wallet has too little."""

    code = UserErrorCode.INSUFFICIENT_FUNDS
    available: Money
    shortfall: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitExceededError(UserError):
    """A limit would be passed."""

    code = UserErrorCode.LIMIT_EXCEEDED
    limit: LimitState


@dataclass(frozen=True, slots=True, kw_only=True)
class IdempotencyConflictError(UserError):
    """The key belongs to another request."""

    code = UserErrorCode.IDEMPOTENCY_CONFLICT
    first_used_at: datetime


@dataclass(frozen=True, slots=True)
class RiskHoldError(UserError):
    """The money is held back: the account or the token is frozen, or a rule against abuse stands in the way."""

    code = UserErrorCode.RISK_HOLD


@dataclass(frozen=True, slots=True, kw_only=True)
class RailDeclinedError(UserError):
    """A network outside has refused to move the money. `retryable`: another try may go through."""

    code = UserErrorCode.RAIL_DECLINED
    rail: Rail
    network_code: str | None
    retryable: bool


class Refused(Exception):  # noqa: N818 - it carries errors, it is none of its own
    """A command was refused, for these reasons."""

    def __init__(self, *errors: UserError) -> None:
        super().__init__(*errors)
        self.errors = errors


class PublicError(Exception):
    """A failure whose message is made for clients."""

    code = "BAD_USER_INPUT"

    @property
    def extensions(self) -> dict[str, str]:
        """What stands beside the message."""
        return {"code": self.code}


class BadInputError(PublicError):
    """An argument outside a mutation's input that cannot be accepted."""


class SignInRequiredError(PublicError):
    """Only someone who is signed in may ask this."""

    code = "UNAUTHENTICATED"

    def __init__(self) -> None:
        super().__init__("Sign in first.")


class ScopeError(PublicError):
    """The access token does not reach this far."""

    code = "FORBIDDEN"


class NetworkUnavailableError(PublicError):
    """A network outside cannot be reached."""

    code = "UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("The network that has to be asked cannot be reached. Try again.")
