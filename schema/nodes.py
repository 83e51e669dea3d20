"""What has a global id, and what lies around a page of a connection."""

from collections.abc import Callable
from typing import Any

import strawberry

from execution.fields import computed
from resolvers.ids import Kind, public_id, public_id_of


@strawberry.interface(description="Whatever has a global id, by which `node` finds it again.")
class Node:
    """Whatever has a global id."""

    id: strawberry.ID = strawberry.field(description="The global id: opaque, and never another's.")


def global_id(kind: Kind | Callable[[Any], Kind], key: Callable[[Any], Any] | None = None) -> Any:
    """The field `id` of a type."""
    if not isinstance(kind, Kind):
        return computed(lambda row: public_id(kind(row), row.id), "The global id.")
    if key is None:
        return computed(public_id_of(kind), "The global id.")
    return computed(lambda row: public_id(kind, key(row)), "The global id.")


@strawberry.type(description="What lies around a page of a list.")
class PageInfo:
    """What lies around a page of a list."""

    has_next_page: bool = strawberry.field(description="Whether the list goes on after this page.")
    has_previous_page: bool = strawberry.field(description="Whether the list has something before this page.")
    start_cursor: str | None = strawberry.field(description="The first edge's cursor: give it as `before`.")
    end_cursor: str | None = strawberry.field(description="The last edge's cursor: give it as `after`.")
