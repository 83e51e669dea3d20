"""The demo: who is in it, and a database that is filled with it."""

from typing import NamedTuple

from rich.console import Console

from resolvers.context import App
from server.exits import NotEmptyError
from server.progress import progress


class Account(NamedTuple):
    """Someone in the demo, and the token that everybody knows."""

    handle: str
    token: str


def accounts() -> list[Account]:
    """Those whom a visitor can be."""
    import demo

    return [Account(handle, demo.token_of(handle)) for handle in demo.CAST]


def example_post() -> str:
    """A post that the first of them may tip."""
    import demo

    return demo.EXAMPLE_POST


async def fill_unless_filled(app: App, console: Console, where: str) -> None:
    """Makes the demo, if it is not there yet. Raises NotEmptyError if something else is there."""
    import demo

    if not await demo.is_filled(app):
        await fill(app, console, where)


async def fill(app: App, console: Console, where: str) -> None:
    """Makes the demo, or goes on where that was interrupted. Raises NotEmptyError if something else is there."""
    import demo

    if await demo.state(app) not in (demo.State.EMPTY, demo.State.PARTIAL):
        raise NotEmptyError(f"The demo goes into an empty database, and {where} is not. Name another with --database.")
    with progress(console, "Filling the demo's database") as advance:
        await demo.fill(app, advance)
