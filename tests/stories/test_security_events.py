"""The log of an account, over HTTP: from where, and with what."""

import time
from typing import Any

from resolvers.statements import CSV_PATH
from tests.harness.client import Client
from tests.stories.people import PASSWORD, Person

EVENTS = """
{ viewer { securityEvents { nodes { kind address token { __typename } subject { __typename } } } } }
"""
SIGN_IN = """
mutation ($handle: String!, $password: String!) {
  signIn(input: { handle: $handle, password: $password }) { token userErrors { ... on UserError { message } } }
}
"""
TOKEN = 'mutation { createAccessToken(input: { name: "An app", scopes: [WRITE] }) { secret } }'
SESSIONS = "{ viewer { sessions { nodes { id isCurrent } } } }"
EVERYWHERE = "mutation { revokeOtherSessions { sessions { id } } }"
PATIENCE_SECONDS = 30


def events(person: Person, first: str) -> list[dict[str, Any]]:
    """The events, once the newest is of this kind: a refusal is written when it has been answered."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        nodes: list[dict[str, Any]] = person.ask(EVENTS).data["viewer"]["securityEvents"]["nodes"]
        if nodes[0]["kind"] == first or time.monotonic() > until:
            return nodes
        time.sleep(0.05)


def test_an_account_tells_its_owner_what_has_happened(visitor: Client) -> None:
    ada = Person(visitor, "ada")
    ada.tops_up("5.00")
    money, signed_in, signed_up = events(ada, "MONEY_MOVED")
    session = {"__typename": "Session"}
    assert (money["token"], money["subject"]) == (session, {"__typename": "RailTransfer"})
    assert [signed_in["kind"], signed_up["kind"]] == ["SIGNED_IN", "SIGNED_UP"]
    assert {event["address"] for event in (money, signed_in, signed_up)} == {"127.0.0.1"}
    failed = visitor.run(SIGN_IN, {"handle": ada.handle, "password": "wrong horse battery"})
    assert failed.data["signIn"]["userErrors"]
    assert events(ada, "SIGN_IN_FAILED")[0]["token"] is None
    secret = ada.ask(TOKEN).data["createAccessToken"]["secret"]
    assert visitor.run(EVENTS, token=secret).codes == ["FORBIDDEN"]
    statement = visitor.http.get(CSV_PATH, headers={"authorization": f"Bearer {secret}"})
    assert statement.status_code == 403
    assert events(ada, "SCOPE_REFUSED")[0]["token"] == {"__typename": "AccessToken"}


def test_a_lost_device_is_signed_out_from_another(visitor: Client) -> None:
    ada = Person(visitor, "ada")
    lost = visitor.run(SIGN_IN, {"handle": ada.handle, "password": PASSWORD}).data["signIn"]["token"]
    visitor.http.cookies.clear()
    sessions = ada.ask(SESSIONS).data["viewer"]["sessions"]["nodes"]
    assert [session["isCurrent"] for session in sessions] == [False, True]
    assert visitor.run(SESSIONS, token=lost).data["viewer"]
    ended = ada.ask(EVERYWHERE).data["revokeOtherSessions"]["sessions"]
    assert [session["id"] for session in ended] == [sessions[0]["id"]]
    assert visitor.run(SESSIONS, token=lost).codes == ["UNAUTHENTICATED"]
    assert events(ada, "SESSION_REVOKED")[0]["subject"] == {"__typename": "Session"}
