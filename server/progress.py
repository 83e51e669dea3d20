"""Shows how far something long has come, on a screen; elsewhere a line says what it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[str, int, int], None]
"""Is told what is being done now, how much is done and how much there is."""


@contextmanager
def progress(console: Console, what: str) -> Iterator[Advance]:
    """A bar for as long as the block runs."""
    if not console.is_terminal:
        console.print(f"{what} …", soft_wrap=True)
        yield lambda *_: None
        return
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task(what, total=None)

        def advance(about: str, done: int, total: int) -> None:
            bars.update(bar, description=f"{what}: {escape(about)}", completed=done, total=total)

        yield advance
