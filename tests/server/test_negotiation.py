import pytest

from server.answers import MediaType
from server.negotiation import negotiated, wants_page

JSON = MediaType.JSON
RESPONSE = MediaType.GRAPHQL_RESPONSE
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON; charset=UTF-8", JSON),
        ("application/graphql-response+json", RESPONSE),
        ("application/graphql-response+json; charset=utf-8, application/json; charset=utf-8", RESPONSE),
        ("application/json, application/graphql-response+json", RESPONSE),
        ("application/json, application/graphql-response+json;q=0.9", JSON),
        ("application/graphql-response+json, */*", RESPONSE),
        ("application/json;q=0, */*", RESPONSE),
        ("application/json, multipart/mixed", JSON),
        (BROWSER, JSON),
        ("text/html", None),
        ("*/*;q=0", None),
        ("application/json;q=0", None),
        ("application/json;q=much", None),
        ("application/json;charset=latin-1", None),
        (";;,,/", None),
    ],
)
def test_chooses_the_form_that_the_client_wants_most(accept: str | None, media_type: MediaType | None) -> None:
    assert negotiated(accept) == media_type


@pytest.mark.parametrize(
    ("accept", "is_browser"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("text/html, application/json", True),
        ("text/html;q=0.5, application/json", False),
        ("text/html, application/graphql-response+json", False),
        ("*/*", False),
        ("text/*", True),
        (None, False),
    ],
)
def test_tells_a_browser_by_what_it_wants_most(accept: str | None, is_browser: bool) -> None:
    assert wants_page(accept) is is_browser
