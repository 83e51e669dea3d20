"""DataLoaders for batch functions: one for each function and set of arguments, for as long as an operation runs."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import fields, is_dataclass
from inspect import isawaitable
from typing import Any

from strawberry.dataloader import DataLoader

BatchFunction = Callable[..., Awaitable[Sequence[Any]] | Sequence[Any]]
"""`(context, parents, **arguments) -> values`, one value for each parent, in the same order.

It may be `async`. If one of the values is an exception, its parent's field fails, and no other.
"""


async def values_of(batch: BatchFunction, context: Any, parents: list[Any], **arguments: Any) -> Sequence[Any]:
    """What a batch function gives, whether or not it has to wait."""
    values = batch(context, parents, **arguments)
    return await values if isawaitable(values) else values


def key_of(function: Callable[..., Any], arguments: dict[str, Any]) -> Hashable:
    """What is equal for calls that ask the same."""
    if not arguments:
        return function
    return (function, *((name, _hashable(value)) for name, value in sorted(arguments.items())))


def _hashable(value: Any) -> Hashable:
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    if is_dataclass(value):  # an input object
        return (type(value), *(_hashable(getattr(value, field.name)) for field in fields(value)))
    return value  # type: ignore[no-any-return]


class Loaders:
    """Gathers what fields ask for into calls of their batch functions.

    A parent that is asked about twice is looked up once; `forget` makes the next question a new look.
    """

    def __init__(self) -> None:
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}

    def load(self, batch: BatchFunction, context: Any, parent: Any, arguments: dict[str, Any]) -> Awaitable[Any]:
        """The batch function's value for one parent."""
        key = key_of(batch, arguments)
        loader = self._loaders.get(key)
        if loader is None:

            async def load(parents: list[Any]) -> Sequence[Any]:
                return await values_of(batch, context, parents, **arguments)

            loader = self._loaders[key] = DataLoader(load)
        return loader.load(parent)

    def forget(self) -> None:
        """Drops all that was read: after a write it may no longer be true."""
        self._loaders.clear()
