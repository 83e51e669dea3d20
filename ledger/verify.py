"""Replays the books from the first posting, and names what is wrong with them."""

import time
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import BigInteger, text

from ledger.rules import RULES, Rule
from models.database import Database, Query

MOST_NAMED = 100
"""How many breaches of one rule are named; of more it is said that there are more."""

Progress = Callable[[str, int, int], None]
"""Is told what is checked now, how many rules are done and how many there are."""


class Report(NamedTuple):
    """What was looked at, and what is wrong with it: nothing, if all is well."""

    problems: list[str]
    journals: int
    postings: int
    entries: int
    accounts: int
    seconds: float


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


async def verify(database: Database, progress: Progress = lambda about, done, total: None) -> Report:
    """Checks every rule of the books, on all rows from the first one on."""
    began = time.monotonic()
    problems: list[str] = []
    for done, rule in enumerate(RULES):
        progress(rule.about, done, len(RULES))
        problems.extend(await _breaches(database, rule))
    counts = await database.first(_counts)
    assert counts is not None, "counting gives one row"
    progress("done", len(RULES), len(RULES))
    return Report(problems, *counts, time.monotonic() - began)


async def _breaches(database: Database, rule: Rule) -> list[str]:
    breaches = await database.fetch(rule.query, most=MOST_NAMED + 1)
    problems = [rule.sentence.format(*breach) for breach in breaches[:MOST_NAMED]]
    if len(breaches) > MOST_NAMED:
        problems.append(f"… and more: {rule.about}.")
    return problems
