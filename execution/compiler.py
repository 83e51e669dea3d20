"""Makes Python source of a plan, and functions of that source: what an answer costs is then what its rows cost.

A selection of the root type becomes one function that begins the answer, and one for each edge. README.md beside this
file shows those of a small query.

Only names that GraphQL or Python has checked stand in the source; every value is bound to a name of ours. The functions
know what is right and nothing else: whatever is not raises, and `careful` finds out what it was.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, get_type_hints

from graphql import (
    GraphQLAbstractType,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLString,
    Undefined,
)
from graphql.pyutils import is_collection

from execution.fields import Rows
from execution.plans import (
    Batch,
    Column,
    Computed,
    Constant,
    Field,
    Leaf,
    ListOf,
    NotCoveredError,
    Object,
    OneOf,
    Root,
    Selection,
    Shape,
)

MAX_LOOPS = 15
MAX_INDENT = 60
"""Python takes 20 loops within each other, and 100 indents."""

Place = tuple[list[Any], list[dict[str, Any]]]
"""The rows of one selection, and the objects of the answer that are made of them."""


class Unexpected(Exception):  # noqa: N818 - whether it is an error, the careful way finds out
    """Something is not as a good answer has it."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """A field that is read for all rows of a place together."""

    field: Field
    function: Callable[..., Any]
    place: int
    fill: Callable[..., None]
    """`(objects, values, places, variables)`: puts each value into its object."""
    shared: bool
    """Whether other edges of the part have the same function, so that one may have read what another asks."""
    is_root: bool
    """Whether its function is asked without rows."""
    below: "tuple[Edge, ...]"
    """The edges of the objects that it fills in."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A selection of the root type, ready to run."""

    selection: Selection
    start: Callable[..., dict[str, Any]]
    """`(row, places, variables) -> data` without what edges bring."""
    edges: tuple[Edge, ...]
    """Those of the root type."""
    functions: frozenset[Callable[..., Any]]
    """Of all edges."""
    places: int


def compiled(schema: GraphQLSchema, selection: Selection) -> Compiled:
    """Compiles a selection of the root type, with all below. Raises NotCoveredError."""
    compiler = _Compiler(schema)
    start, edges = compiler.start(selection)
    written = [_Written(field, place) for field, place in edges]
    for one in written:  # which grows, level by level
        one.fill, below = compiler.fill(one.field)
        one.below = [_Written(field, place) for field, place in below]
        written += one.below
    calls = Counter(one.field.source for one in written)
    for one in reversed(written):
        one.edge = _edge(one, is_shared=isinstance(one.field.source, Batch) and calls[one.field.source] > 1)
    functions = frozenset(one.edge.function for one in written)
    return Compiled(selection, start, tuple([one.edge for one in written[: len(edges)]]), functions, compiler.places)


class _Written:
    """An edge whose function has been written, or is about to be."""

    fill: Callable[..., None]
    below: "list[_Written]"
    edge: Edge

    def __init__(self, field: Field, place: int) -> None:
        self.field = field
        self.place = place


def _edge(one: _Written, *, is_shared: bool) -> Edge:
    source = one.field.source
    assert isinstance(source, Batch | Root), "an edge has a function"
    below = tuple([each.edge for each in one.below])
    return Edge(one.field, source.function, one.place, one.fill, is_shared, isinstance(source, Root), below)


Edges = list[tuple[Field, int]]


class _Compiler:
    """Writes one function after another, and counts the places of all of them."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._count = 0
        self.places = 0

    def start(self, selection: Selection) -> tuple[Callable[..., dict[str, Any]], Edges]:
        """The function that begins the answer, and the edges of its level."""
        function = _Function(self, "start", "row, places, variables")
        function.line(f"return {function.object(selection, 'row')}")
        return function.finished(), function.edges

    def fill(self, field: Field) -> tuple[Callable[..., None], Edges]:
        """The function that fills an edge, and the edges of the level below."""
        function = _Function(self, f"fill_{field.name}", "targets, values, places, variables")
        function.line("for target, value in zip(targets, values):")
        with function.indented():
            built = function.value(field.shape, "value", simple=True)
            function.line(f"target[{field.key!r}] = {built}")
        return function.finished(), function.edges

    def new_place(self) -> int:
        self.places += 1
        return self.places - 1

    def number(self) -> int:
        self._count += 1
        return self._count

    def recogniser(self, type_: Any) -> Callable[[Any], str]:
        return _recogniser(self._schema, type_)


class _Indented:
    def __init__(self, function: "_Function", *, loop: bool) -> None:
        self._function, self._loop = function, loop

    def __enter__(self) -> None:
        self._function.indent += 1
        self._function.loops += self._loop
        if self._function.loops > MAX_LOOPS or self._function.indent > MAX_INDENT:
            raise NotCoveredError("The operation has too many lists within lists.")

    def __exit__(self, *_: object) -> None:
        self._function.indent -= 1
        self._function.loops -= self._loop


class _Function:
    """The source of one function as it is written, line by line."""

    def __init__(self, compiler: _Compiler, name: str, parameters: str) -> None:
        self._compiler = compiler
        self._name = name
        self._head = [f"def {name}({parameters}):"]
        self._body: list[str] = []
        self._names: dict[str, Any] = {"Unexpected": Unexpected}
        self.indent = 1
        self.loops = 0
        self.edges: Edges = []

    def line(self, text: str) -> None:
        self._body.append("    " * self.indent + text)

    def indented(self, *, loop: bool = True) -> _Indented:
        return _Indented(self, loop=loop)

    def finished(self) -> Callable[..., Any]:
        source = "\n".join([*self._head, *self._body])
        try:
            exec(compile(source, "<plan>", "exec"), self._names)  # noqa: S102 - it holds checked names alone
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise NotCoveredError("The plan is too much for Python.") from error
        function: Callable[..., Any] = self._names[self._name]
        return function

    def _bound(self, hint: str, value: Any) -> str:
        """A name that has this value."""
        name = f"{hint}_{self._compiler.number()}"
        self._names[name] = value
        return name

    def _local(self, letter: str) -> str:
        return f"{letter}{self._compiler.number()}"

    # What a value becomes

    def value(self, shape: Shape, source: str, *, simple: bool = False) -> str:
        """Writes what makes the value of an expression, and returns the expression that has it then.

        A `simple` expression is a name, which may stand in several places.
        """
        if isinstance(shape, Leaf):
            return self._leaf(shape, source, simple=simple)
        value = source
        if not simple:
            value = self._local("v")
            self.line(f"{value} = {source}")
        if shape.required:
            self.line(f"if {value} is None: raise Unexpected")
            return self._build(shape, value)
        built = self._local("o")
        self.line(f"if {value} is None: {built} = None")
        self.line("else:")
        with self.indented(loop=False):
            self.line(f"{built} = {self._build(shape, value)}")
        return built

    def _build(self, shape: ListOf | Object | OneOf, value: str) -> str:
        match shape:
            case ListOf(item):
                return self._list(item, value)
            case Object(selection):
                self._check_type(selection.type, value)
                return self.object(selection, value)
            case OneOf(type_, selections):
                return self._one_of(type_, selections, value)

    def _one_of(self, type_: GraphQLAbstractType, selections: Mapping[str, Selection], value: str) -> str:
        built, name = self._local("o"), self._local("n")
        self.line(f"{name} = {self._bound('type_of', self._compiler.recogniser(type_))}({value})")
        for number, (type_name, selection) in enumerate(selections.items()):
            self.line(f"{'elif' if number else 'if'} {name} == {type_name!r}:")
            with self.indented(loop=False):
                self.line(f"{built} = {self.object(selection, value)}")
        self.line("else: raise Unexpected")
        return built

    def _list(self, item: Shape, value: str) -> str:
        self.line(f"if {value}.__class__ is not list: {value} = {self._bound('listed', _listed)}({value})")
        if isinstance(item, Leaf):
            return f"[{self._leaf(item, 'item', simple=True)} for item in {value}]"
        built, each = self._local("o"), self._local("v")
        self.line(f"{built} = []")
        self.line(f"for {each} in {value}:")
        with self.indented():
            self.line(f"{built}.append({self.value(item, each, simple=True)})")
        return built

    def _check_type(self, type_: GraphQLObjectType, value: str) -> None:
        check = type_.is_type_of
        if check is None:
            self.line(f"if isinstance({value}, Exception): raise {value}")
            return
        is_type = f"{self._bound('is_type', check)}({value}, None)"
        if isinstance(check, Rows) and check.attribute is None:
            is_type = f"{value}.__class__ is {self._bound('row', check.row)} or {is_type}"
        self.line(f"if not ({is_type}): raise Unexpected")

    def object(self, selection: Selection, row: str) -> str:
        """Writes what makes an object of a row, and returns the expression that has it then."""
        entries = ", ".join(f"{field.key!r}: {self._entry(field, row)}" for field in selection.fields)
        edges = selection.edges
        if not edges:
            return f"{{{entries}}}"
        place, built = self._compiler.new_place(), self._local("o")
        self._head.append(f"    rows_{place}, dicts_{place} = places[{place}]")
        self.line(f"{built} = {{{entries}}}")
        self.line(f"rows_{place}.append({row}); dicts_{place}.append({built})")
        self.edges += [(field, place) for field in edges]
        return built

    def _entry(self, field: Field, row: str) -> str:
        match field.source:
            case Constant(value):
                return repr(value)
            case Column(attribute):
                return self.value(field.shape, f"{row}.{attribute}")
            case Computed(function):
                call = f"{self._bound('compute', function)}({row}{self._given(field)})"
                return self.value(field.shape, call)
            case _:
                return "None"  # until the edge has been read

    def _given(self, field: Field) -> str:
        if field.arguments is None:
            return ""
        if not field.arguments.constant:
            name = self._bound("arguments", None)
            reader = self._bound("read", field.arguments.of)
            del self._names[name]
            self._head.append(f"    {name} = {reader}(variables)")
            return f", **{name}"
        return "".join(f", {key}={self._bound('given', value)}" for key, value in field.arguments.constants.items())

    def _leaf(self, shape: Leaf, source: str, *, simple: bool) -> str:
        leaf = self._bound("leaf", (_required if shape.required else _optional)(shape.type))
        known = self._known(shape.type)
        if known is None:
            return f"{leaf}({source})"
        test, result = known
        value, first = (source, source) if simple else ("x", f"(x := {source})")
        test, result = test.format(first=first, value=value), result.format(value=value)
        if not shape.required and result == value:
            test += f" or {value} is None"
        return f"({result} if {test} else {leaf}({value}))"

    def _known(self, type_: GraphQLLeafType) -> tuple[str, str] | None:
        """By what a value is known to be right already, and what it is in the answer then."""
        if type_ is GraphQLString or type_ is GraphQLID:
            return "{first}.__class__ is str", "{value}"
        if type_ is GraphQLBoolean:
            return "{first}.__class__ is bool", "{value}"
        if type_ is GraphQLInt:
            return "{first}.__class__ is int and -2147483648 <= {value} <= 2147483647", "{value}"
        members = getattr(type_, "wrapped_cls", None)
        if isinstance(type_, GraphQLEnumType) and members is not None:
            names = {member.value: type_.coerce_output_value(member) for member in members}
            known, by_value = self._bound("members", members), self._bound("names", names)
            return f"{{first}}.__class__ is {known}", f"{by_value}[{{value}}._value_]"
        taken = _taken(type_.coerce_output_value)
        if taken is not None:
            return (
                f"{{first}}.__class__ is {self._bound('taken', taken)}",
                f"{self._bound('serialize', type_.coerce_output_value)}({{value}})",
            )
        return None


def _taken(serialize: Callable[..., Any]) -> type | None:
    """Of which class a scalar's function takes every value, and makes text: so its annotations promise."""
    hints = get_type_hints(serialize) if isinstance(serialize, FunctionType) else {}
    if hints.pop("return", None) is not str or len(hints) != 1:
        return None
    [taken] = hints.values()
    return taken if isinstance(taken, type) and taken is not Any else None


def _listed(value: Any) -> Any:
    """A value that can be gone through as often as one likes."""
    if not is_collection(value):
        raise Unexpected
    return value


def _optional(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    required = _required(type_)
    return lambda value: None if value is None else required(value)


def _required(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    serialize = type_.coerce_output_value

    def leaf(value: Any) -> Any:
        if value is None or isinstance(value, Exception):
            raise Unexpected
        serialized = serialize(value)
        if serialized is None or serialized is Undefined:
            raise Unexpected
        return serialized

    return leaf


def _recogniser(schema: GraphQLSchema, type_: Any) -> Callable[[Any], str]:
    """What tells the name of a row's type, among those that an interface or a union can be."""
    possible = schema.get_possible_types(type_)
    known: dict[type, tuple[str | None, dict[Any, str]]] = {}
    for own in possible:
        if isinstance(own.is_type_of, Rows):
            rows = own.is_type_of
            _, names = known.setdefault(rows.row, (rows.attribute, {}))
            for value in rows.values:
                names.setdefault(value, own.name)

    def of_kind(row: Any) -> str:
        for own in possible:
            if own.is_type_of is not None and own.is_type_of(row, None):  # type: ignore[arg-type]
                return own.name
        raise Unexpected

    def recognise(row: Any) -> str:
        found = known.get(row.__class__)
        if found is None:
            return of_kind(row)
        attribute, names = found
        name = names.get(None if attribute is None else getattr(row, attribute))
        return of_kind(row) if name is None else name

    return recognise
