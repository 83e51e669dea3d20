"""DataLoaders for batch functions: one for each function and set of arguments, for as long as an operation runs."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from inspect import isawaitable
from typing import Any

from strawberry.dataloader import DataLoader

BatchFunction = Callable[..., Awaitable[Sequence[Any]] | Sequence[Any]]
"""`(context, parents, **arguments) -> values`, one value for each parent, in the same order.

It may be `async`. If one of the values is an exception, its parent's field fails, and no other.
"""


def key_of(function: Callable[..., Any], arguments: dict[str, Any]) -> Hashable:
    """What is equal for calls that ask the same."""
    if not arguments:
        return function
    return (function, *((name, _hashable(value)) for name, value in sorted(arguments.items())))


def _hashable(value: Any) -> Hashable:
    return tuple(map(_hashable, value)) if isinstance(value, list) else value


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
                values = batch(context, parents, **arguments)
                return await values if isawaitable(values) else values

            loader = self._loaders[key] = DataLoader(load)
        return loader.load(parent)

    def forget(self) -> None:
        """Drops all that was read: after a write it may no longer be true."""
        self._loaders.clear()
