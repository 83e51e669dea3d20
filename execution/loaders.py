"""DataLoaders for batch functions: one for each function and set of arguments, for as long as an operation runs."""

import asyncio
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
    if isinstance(value, dict):  # a JSON object, as a scalar may take one
        return (dict, *((name, _hashable(each)) for name, each in value.items()))
    if is_dataclass(value):  # an input object
        return (type(value), *(_hashable(getattr(value, field.name)) for field in fields(value)))
    return value  # type: ignore[no-any-return]


class Loaders:
    """Gathers what fields ask for into calls of their batch functions.

    A parent that is asked about twice is looked up once; `forget` makes the next question a new look.
    """

    def __init__(self) -> None:
        self._loaders: dict[Hashable, DataLoader[Any, Any]] = {}
        self._waiting: dict[asyncio.Future[Any], set[asyncio.Future[Any]]] = {}

    def load(self, batch: BatchFunction, context: Any, parent: Any, arguments: dict[str, Any]) -> Awaitable[Any]:
        """The batch function's value for one parent."""
        key = key_of(batch, arguments)
        loader = self._loaders.get(key)
        if loader is None:

            async def load(parents: list[Any]) -> Sequence[Any]:
                return await values_of(batch, context, parents, **arguments)

            loader = self._loaders[key] = DataLoader(load)
        return self._share_of(asyncio.ensure_future(loader.load(parent)))

    def _share_of(self, value: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
        """A future for one of those who wait for a value. It is let go when none of them waits any more.

        Where an error makes null of what is above, graphql-core cancels what is waited for below: others may want it.
        """
        share: asyncio.Future[Any] = value.get_loop().create_future()
        waiting = self._waiting.setdefault(value, set())
        waiting.add(share)

        def leave(_: "asyncio.Future[Any]") -> None:
            waiting.discard(share)
            if not waiting:
                self._waiting.pop(value, None)
                value.cancel()  # does nothing to one that is there

        def take(_: "asyncio.Future[Any]") -> None:
            if not share.done():
                _copy(value, share)

        share.add_done_callback(leave)
        value.add_done_callback(take)
        return share

    def forget(self) -> None:
        """Drops all that was read: after a write it may no longer be true."""
        self._loaders.clear()


def _copy(value: "asyncio.Future[Any]", share: "asyncio.Future[Any]") -> None:
    if value.cancelled():
        share.cancel()
    elif (error := value.exception()) is not None:
        share.set_exception(error)
    else:
        share.set_result(value.result())
