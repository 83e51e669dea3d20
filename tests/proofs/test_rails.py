"""Money that goes over networks outside is moved once and counted once, whatever happens to them and to us."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from resolvers import intents
from resolvers.context import Context
from tests.conftest import DATABASES
from tests.harness.simulator import Simulator, simulate
from tests.proofs.askers import Askers, options
from tests.proofs.conftest import Say
from tests.proofs.crashes import Nursery, nursery
from tests.proofs.fortunes import Life, go_wrong
from tests.proofs.outside import Clock, Judgement, Outside, outside, tell, told
from tests.proofs.test_crashes import claims_of

# Whoever dies in the midst of asking a network leaves the connection to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

WORKING_SECONDS = (0.05, 0.6)
FAULTS_AT_ONCE = 3

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
        " nothing moved twice, and the books are the networks'"
    )


def _told(states: Counter[str]) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))


@pytest.fixture
async def world(database_url: str, simulator: Simulator, clock: Clock, seed: int) -> AsyncIterator[Outside]:
    """Hatful and its networks, on the test's database."""
    async with outside(database_url, simulator, clock, Random(seed)) as world:
        yield world


@pytest.fixture
async def servers(database_url: str, simulator: Simulator, tmp_path: Path) -> AsyncIterator[Nursery]:
    """Where servers are started that go over the simulator's networks."""
    async with nursery(tmp_path, database_url, options(simulator)) as servers:
        yield servers


@pytest.mark.parametrize("kills", [pytest.param(2, id="small"), pytest.param(100, id="full", marks=pytest.mark.proof)])
async def test_what_a_killed_server_had_sent_is_known_in_the_end(
    world: Outside, servers: Nursery, kills: int, seed: int, say: Say
) -> None:
    random = Random(seed)
    await servers.start()
    await tell(world.simulator, servers.url)
    askers = Askers(world, servers.url, random)
    await askers.begin()
    try:
        for _ in range(kills):
            for _ in range(random.randint(0, FAULTS_AT_ONCE)):
                world.spoilt |= go_wrong(world.simulator, random, never=["SILENT"])
            await asyncio.sleep(random.uniform(*WORKING_SECONDS))
            await servers.kill()
            await servers.start()
        world.simulator.heal()
        await askers.end()
    finally:
        await askers.leave()
    await servers.kill()
    judgement = await world.end()
    await _check_told(world, askers)
    states = Counter({state.lower(): number for state, number in judgement.states.items()})
    say(
        f"rails, kill -9 of the server: {kills} kills under load, {len(askers.told):,} transfers were told of and each"
        f" stands once, {askers.counts['again']:,} requests were sent again: {_told(states)};"
        f" {judgement.resolved:,} intents decided by the operator; nothing moved twice, and the books are the networks'"
    )


async def _check_told(world: Outside, askers: Askers) -> None:
    """What clients were told of stands, and stands alone under its key."""
    assert len({asked.transfer_id for asked in askers.told}) == len(askers.told)
    rows = await intents.intents_by_id(world.app, [asked.transfer_id for asked in askers.told])
    claims = await world.app.database.fetch(claims_of, keys=[world.ada.id])
    journals = {claim.key: claim.journal_id for claim in claims}
    for asked in askers.told:
        assert journals[asked.key] == rows[asked.transfer_id].opened_by, "the key stands for what its client was told"
