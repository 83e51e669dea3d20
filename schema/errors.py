"""Expected failures as clients see them: data beside the result, with nothing written."""

from datetime import datetime
from typing import Annotated

import strawberry

from execution.fields import Rows
from models.transfers import Rail
from resolvers import errors
from resolvers.errors import UserErrorCode
from schema.money import Money

_CODE = "What kind of failure it is, for programs."
_MESSAGE = "What went wrong, for people."
_PATH = "The input field at fault, from the input object down; null when it is none in particular."


@strawberry.type(description="A limit on money within 24 hours or 30 days, and how much of it is used.")
class Limit:
    """A limit on money, and how much of it is used."""

    name: str = strawberry.field(description="Which limit it is, such as SPEND_PER_DAY.")
    max: Money = strawberry.field(description="How much it allows.")
    used: Money = strawberry.field(description="How much of that is used.")
    resets_at: datetime | None = strawberry.field(
        description="When the oldest use leaves it, and some of it is free again; null when nothing is used."
    )


@strawberry.interface(description="An expected failure. Nothing has been written.")
class UserError:
    """An expected failure."""

    code: UserErrorCode = strawberry.field(description=_CODE)
    message: str = strawberry.field(description=_MESSAGE)
    path: list[str] | None = strawberry.field(description=_PATH)


@strawberry.type(description="A value cannot be accepted.")
class InputError(UserError):
    """A value cannot be accepted."""

    is_type_of = Rows(errors.InputError)


@strawberry.type(description="Something that is named does not exist, or not for this viewer.")
class NotFoundError(UserError):
    """Something that is named does not exist."""

    is_type_of = Rows(errors.NotFoundError)


@strawberry.type(description="The viewer, or the token, may not do this.")
class NotPermittedError(UserError):
    """The viewer, or the token, may not do this."""

    is_type_of = Rows(errors.NotPermittedError)


@strawberry.type(description="The wallet has too little.")
class InsufficientFundsError(UserError):
    """The wallet has too little."""

    available: Money = strawberry.field(description="What the wallet has.")
    shortfall: Money = strawberry.field(description="How much more it would need.")

    is_type_of = Rows(errors.InsufficientFundsError)


@strawberry.type(description="A limit would be passed.")
class LimitExceededError(UserError):
    """A limit would be passed."""

    limit: Limit = strawberry.field(description="The limit.")

    is_type_of = Rows(errors.LimitExceededError)


@strawberry.type(description="The idempotency key was used before for another request.")
class IdempotencyConflictError(UserError):
    """The idempotency key was used before for another request."""

    first_used_at: datetime = strawberry.field(description="When it was first used.")

    is_type_of = Rows(errors.IdempotencyConflictError)


@strawberry.type(description="The money is held back, by the operator or by a rule against abuse.")
class RiskHoldError(UserError):
    """The money is held back."""

    is_type_of = Rows(errors.RiskHoldError)


@strawberry.type(description="A network outside has refused to move the money.")
class RailDeclinedError(UserError):
    """A network outside has refused to move the money."""

    rail: Rail = strawberry.field(description="The network.")
    network_code: str | None = strawberry.field(description="What it answered, in its own code.")
    retryable: bool = strawberry.field(description="Whether another try, with a new key, may go through.")

    is_type_of = Rows(errors.RailDeclinedError)


ContentError = Annotated[
    InputError | NotFoundError | NotPermittedError,
    strawberry.union("ContentError", description="What can go wrong with posts and people."),
]
AccountError = Annotated[
    InputError | NotPermittedError,
    strawberry.union("AccountError", description="What can go wrong with accounts and tokens."),
]
MoneyError = Annotated[
    InputError
    | NotFoundError
    | NotPermittedError
    | InsufficientFundsError
    | LimitExceededError
    | IdempotencyConflictError
    | RiskHoldError
    | RailDeclinedError,
    strawberry.union("MoneyError", description="What can go wrong with money."),
]
