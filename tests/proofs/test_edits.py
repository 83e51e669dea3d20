"""Whatever row of the books is altered behind the triggers, `verify` finds it."""

from datetime import timedelta
from random import Random
from typing import NamedTuple

import pytest

from ledger import seals
from ledger.verify import verify
from tests.harness.backdoor import Backdoor
from tests.harness.books import Books
from tests.harness.edits import WAYS, Way, drop_checks, edit_at_random, live, undo, unguard
from tests.proofs.conftest import Say

MILLION = 1_000_000
NOW = timedelta(0)


class Size(NamedTuple):
    blocks: int
    lives: int
    edits: int


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(2, 1, 15), id="small"),
        pytest.param(Size(4, 40, 3 * len(WAYS)), id="full", marks=pytest.mark.proof),
    ],
)
async def test_verify_finds_every_row_that_is_altered_behind_the_triggers(
    books: Books, backdoor: Backdoor, size: Size, seed: int, say: Say
) -> None:
    for _ in range(size.blocks):
        await live(books, size.lives)
        await seals.seal(books.database, NOW)
    newest = await seals.last_seal(books.database)
    assert newest is not None
    report = await verify(books.database, kept=newest.head)
    assert report.problems == []
    await unguard(backdoor)
    await drop_checks(backdoor)
    random = Random(seed)
    missed, seconds = [], 0.0
    for way in _in_some_order(size.edits, random):
        edit = await edit_at_random(backdoor, random, [way])
        found = await verify(books.database, kept=newest.head)
        seconds += found.seconds
        if not found.problems:
            missed.append(str(edit))
        await undo(backdoor, edit)
    assert missed == []
    report = await verify(books.database, kept=newest.head)
    assert report.problems == [], "all is as it was"
    say(
        f"verify found all {size.edits} rows altered in {len(WAYS)} ways; {report.postings:,} postings in"
        f" {seconds / size.edits:.3f} s: {seconds / size.edits * MILLION / report.postings:.1f} s per million postings"
        " at this size, seals included"
    )


def _in_some_order(edits: int, random: Random) -> list[Way]:
    """So many ways to alter a row, none of them again before each has been."""
    ways: list[Way] = []
    while len(ways) < edits:
        ways += random.sample(WAYS, len(WAYS))
    return ways[:edits]
