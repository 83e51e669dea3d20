"""Replays the books from the first posting, and names what is wrong with them."""

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import BigInteger, text

from ledger import seals
from ledger.rules import RULES, Rule
from ledger.seals import Head, SealRow
from models.database import Database, Query

MOST_NAMED = 100
"""How many breaches of one rule are named; of more it is said that there are more."""

Progress = Callable[[str, int, int], None]
"""Is told what is checked now, how many rules and blocks are done, and how many there are."""


class Report(NamedTuple):
    """What was looked at, and what is wrong with it: nothing, if all is well."""

    problems: list[str]
    journals: int
    postings: int
    entries: int
    accounts: int
    seconds: float
    head: SealRow | None = None
    """The newest block, if anything was sealed yet and the seals were checked."""


class _Counts(NamedTuple):
    journals: int
    postings: int
    entries: int
    accounts: int


_counts = Query(
    _Counts,
    text("""
        SELECT (SELECT count(*) FROM journals), (SELECT count(*) FROM postings),
            (SELECT count(*) FROM entries), (SELECT count(*) FROM accounts)
    """).columns(journals=BigInteger(), postings=BigInteger(), entries=BigInteger(), accounts=BigInteger()),
)


def _silence(about: str, done: int, total: int) -> None:
    """Tells nobody."""


async def check(database: Database, progress: Progress = _silence) -> Report:
    """Checks the rules that hold at any moment, on all rows from the first one on."""
    return await _check(database, progress, 0)


async def verify(database: Database, progress: Progress = _silence, kept: Head | None = None) -> Report:
    """Checks every rule of the books and every seal, and the head if one was kept elsewhere."""
    began = time.monotonic()
    head, blocks = await seals.last_seal(database), await seals.count(database)
    report = await _check(database, progress, blocks)
    problems = list(report.problems)
    done = 0
    async for found in seals.check(database):
        done += 1
        progress("what was sealed is as it was", len(RULES) + done, len(RULES) + max(blocks, done))
        problems.extend(found)
    if kept is not None:
        problems.extend(await seals.compare(database, kept))
    return report._replace(problems=problems, seconds=time.monotonic() - began, head=head)


async def _check(database: Database, progress: Progress, further: int) -> Report:
    began = time.monotonic()
    problems: list[str] = []
    total = len(RULES) + further
    for done, rule in enumerate(RULES):
        progress(rule.about, done, total)
        problems.extend(await _breaches(database, rule))
    counts = await database.first(_counts)
    assert counts is not None, "counting gives one row"
    progress("the rules hold", len(RULES), total)
    return Report(problems, *counts, time.monotonic() - began)


async def _breaches(database: Database, rule: Rule) -> list[str]:
    breaches = await database.fetch(rule.query, most=MOST_NAMED + 1)
    problems = [rule.sentence.format(*breach) for breach in breaches[:MOST_NAMED]]
    if len(breaches) > MOST_NAMED:
        problems.append(f"… and more: {rule.about}.")
    return problems
