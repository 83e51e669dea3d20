"""The page at /graphql in a real browser that reaches nothing but the server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

EXAMPLES = ["Feed", "TipAndBalance", "RetryThatReplays", "Refusal"]

# GraphiQL reads a changed editor after 100 ms, and keeps its tabs after 500 ms.
EDITOR_PAUSE_MS = 250
STORAGE_PAUSE_MS = 1_000


class Server(Protocol):
    """A running Hatful."""

    @property
    def url(self) -> str: ...


@pytest.fixture
def context(browser: Browser, demo_server: Server) -> Iterator[BrowserContext]:
    """A new visitor. Whatever asks another host, or complains on the console, fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(20_000)
    strangers: list[str] = []
    complaints: list[str] = []

    def guard(route: Route) -> None:
        if urlsplit(route.request.url).netloc == urlsplit(demo_server.url).netloc:
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    context.route("**/*", guard)
    context.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    yield context
    context.close()
    assert strangers == []
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext, demo_server: Server) -> Page:
    return open_page(context, demo_server)


@pytest.fixture(scope="module")
def pictures(pytestconfig: pytest.Config) -> Path:
    folder = pytestconfig.rootpath / ".artifacts"
    folder.mkdir(exist_ok=True)
    return folder


def open_page(context: BrowserContext, server: Server) -> Page:
    page = context.new_page()
    page.goto(f"{server.url}/graphql")
    wait_until_ready(page)
    return page


def wait_until_ready(page: Page) -> None:
    expect(page.get_by_label("Operation Editor").locator(".view-line").first).to_be_visible()
    expect(page.get_by_label("Re-fetch GraphQL schema")).to_be_enabled()
    page.wait_for_timeout(EDITOR_PAUSE_MS)


def tab_names(page: Page) -> Locator:
    return page.locator(".graphiql-tab-button")


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_label("Operation Editor")).to_contain_text(name)
    page.wait_for_timeout(EDITOR_PAUSE_MS)


def run(page: Page) -> dict[str, Any]:
    """Presses the play button; the answer's data, once the page shows it."""
    with page.expect_response("**/graphql") as answer:
        page.get_by_role("button", name="Execute query").click()
    return shown(page, answer.value.json())


def shown(page: Page, answer: dict[str, Any]) -> dict[str, Any]:
    assert "errors" not in answer
    expect(page.get_by_label("Result Window")).to_contain_text('"data"')
    data: dict[str, Any] = answer["data"]
    return data


def test_opens_with_the_examples_as_tabs(page: Page) -> None:
    expect(page).to_have_title("Hatful")
    expect(tab_names(page)).to_have_text(EXAMPLES)


def test_shows_the_feed_with_ctrl_enter(page: Page) -> None:
    page.get_by_label("Operation Editor").locator(".view-line").first.click()
    with page.expect_response("**/graphql") as answer:
        page.keyboard.press("Control+Enter")
    feed = shown(page, answer.value.json())["feed"]
    assert len(feed["nodes"]) == 10
    expect(page.get_by_label("Result Window")).to_contain_text(feed["nodes"][0]["author"]["displayName"])


def test_tips_a_post_and_shows_the_new_balance(page: Page, pictures: Path) -> None:
    open_tab(page, "TipAndBalance")
    payload = run(page)["tipPost"]
    balance = payload["wallet"]["balance"]["available"]["formatted"]
    assert payload["tip"]["amount"]["formatted"] == "$2.50"
    assert payload["replayed"] is False
    expect(page.get_by_label("Result Window")).to_contain_text(f'"formatted": "{balance}"')
    page.mouse.move(1200, 850)  # off the button, so that the picture has no tooltip
    page.wait_for_timeout(EDITOR_PAUSE_MS)
    page.screenshot(path=pictures / "graphiql-tip.png")


def test_replays_a_retry(page: Page, pictures: Path) -> None:
    open_tab(page, "RetryThatReplays")
    first, retry = run(page).values()
    assert (first["replayed"], retry["replayed"]) == (False, True)
    assert (first["tip"], first["wallet"]) == (retry["tip"], retry["wallet"])
    expect(page.get_by_label("Result Window")).to_contain_text('"replayed": true')
    page.screenshot(path=pictures / "graphiql-retry.png")


def test_shows_the_shortfall_of_a_refusal(page: Page, pictures: Path) -> None:
    open_tab(page, "Refusal")
    payload = run(page)["tipPost"]
    [error] = payload["userErrors"]
    assert payload["tip"] is None
    assert error["code"] == "INSUFFICIENT_FUNDS"
    expect(page.get_by_label("Result Window")).to_contain_text(error["shortfall"]["formatted"])
    page.screenshot(path=pictures / "graphiql-refusal.png")


def test_marks_nothing_in_the_examples_as_wrong(page: Page) -> None:
    for name in EXAMPLES:
        open_tab(page, name)
        page.wait_for_timeout(STORAGE_PAUSE_MS)  # the marks come from a worker
        assert page.locator(".squiggly-error").count() == 0, name


def test_shows_what_a_field_is_for_in_the_docs(page: Page, demo_server: Server, pictures: Path) -> None:
    question = {"query": '{ __type(name: "Mutation") { fields { name description } } }'}
    fields = page.request.post(f"{demo_server.url}/graphql", data=question).json()["data"]["__type"]["fields"]
    description = next(field["description"] for field in fields if field["name"] == "tipPost")
    plain_beginning = description.split("`")[0].strip()

    page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = page.get_by_label("Documentation Explorer", exact=True)
    docs.get_by_role("link", name="Mutation", exact=True).click()
    docs.get_by_role("link", name="tipPost", exact=True).click()
    expect(docs).to_contain_text(plain_beginning)
    page.screenshot(path=pictures / "graphiql-docs.png")


def test_keeps_the_tabs_of_a_visitor_who_comes_back_signed_in(page: Page) -> None:
    open_tab(page, "Refusal")
    page.get_by_role("tab", name="Refusal").get_by_label("Close Tab").click()
    open_tab(page, "RetryThatReplays")
    page.wait_for_timeout(STORAGE_PAUSE_MS)

    page.reload()
    wait_until_ready(page)

    expect(tab_names(page)).to_have_text(EXAMPLES[:-1])
    assert run(page)["retry"]["userErrors"] == []
    open_tab(page, "TipAndBalance")
    assert run(page)["tipPost"]["userErrors"] == []


def test_keeps_the_demo_token_out_of_the_storage(page: Page, demo_server: Server) -> None:
    token = page.request.get(f"{demo_server.url}/graphiql/config.json").json()["viewer"]["token"]
    open_tab(page, "TipAndBalance")
    run(page)
    page.wait_for_timeout(STORAGE_PAUSE_MS)
    assert token not in page.evaluate("JSON.stringify(localStorage)")


def test_opens_an_example_again_from_the_side_bar(page: Page) -> None:
    page.get_by_role("button", name="Show Examples").click()
    page.get_by_label("Examples", exact=True).get_by_role("button", name="Refusal").click()
    expect(tab_names(page)).to_have_text([*EXAMPLES, "Refusal"])
    page.wait_for_timeout(EDITOR_PAUSE_MS)
    assert run(page)["tipPost"]["userErrors"][0]["code"] == "INSUFFICIENT_FUNDS"


def test_shows_the_examples_where_another_graphiql_left_tabs(context: BrowserContext, demo_server: Server) -> None:
    page = context.new_page()
    page.goto(f"{demo_server.url}/graphiql/config.json")
    page.evaluate("""localStorage.setItem("graphiql:tabState", '{"activeTabIndex": 0, "tabs": []}')""")
    page.goto(f"{demo_server.url}/graphql")
    wait_until_ready(page)
    expect(tab_names(page)).to_have_text(EXAMPLES)


@pytest.mark.parametrize("config", ["{}", "null", "no JSON"])
def test_signs_nobody_in_without_a_demo_viewer(context: BrowserContext, demo_server: Server, config: str) -> None:
    context.route("**/graphiql/config.json", lambda route: route.fulfill(body=config))
    page = open_page(context, demo_server)
    page.get_by_role("button", name="Headers").click()
    expect(page.get_by_label("Headers", exact=True).locator(".view-lines:visible")).to_have_text("")
    assert len(run(page)["feed"]["nodes"]) == 10
