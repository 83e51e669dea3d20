"""Wherever in a commit the process dies, the same request sent again has one effect."""

import pytest

from tests.proofs import processes
from tests.proofs.conftest import Say
from tests.proofs.deaths import STORIES


@pytest.mark.parametrize(
    "stories", [pytest.param(["TIP"], id="small"), pytest.param(list(STORIES), id="full", marks=pytest.mark.proof)]
)
async def test_a_request_has_one_effect_wherever_its_process_dies(
    database_url: str, stories: list[str], say: Say
) -> None:
    found = await processes.run("tests.proofs.deaths", url=database_url, stories=stories)
    assert found["stories"] == len(stories)
    assert 0 < found["committed"] < found["deaths"]
    say(
        f"fail points: {found['stories']} stories, one for each kind and more, {found['deaths']:,} deaths before and"
        f" after each statement and around COMMIT, {found['committed']:,} of them with the commit done:"
        " each request, sent again, had one effect"
    )
