import os

import pytest

from tests.harness import node


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    """Without Node's packages these tests are skipped; where none may be, they fail."""
    reason = node.missing()
    if reason is None:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
