"""What a run gives, and what may be compared."""

from statistics import median, quantiles
from typing import NamedTuple


class UnlikeError(Exception):
    """The two sides did not write the same rows, so that no ratio says anything."""


class Run(NamedTuple):
    """One side, with so many clients, for a while."""

    clients: int
    rate: float
    p50: float
    p99: float
    rows: dict[str, float]
    """How many rows of each table were written for one tip."""

    @classmethod
    def of(cls, clients: int, seconds: float, tips: int, latencies: list[float], rows: dict[str, int]) -> "Run":
        """The run that posted so many tips, with a sample of their latencies in seconds."""
        cuts = quantiles(latencies, n=100)
        each = {name: count / tips for name, count in rows.items()}
        return cls(clients, tips / seconds, cuts[49], cuts[98], each)


def best(runs: list[Run]) -> Run:
    """The fastest one."""
    return max(runs, key=lambda run: run.rate)


def middle(runs: list[Run]) -> Run:
    """The median of runs that differ in nothing but chance."""
    return Run(
        runs[0].clients,
        median(run.rate for run in runs),
        median(run.p50 for run in runs),
        median(run.p99 for run in runs),
        runs[0].rows,
    )


def compare(ours: list[Run], theirs: list[Run]) -> None:
    """Raises UnlikeError unless all wrote the same rows for each tip."""
    wanted = theirs[0].rows
    for run in (*ours, *theirs):
        if run.rows != wanted:
            raise UnlikeError(f"{run.rows} differs from {wanted}")
