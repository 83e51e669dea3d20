"""What every mutation answers: what it changed, what went wrong, and anything else that is to be read after it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from execution.fields import computed, root
from execution.loaders import BatchFunction, values_of
from resolvers.errors import Refused, UserError
from schema.context import OperationContext

if TYPE_CHECKING:
    from schema.query import Query

AnyQuery = Annotated["Query", strawberry.lazy("schema.query")]


class Payload:
    """What a mutation answers with: the values by their fields' names, or the errors."""

    def __init__(self, values: Mapping[str, Any], errors: tuple[UserError, ...] = ()) -> None:
        self._values = values
        self.user_errors = list(errors)

    def __getattr__(self, name: str) -> Any:
        """The value of a field; None after a refusal."""
        return self._values.get(name)


Change = Callable[..., Awaitable[Mapping[str, Any]]]


def mutation(change: Change, description: str) -> Any:
    """A root field that changes something: `async (context, *, input) -> values of the payload`, or it raises Refused.

    What the operation has read before is forgotten, so that the payload shows what is true after the change.
    """

    async def answer(ctx: OperationContext, **arguments: Any) -> Payload:
        try:
            return Payload(await change(ctx, **arguments))
        except Refused as refused:
            return Payload({}, refused.errors)
        finally:
            ctx.loaders.forget()

    answer.__wrapped__ = change  # type: ignore[attr-defined]  # whose arguments are the field's
    return root(answer, description)


def query_field() -> Any:
    """The field `query` of a payload."""
    return computed(lambda _: (), "Anything else to be read after the change, in the same round trip.")


def replayed_field() -> Any:
    """The field `replayed` of a payload about money."""
    return computed(
        lambda payload: bool(payload.replayed), "Whether this key was answered before: nothing moved again."
    )


def of_result(name: str, batch: BatchFunction) -> BatchFunction:
    """A batch function over the payloads' values called `name`; None where there is no such value."""

    async def over_payloads(ctx: Any, payloads: list[Payload]) -> list[Any]:
        values = {n: value for n, payload in enumerate(payloads) if (value := getattr(payload, name)) is not None}
        found = await values_of(batch, ctx, list(values.values())) if values else []
        by_place = dict(zip(values, found, strict=True))
        return [by_place.get(n) for n in range(len(payloads))]

    return over_payloads


def given(value: Any) -> Any:
    """An optional input field's value; None when it was left out."""
    return None if value is strawberry.UNSET else value
