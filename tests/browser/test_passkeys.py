"""Passkeys with a browser's own functions, and the authenticator that a browser has for tests."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from tests.harness.server import Server
from tests.stories.people import PASSWORD, new_handle

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
ASK = """
async function ask(query, variables) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }) });
    return (await response.json()).data;
}
const errors = 'userErrors { ... on UserError { message } }';
"""
REGISTER = f"""async ([handle, password]) => {{
    {ASK}
    await ask(
        `mutation ($handle: String!, $password: String!) {{
            signUp(input: {{ handle: $handle, password: $password }}) {{ ${{errors}} }}
        }}`,
        {{ handle, password }});
    const begun = await ask(`mutation {{ beginPasskeyRegistration {{ options }} }}`);
    const options = begun.beginPasskeyRegistration.options;
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    const credential = (await navigator.credentials.create({{ publicKey }})).toJSON();
    const made = await ask(
        `mutation ($credential: JSONObject!) {{
            registerPasskey(input: {{ name: "Laptop", credential: $credential }}) {{ passkey {{ name }} ${{errors}} }}
        }}`,
        {{ credential }});
    await ask(`mutation {{ signOut {{ ${{errors}} }} }}`);
    return made.registerPasskey;
}}"""
SIGN_IN = f"""async () => {{
    {ASK}
    const begun = await ask(`mutation {{ beginPasskeySignIn {{ options }} }}`);
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(begun.beginPasskeySignIn.options);
    const credential = (await navigator.credentials.get({{ publicKey }})).toJSON();
    const signed = await ask(
        `mutation ($credential: JSONObject!) {{
            signInWithPasskey(input: {{ credential: $credential }}) {{ viewer {{ user {{ handle }} }} ${{errors}} }}
        }}`,
        {{ credential }});
    const who = await ask(`{{ viewer {{ user {{ handle }} }} }}`);
    return [signed.signInWithPasskey, who.viewer];
}}"""


@pytest.fixture
def page(browser: Browser, shared_server: Server) -> Iterator[Page]:
    """A page at localhost, for passkeys need a domain, in a browser with an authenticator."""
    context = browser.new_context()
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    page.goto(f"http://localhost:{urlsplit(shared_server.url).port}/graphql")
    yield page
    context.close()


def test_a_browser_registers_a_passkey_and_signs_in_with_it(page: Page) -> None:
    handle = new_handle("robin")
    assert page.evaluate(REGISTER, [handle, PASSWORD]) == {"passkey": {"name": "Laptop"}, "userErrors": []}
    for _ in range(2):
        signed, viewer = page.evaluate(SIGN_IN)
        assert signed == {"viewer": {"user": {"handle": handle}}, "userErrors": []}
        assert viewer == {"user": {"handle": handle}}
