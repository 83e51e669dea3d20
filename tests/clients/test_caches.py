"""Clients that keep what they know in a normalised cache: a page that is open shows the new balance by itself."""

import pytest

from tests.harness import node
from tests.harness.client import Client
from tests.harness.server import Server
from tests.stories.people import Person


@pytest.mark.parametrize("program", ["urql.mjs", "apollo.mjs"])
def test_an_open_page_shows_the_new_balance_after_a_tip_without_asking_again(
    program: str, shared_server: Server, visitor: Client
) -> None:
    ada, ben = Person(visitor, "ada"), Person(visitor, "ben")
    ada.tops_up("20.00")
    told = node.answer(program, shared_server.url, ada.token, ben.posts("Spring!"))
    assert told == {
        "before": {"balance": "20.00", "earned": "0.00"},
        "after": {"balance": "17.50", "earned": "2.50"},
        "errors": [],
        "sent": ["Page", "Tip"],
        "warnings": [],
    }
