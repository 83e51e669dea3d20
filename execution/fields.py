"""The ways in which a field gets its value. All of them read from rows and copy nothing.

- A column: `strawberry.field(description=…)` on a type whose rows have an attribute of the field's name.
- `computed`: a function of one row.
- `edge`: a batch function over all rows of a level, so that the number of reads does not grow with the page.
- `root`: a function without a row, on the types at which operations begin.

Rows can be hashed: those that are equal say the same, and count as one.

A function's keyword-only parameters are its field's arguments: `first: Annotated[int | None, "How many."] = None`.
Each leaves its function in the field's metadata, where `plans` finds it without going through the resolver.
"""

import inspect
from collections.abc import Callable, Hashable
from inspect import isawaitable
from typing import Annotated, Any, Protocol, get_args

import strawberry

from execution.loaders import BatchFunction, Loaders

BATCH = "batch"
COMPUTE = "compute"
ROOT = "root"


class Loading(Protocol):
    """What the context of an operation must have for edges to work."""

    loaders: Loaders

    def expect(self, functions: frozenset[Callable[..., Any]]) -> None:
        """Is told, before a query runs, which functions its edges have. Whoever knows what they read may read ahead."""
        ...


class Rows:
    """Tells which rows are of a type: `is_type_of = Rows(TransferRow, kind=TransferKind.TIP)`.

    The class of the row decides, and if that is not enough the value of one attribute, or several of them in a tuple.
    A plan reads both from here, and looks a row's type up instead of trying one type after another.
    """

    def __init__(self, row: type, **attribute: Hashable) -> None:
        assert len(attribute) <= 1, "one attribute tells rows of a class apart"
        self.row = row
        self.attribute = next(iter(attribute), None)
        value = attribute.get(self.attribute) if self.attribute else None
        self.values: tuple[Hashable, ...] = value if isinstance(value, tuple) else (value,)

    def __call__(self, row: object, _: object) -> bool:
        """Whether a row is of the type."""
        return isinstance(row, self.row) and (self.attribute is None or getattr(row, self.attribute) in self.values)


def computed(compute: Callable[..., Any], description: str) -> Any:
    """A field that is a function of its row."""

    def resolve(self: Any, **arguments: Any) -> Any:
        return compute(self, **_given(arguments))

    return _field(resolve, compute, with_info=False, description=description, metadata={COMPUTE: compute})


def edge(batch: BatchFunction, description: str) -> Any:
    """A field that a batch function fills for all rows at once."""

    async def resolve(self: Any, info: strawberry.Info[Loading, None], **arguments: Any) -> Any:
        return await info.context.loaders.load(batch, info.context, self, _given(arguments))

    return _field(resolve, batch, with_info=True, description=description, metadata={BATCH: batch})


def root(resolve: Callable[..., Any], description: str) -> Any:
    """A field of a root type: `(context, **arguments) -> value`, `async` if it has to wait."""

    async def resolve_root(self: Any, info: strawberry.Info[Any, None], **arguments: Any) -> Any:
        value = resolve(info.context, **_given(arguments))
        return await value if isawaitable(value) else value

    return _field(resolve_root, resolve, with_info=True, description=description, metadata={ROOT: resolve})


def _field(
    resolve: Callable[..., Any],
    function: Callable[..., Any],
    *,
    with_info: bool,
    description: str,
    metadata: dict[str, object],
) -> Any:
    own = [
        _argument(parameter)
        for parameter in inspect.signature(function, eval_str=True).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    inner = inspect.signature(resolve, eval_str=True).parameters
    given = [inner["self"], inner["info"]] if with_info else [inner["self"]]
    resolve.__signature__ = inspect.Signature([*given, *own])  # type: ignore[attr-defined]
    resolve.__annotations__ = {parameter.name: parameter.annotation for parameter in (*given, *own)}
    return strawberry.field(resolver=resolve, description=description, metadata=metadata)


def _argument(parameter: inspect.Parameter) -> inspect.Parameter:
    kind, description = get_args(parameter.annotation)
    # `from_` stands for `from`, which Python keeps for itself.
    name = parameter.name.removesuffix("_") if parameter.name.endswith("_") else None
    described = parameter.replace(annotation=Annotated[kind, strawberry.argument(description=description, name=name)])
    # None means "not given": such an argument has no default in the schema.
    return described.replace(default=strawberry.UNSET) if parameter.default is None else described


def _given(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not strawberry.UNSET}
