from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.harness.simulator import Simulator, simulate
from tests.rails.stages import SandboxStage, StripeStage, VisaStage


@pytest.fixture(scope="session")
def running_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """`hatful simulator`, which all tests share."""
    with simulate(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def simulator(running_simulator: Simulator) -> Simulator:
    """The simulator as if it had just been started."""
    running_simulator.reset()
    return running_simulator


@pytest.fixture
async def visa(simulator: Simulator) -> AsyncIterator[VisaStage]:
    stage = VisaStage(simulator)
    yield stage
    await stage.adapter.close()


@pytest.fixture
async def stripe(simulator: Simulator) -> AsyncIterator[StripeStage]:
    stage = StripeStage(simulator)
    await stage.open()
    yield stage
    await stage.adapter.close()


@pytest.fixture
async def sandbox() -> SandboxStage:
    return SandboxStage()


FIXTURES = {"SANDBOX": "sandbox", "VISA_DIRECT": "visa", "STRIPE": "stripe"}


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Any:
    """The stage that the test runs on now."""
    return request.getfixturevalue(FIXTURES[request.param])
