"""Runs the revisions on the connection that `models.database.migrate` hands in."""

from typing import Any, Literal

from alembic import context
from sqlmodel import SQLModel

from models import types  # importing the room registers every table
from models.database.migrate import CONNECTION


def _render(kind: str, value: Any, autogenerate: Any) -> str | Literal[False]:
    """Writes our own column types into a new revision by their names."""
    if kind != "type":
        return False
    if isinstance(value, types.Choice):
        return "sa.Text()"  # its check lists the choices as they were then
    name = "BigInt" if value is types.BigInt else f"{type(value).__name__}()"
    if value is not types.BigInt and type(value).__module__ != types.__name__:
        return False
    autogenerate.imports.add("from models import types")
    return f"types.{name}"


connection = context.config.attributes[CONNECTION]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    render_item=_render,
    compare_type=False,  # a type looks different when SQLite reads it back; the tests compare what it stores
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
