"""The demo: who is in it, and a database that is filled with it."""

from typing import NamedTuple

from rich.console import Console
from sqlalchemy import select
from sqlmodel import col

from models.database import Database, Query
from models.users import User
from resolvers.accounts import authenticate
from resolvers.context import App
from server.exits import NotEmptyError
from server.progress import progress

SHOWN = 3


class Account(NamedTuple):
    """Someone in the demo, and the token that everybody knows."""

    handle: str
    token: str


class _Row(NamedTuple):
    handle: str


_anybody = Query(_Row, select(col(User.handle)).limit(1))


def accounts() -> list[Account]:
    """The first few of the demo's people."""
    from demo import CAST, token_of

    return [Account(handle, token_of(handle)) for handle in CAST[:SHOWN]]


def example_post() -> str:
    """A post that the first of them may tip."""
    from demo import EXAMPLE_POST

    return EXAMPLE_POST


async def is_empty(database: Database) -> bool:
    """Whether nobody has an account."""
    return await database.first(_anybody) is None


async def require_demo(app: App, shown: str) -> None:
    """Raises NotEmptyError if those in the database are not, or not all, the demo's people."""
    for account in accounts():
        if await authenticate(app, account.token) is None:
            raise NotEmptyError(
                f"The database {shown} holds other data than the demo's. Name another one with --database."
            )


async def fill(app: App, console: Console) -> None:
    """Makes the demo, and shows how far it has come."""
    import demo

    with progress(console, "Filling the demo's database") as advance:
        await demo.fill(app, advance)
