"""The page for card numbers in a real browser, with JavaScript switched off: it needs none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.harness.server import Server, serve
from tests.stories.people import PASSWORD, new_handle

SIGN_UP = """mutation ($handle: String!, $password: String!) {
  signUp(input: { handle: $handle, password: $password }) { token } }"""
LINK = """mutation ($token: String!) {
  linkCard(input: { vaultToken: $token }) { fundingSource { label } userErrors { __typename } } }"""


@pytest.fixture
def own_server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    with serve(tmp_path, "--database", sqlite_url) as server:
        yield server


@pytest.fixture
def page(browser: Browser, own_server: Server) -> Iterator[Page]:
    """The browser of somebody who has signed up. A complaint on its console fails the test."""
    context = browser.new_context(base_url=own_server.url, java_script_enabled=False, color_scheme="light")
    context.set_default_timeout(20_000)
    complaints: list[str] = []
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    variables = {"handle": new_handle("ada"), "password": PASSWORD}
    context.request.post("/graphql", data={"query": SIGN_UP, "variables": variables})
    yield context.new_page()
    context.close()
    # That an answer was 400 or 401 the browser tells as well.
    assert [text for text in complaints if "status of 40" not in text] == []


def test_a_card_is_typed_and_its_token_links_it(page: Page) -> None:
    page.goto("/vault/cards")
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expires").fill("08/30")
    page.get_by_role("button").click()
    expect(page.get_by_role("heading")).to_have_text("Your card is in the vault")
    token = page.locator("code").inner_text()
    assert re.fullmatch(r"vault_[\w-]{43}", token)
    linked = page.request.post("/graphql", data={"query": LINK, "variables": {"token": token}}).json()
    payload = {"fundingSource": {"label": "Visa …4242"}, "userErrors": []}
    assert linked == {"data": {"linkCard": payload}}


def test_a_mistake_is_told_and_the_form_is_empty_again(page: Page) -> None:
    page.goto("/vault/cards")
    page.get_by_label("Card number").fill("4242424242424241")
    page.get_by_label("Expires").fill("08/30")
    page.get_by_role("button").click()
    expect(page.get_by_role("alert")).to_contain_text("mistyped digit")
    expect(page.get_by_label("Card number")).to_have_value("")


def test_the_page_has_its_style_and_whoever_is_signed_out_is_told_so(page: Page, own_server: Server) -> None:
    page.goto("/vault/cards")
    expect(page.locator("main")).to_have_css("max-width", "416px")
    page.context.clear_cookies()
    page.goto("/vault/cards")
    expect(page.get_by_role("alert")).to_have_text("Sign in first.")
    assert page.get_by_role("button").count() == 0
