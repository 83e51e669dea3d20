from collections.abc import Iterator

import pytest

from tests.harness.simulator import Simulator, simulate


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
