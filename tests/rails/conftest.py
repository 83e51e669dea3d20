import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.harness.simulator import Simulator
from tests.rails.stages import AchStage, Iso20022Stage, SandboxStage, StripeStage, VisaStage


@pytest.fixture
def unused_url() -> Iterator[str]:
    """An address at which nobody answers."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
async def visa(simulator: Simulator) -> AsyncIterator[VisaStage]:
    stage = VisaStage(simulator)
    yield stage
    await stage.adapter.close()


@pytest.fixture
async def sandbox() -> SandboxStage:
    return SandboxStage()


@pytest.fixture
async def ach(simulator: Simulator) -> AsyncIterator[AchStage]:
    stage = AchStage(simulator)
    yield stage
    await stage.adapter.close()


@pytest.fixture
async def iso20022(simulator: Simulator) -> AsyncIterator[Iso20022Stage]:
    stage = Iso20022Stage(simulator)
    yield stage
    await stage.adapter.close()


@pytest.fixture
async def stripe(simulator: Simulator) -> AsyncIterator[StripeStage]:
    stage = StripeStage(simulator)
    await stage.open()
    yield stage
    await stage.adapter.close()


FIXTURES = {"SANDBOX": "sandbox", "VISA_DIRECT": "visa", "STRIPE": "stripe", "ACH": "ach", "ISO20022": "iso20022"}


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Any:
    """The stage that the test runs on now."""
    return request.getfixturevalue(FIXTURES[request.param])
