"""Pages of connections, as in Relay's cursor connections specification.

A cursor is a place in an order of time or of numbers, and nothing else: it does not say of which list. One that comes
from another list in the same order begins the page at that moment. That shows nothing that the list would not show
without it, as what a viewer may see is decided row by row; so cursors need no secret, and hold whatever is inserted.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from models.database import Pages, Way
from models.database.connection import Reader
from resolvers.errors import BadInputError

DEFAULT_SIZE = 20
MAX_SIZE = 100

First = Annotated[int | None, "How many to return from the start of the list: at most 100, 20 if nothing is said."]
After = Annotated[str | None, "Only what comes after this cursor."]
Last = Annotated[int | None, "How many to return from the end of the list: at most 100."]
Before = Annotated[str | None, "Only what comes before this cursor."]

Order = TypeVar("Order", UUID, int)
Node = TypeVar("Node")
Row = TypeVar("Row", bound=tuple[Any, ...])


class PageInfo(NamedTuple):
    """What lies around a page."""

    has_next_page: bool
    has_previous_page: bool
    first: UUID | int | None
    """Where the page begins; None for an empty one."""
    last: UUID | int | None

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the page's beginning."""
        return None if self.first is None else cursor_of(self.first)

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the page's end."""
        return None if self.last is None else cursor_of(self.last)


class Edge(NamedTuple, Generic[Node]):
    """A node, and where it stands in its list."""

    place: UUID | int
    node: Node

    @property
    def cursor(self) -> str:
        """The cursor of this place."""
        return cursor_of(self.place)


class Page(NamedTuple, Generic[Node]):
    """Part of a list. Few ask for edges or for cursors, so those are made when they are asked for."""

    nodes: list[Node]
    places: list[UUID | int]
    """Where each node stands."""
    page_info: PageInfo

    @property
    def edges(self) -> list[Edge[Node]]:
        """The nodes, each with its place."""
        return list(map(Edge, self.places, self.nodes))


class Window(NamedTuple):
    """Which part of a list is asked for: `limit` rows between two bounds, from its start or from its end."""

    limit: int
    after: str | None
    before: str | None
    from_end: bool


def window(first: int | None, after: str | None, last: int | None = None, before: str | None = None) -> Window:
    """The window that a connection's arguments ask for. Raises BadInputError."""
    if first is not None and last is not None:
        raise BadInputError("Give first or last, not both.")
    size = first if first is not None else last
    size = DEFAULT_SIZE if size is None else size
    if not 0 <= size <= MAX_SIZE:
        name = "last" if last is not None else "first"
        raise BadInputError(f"{name} must be from 0 to {MAX_SIZE}, not {size}.")
    return Window(size, after, before, from_end=last is not None)


def cursor_of(order: UUID | int) -> str:
    """The cursor of the row with this place in its list's order."""
    raw = order.bytes if isinstance(order, UUID) else order.to_bytes(8, "big")
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _order_of(cursor: str, kind: type[UUID] | type[int]) -> UUID | int:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if kind is UUID and len(raw) == 16:
        return UUID(bytes=raw)
    if kind is int and len(raw) == 8:
        return min(int.from_bytes(raw, "big"), (1 << 63) - 1)
    raise BadInputError(f"{cursor[:80]!r} is not a cursor of this list.")


class Listing(Generic[Row]):
    """How the rows of one query become pages: newest first, or oldest first, by the `order` of a row."""

    def __init__(
        self,
        query: Pages[Row],
        *,
        order: Callable[[Row], UUID | int],
        parent: Callable[[Row], UUID] | None = None,
        newest_first: bool = True,
        kind: type[UUID] | type[int] = UUID,
    ) -> None:
        self._query, self._order, self._parent, self._newest_first, self._kind = (
            query,
            order,
            parent,
            newest_first,
            kind,
        )

    async def page(self, reader: Reader, asked: Window, **params: object) -> Page[Row]:
        """One page of a list that has no parent."""
        rows = await self._fetch(reader, asked, params)
        return self._page(rows, asked)

    async def pages(
        self, reader: Reader, parents: Sequence[UUID], asked: Window, **params: object
    ) -> dict[UUID, Page[Row]]:
        """The same page of the list under each parent, in one statement."""
        assert self._parent is not None, "this list has no parent"
        rows = await self._fetch(reader, asked, {**params, "keys": list(set(parents))}) if parents else []
        under: dict[UUID, list[Row]] = {parent: [] for parent in parents}
        for row in rows:
            under[self._parent(row)].append(row)
        return {parent: self._page(own, asked) for parent, own in under.items()}

    async def _fetch(self, reader: Reader, asked: Window, params: dict[str, object]) -> list[Row]:
        after = None if asked.after is None else _order_of(asked.after, self._kind)
        before = None if asked.before is None else _order_of(asked.before, self._kind)
        upper, lower = (after, before) if self._newest_first else (before, after)
        bounds = {name: bound for name, bound in (("upper", upper), ("lower", lower)) if bound is not None}
        newest = self._newest_first is not asked.from_end
        query = self._query.query(Way(newest, upper is not None, lower is not None))
        # One more than asked for tells whether the list goes on.
        return await reader.fetch(query, **bounds, **params, limit=asked.limit + 1)

    def _page(self, rows: list[Row], asked: Window) -> Page[Row]:
        more = len(rows) > asked.limit
        shown = rows[: asked.limit]
        if asked.from_end:
            shown.reverse()
        places = list(map(self._order, shown))
        info = PageInfo(
            has_next_page=asked.before is not None if asked.from_end else more,
            has_previous_page=more if asked.from_end else asked.after is not None,
            first=places[0] if places else None,
            last=places[-1] if places else None,
        )
        return Page(shown, places, info)


def with_nodes(page: Page[Any], nodes: Sequence[Node | None]) -> Page[Node]:
    """The page with other nodes at its places; a place whose node is None is left out."""
    kept = [(place, node) for place, node in zip(page.places, nodes, strict=True) if node is not None]
    return Page([node for _, node in kept], [place for place, _ in kept], page.page_info)
