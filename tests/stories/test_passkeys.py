"""Somebody signs in with a passkey, over HTTP: registered on one device, used without a handle, and revoked."""

from typing import Any
from urllib.parse import urlsplit

from tests.harness.authenticator import Authenticator
from tests.harness.client import Client
from tests.stories.people import Person

ERRORS = "userErrors { __typename ... on UserError { code message path } }"
BEGIN = f"mutation {{ beginPasskeyRegistration {{ options {ERRORS} }} }}"
REGISTER = f"""
mutation ($credential: JSONObject!) {{
  registerPasskey(input: {{ name: "Phone", credential: $credential }}) {{
    passkey {{ id name createdAt lastUsedAt }}
    query {{ viewer {{ passkeys {{ id }} }} }}
    {ERRORS}
  }}
}}
"""
BEGIN_SIGN_IN = f"mutation {{ beginPasskeySignIn {{ options {ERRORS} }} }}"
SIGN_IN = f"""
mutation ($credential: JSONObject!) {{
  signInWithPasskey(input: {{ credential: $credential }}) {{
    token viewer {{ user {{ handle }} passkeys {{ id lastUsedAt }} }} {ERRORS}
  }}
}}
"""
EVENTS = """
{ viewer { securityEvents { nodes { kind address subject { __typename ... on Passkey { name } } } } } }
"""
REVOKE = f"mutation ($id: ID!) {{ revokePasskey(input: {{ id: $id }}) {{ passkey {{ name }} {ERRORS} }} }}"
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
WHO = "{ viewer { user { handle } } }"


def signs_in(visitor: Client, phone: Authenticator) -> dict[str, Any]:
    """What comes of an answer of the phone's."""
    visitor.http.cookies.clear()
    options = visitor.run(BEGIN_SIGN_IN).data["beginPasskeySignIn"]["options"]
    payload: dict[str, Any] = visitor.run(SIGN_IN, {"credential": phone.get(options)}).data["signInWithPasskey"]
    return payload


def test_a_passkey_signs_its_owner_in_until_it_is_revoked(visitor: Client) -> None:
    ada = Person(visitor, "ada")
    phone = Authenticator(origin=f"http://localhost:{urlsplit(str(visitor.http.base_url)).port}")

    begun = ada.ask(BEGIN).data["beginPasskeyRegistration"]
    assert begun["userErrors"] == []
    made = ada.ask(REGISTER, credential=phone.create(begun["options"])).data["registerPasskey"]
    passkey = made["passkey"]
    assert (passkey["name"], passkey["lastUsedAt"], made["userErrors"]) == ("Phone", None, [])
    assert made["query"]["viewer"]["passkeys"] == [{"id": passkey["id"]}]

    signed = signs_in(visitor, phone)
    assert signed["userErrors"] == []
    assert signed["viewer"]["user"] == {"handle": ada.handle}
    assert signed["viewer"]["passkeys"][0]["lastUsedAt"]
    known = visitor.run(WHO)
    assert known.data == {"viewer": {"user": {"handle": ada.handle}}}, "a browser is signed in by the cookie"
    visitor.http.cookies.clear()
    assert visitor.run(NODE, {"id": passkey["id"]}, token=signed["token"]).data == {
        "node": {"__typename": "Passkey", "id": passkey["id"]}
    }
    assert visitor.run(NODE, {"id": passkey["id"]}).data == {"node": None}

    assert ada.ask(REVOKE, id=passkey["id"]).data["revokePasskey"] == {"passkey": {"name": "Phone"}, "userErrors": []}
    events = ada.ask(EVENTS).data["viewer"]["securityEvents"]["nodes"]
    assert [(event["kind"], event["subject"]) for event in events[:3]] == [
        ("PASSKEY_REVOKED", {"__typename": "Passkey", "name": "Phone"}),
        ("SIGNED_IN_WITH_PASSKEY", {"__typename": "Session"}),
        ("PASSKEY_REGISTERED", {"__typename": "Passkey", "name": "Phone"}),
    ]
    refused = signs_in(visitor, phone)
    assert (refused["token"], refused["viewer"]) == (None, None)
    assert refused["userErrors"][0]["path"] == ["credential"]
    assert "set-cookie" not in visitor.run(WHO).headers
