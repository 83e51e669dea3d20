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
    start_cursor: str | None
    end_cursor: str | None


class Edge(NamedTuple, Generic[Node]):
    """A node, and where it stands in its list."""

    place: UUID | int
    node: Node

    @property
    def cursor(self) -> str:
        """The cursor of this place. Few ask for that of each edge, so it is made when it is asked for."""
        return cursor_of(self.place)


class Page(NamedTuple, Generic[Node]):
    """Part of a list."""

    edges: list[Edge[Node]]
    page_info: PageInfo


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
        edges = [Edge(self._order(row), row) for row in shown]
        info = PageInfo(
            has_next_page=asked.before is not None if asked.from_end else more,
            has_previous_page=more if asked.from_end else asked.after is not None,
            start_cursor=edges[0].cursor if edges else None,
            end_cursor=edges[-1].cursor if edges else None,
        )
        return Page(edges, info)


def with_nodes(page: Page[Any], nodes: Sequence[Node | None]) -> Page[Node]:
    """The page with other nodes at its places; a place whose node is None is left out."""
    edges = [Edge(edge.place, node) for edge, node in zip(page.edges, nodes, strict=True) if node is not None]
    return Page(edges, page.page_info)
