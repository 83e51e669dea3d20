"""Money that goes over networks outside is moved once and counted once, whatever happens to them and to us."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from resolvers.context import Context
from tests.conftest import DATABASES
from tests.harness.simulator import Simulator, simulate
from tests.proofs.conftest import Say
from tests.proofs.fortunes import Life
from tests.proofs.outside import Clock, Judgement, outside, told

Fresh = Callable[[], AbstractContextManager[str]]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """`hatful simulator`, with Visa Direct and Stripe."""
    with simulate(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Our clock, by which requests are made too."""
    clock = Clock()
    monkeypatch.setattr(Context, "now", lambda _: clock.now())
    return clock


@pytest.fixture(params=DATABASES)
def fresh(request: pytest.FixtureRequest, sqlite_folder: Path) -> Fresh:
    """Makes databases, each a new one."""
    if request.param == "postgresql":
        server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
        return lambda: server.migrated(template)
    template = request.getfixturevalue("sqlite_template")

    @contextmanager
    def copied() -> Iterator[str]:
        with TemporaryDirectory(dir=sqlite_folder) as folder:
            path = Path(folder) / "hatful.db"
            shutil.copy(template, path)
            yield f"sqlite:///{path}"

    return copied


class Ground(NamedTuple):
    """Where lives are lived: each on a database of its own, with networks that begin anew."""

    fresh: Fresh
    simulator: Simulator
    clock: Clock

    def live(self, seed: int, steps: int) -> tuple[Counter[str], Judgement]:
        """Lives a life of so many steps."""
        with self.fresh() as url:
            return asyncio.run(_live(url, self, Random(seed), steps))


async def _live(url: str, ground: Ground, random: Random, steps: int) -> tuple[Counter[str], Judgement]:
    async with outside(url, ground.simulator, ground.clock, random) as world, told(world):
        life = Life(world, random)
        return life.counts, await life.live(steps)


@pytest.fixture
def ground(fresh: Fresh, simulator: Simulator, clock: Clock) -> Ground:
    return Ground(fresh, simulator, clock)


class Size(NamedTuple):
    runs: int
    steps: int


@pytest.mark.parametrize(
    "size", [pytest.param(Size(4, 14), id="small"), pytest.param(Size(1_000, 14), id="full", marks=pytest.mark.proof)]
)
def test_whatever_happens_the_networks_books_are_ours_in_the_end(
    ground: Ground, size: Size, seed: int, say: Say
) -> None:
    seeds = Random(seed)
    counts: Counter[str] = Counter()
    states: Counter[str] = Counter()
    for number in range(size.runs):
        own = seeds.randrange(1 << 32)
        try:
            lived, judgement = ground.live(own, size.steps)
        except BaseException as error:
            error.add_note(f"life {number} of PROOF_SEED={seed}, which began with {own}")
            raise
        counts += lived + Counter(findings=judgement.findings, resolved=judgement.resolved)
        states += Counter({state.lower(): number for state, number in judgement.states.items()})
    say(
        f"rails: {size.runs:,} lives of {size.steps} steps, {counts['faults']:,} faults of networks,"
        f" {counts['deaths']:,} deaths: {_told(states)}; {counts['notices']:,} webhooks were believed,"
        f" {counts['findings']:,} lines reported, {counts['resolved']:,} intents decided by the operator;"
        " nothing moved twice, and the networks' books are ours"
    )


def _told(states: Counter[str]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
