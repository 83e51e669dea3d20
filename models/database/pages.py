"""Pages of long lists by keyset: the rows beyond a known one, in the list's order.

Nothing is skipped or repeated when something new is inserted, and the cost does not grow with how far
a reader has come.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Select, Subquery, and_, bindparam, select, text, true, union
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from models.database.expressions import split_ids
from models.database.statements import DialectName, Query, Row
from models.types import Id, Ids

Columns = ReadOnlyColumnCollection[str, Any]
Join = tuple[type, ColumnElement[bool]]


class Way(NamedTuple):
    """How a list is read: from which of its ends, and within which bounds of its order, which are both exclusive."""

    newest: bool
    upper: bool = True
    lower: bool = True

    def sorted(self, order: Any) -> Any:
        """The order, in the direction of the way."""
        return order.desc() if self.newest else order.asc()

    def bounds(self, order: Any) -> list[ColumnElement[bool]]:
        """The conditions that the row lies within the bounds."""
        upper, lower = bindparam("upper", type_=order.type), bindparam("lower", type_=order.type)
        return [*([order < upper] if self.upper else ()), *([order > lower] if self.lower else ())]


class Pages(Generic[Row]):
    """What reads pages of a list, in all ways.

    Each way has a statement of its own, because for one with bounds that bound nothing PostgreSQL expects a handful of
    rows, and sorts the whole list instead of reading its end. Parameters: `upper` and `lower`, where the way has them,
    and `limit`.
    """

    def __init__(self, row: type[Row], build: Callable[[DialectName, Way], Select[Any]]) -> None:
        self._row = row
        self._build = build
        self._queries: dict[Way, Query[Row]] = {}

    def query(self, way: Way) -> Query[Row]:
        """The query that reads this way."""
        found = self._queries.get(way)
        if found is None:
            found = self._queries[way] = Query(self._row, lambda dialect: self._build(dialect, way))
        return found

    @property
    def newest(self) -> Query[Row]:
        """From the newest on, between two bounds."""
        return self.query(Way(newest=True))

    @property
    def oldest(self) -> Query[Row]:
        """From the oldest on, between two bounds."""
        return self.query(Way(newest=False))


class PageQuery(Pages[Row]):
    """A page of a list, or, with `parent`, a page of the list under each of many parents in one statement.

    `order` is unique within a list; `parent` and `order` stand in one index. `where` gives further conditions from the
    listed table's columns. One parameter more: `keys` (the parents' ids).
    """

    def __init__(
        self,
        row: type[Row],
        columns: Sequence[Any],
        *,
        order: Any,
        parent: Any = None,
        joins: Sequence[Join] = (),
        where: Callable[[Columns], Sequence[ColumnElement[bool]]] = lambda _: (),
    ) -> None:
        self._columns, self._order, self._parent, self._joins, self._where = columns, order, parent, joins, where
        super().__init__(row, self._list if parent is None else self._lists)

    def _list(self, _: DialectName, way: Way) -> Select[Any]:
        table: FromClause = self._order.class_.__table__
        source = self._joined(table)
        page = select(*self._columns).select_from(source).where(*self._bounded(table.c, way)).limit(_limit())
        return page.order_by(way.sorted(self._order))

    def _lists(self, dialect: DialectName, way: Way) -> Select[Any]:
        table: FromClause = self._order.class_.__table__
        keys = _keys(dialect)
        listed = table.alias("listed")
        order = listed.c[self._order.key]
        page = (
            select(order)
            .where(listed.c[self._parent.key] == keys.c.key, *self._bounded(listed.c, way))
            .order_by(way.sorted(order))
            .limit(_limit())
            .correlate(keys)
        )
        source: FromClause
        if dialect == "postgresql":
            one = page.lateral("page")
            on = and_(self._parent == keys.c.key, self._order == one.c[self._order.key])
            source = keys.join(one, true()).join(table, on)
        else:  # SQLite has no LATERAL, but runs a correlated IN once for each parent
            source = keys.join(table, and_(self._parent == keys.c.key, self._order.in_(page)))
        return select(*self._columns).select_from(self._joined(source)).order_by(way.sorted(self._order))

    def _joined(self, source: FromClause) -> FromClause:
        for table, on in self._joins:
            source = source.join(table.__table__, on)  # type: ignore[attr-defined]
        return source

    def _bounded(self, columns: Columns, way: Way) -> list[ColumnElement[bool]]:
        return [*way.bounds(columns[self._order.key]), *self._where(columns)]


class Source(NamedTuple):
    """A part of a merged list: the rows in an index that ends with `order`, as far as `where` holds of their columns.

    With `under`, a column of another table, that many of them for each of its rows for which `of` holds: those whose
    `parent` is that column.
    """

    order: Any
    where: Callable[[Columns], Sequence[Any]]
    parent: Any = None
    under: Any = None
    of: Sequence[Any] = ()


class MergedQuery(Pages[Row]):
    """A page of the rows whose `order` is found in any of the sources. What is in several of them comes once.

    No source gives more than the page has room for.
    """

    def __init__(
        self,
        row: type[Row],
        columns: Sequence[Any],
        *,
        order: Any,
        joins: Sequence[Join] = (),
        sources: Sequence[Source],
    ) -> None:
        self._columns, self._order, self._joins, self._sources = columns, order, joins, sources
        super().__init__(row, self._merged)

    def _merged(self, dialect: DialectName, way: Way) -> Select[Any]:
        found = union(*[select(_found(source, dialect, way)) for source in self._sources]).subquery("found")
        [key] = found.c
        page = select(key.label("key")).order_by(way.sorted(key)).limit(_limit()).subquery("page")
        source: FromClause = page.join(self._order.class_.__table__, self._order == page.c.key)
        for table, on in self._joins:
            source = source.join(table.__table__, on)  # type: ignore[attr-defined]
        return select(*self._columns).select_from(source).order_by(way.sorted(page.c.key))


def _found(source: Source, dialect: DialectName, way: Way) -> Subquery:
    listed = source.order.class_.__table__.alias()
    order = listed.c[source.order.key]
    page = select(order.label("key")).where(*way.bounds(order), *source.where(listed.c))
    page = page.order_by(way.sorted(order)).limit(_limit())
    if source.under is None:
        return page.subquery()
    parents = source.under.class_.__table__
    page = page.where(listed.c[source.parent.key] == source.under).correlate(parents)
    if dialect == "postgresql":
        each = page.lateral()
        return select(each.c.key).select_from(parents.join(each, true())).where(*source.of).subquery()
    table = source.order.class_.__table__.alias()
    same = and_(table.c[source.parent.key] == source.under, table.c[source.order.key].in_(page))
    found = select(table.c[source.order.key].label("key")).select_from(parents.join(table, same))
    return found.where(*source.of).subquery()


def _limit() -> Any:
    return bindparam("limit", type_=None)


def _keys(dialect: DialectName) -> Subquery:
    sql = "SELECT key FROM unnest(:keys) AS keys(key)"
    if dialect == "sqlite":
        sql = f"SELECT key FROM ({split_ids(':keys')})"
    return text(sql).bindparams(bindparam("keys", type_=Ids())).columns(key=Id()).subquery("keys")
