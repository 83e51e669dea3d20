"""Whose page has asked, as far as a browser tells."""

import pytest
from starlette.types import Scope

from server.origins import is_foreign

ALLOWED = ("https://app.example.org",)


def scope(**headers: str) -> Scope:
    given = {"host": "hatful.example", **headers}
    return {
        "type": "http",
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in given.items()],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "cross-site"},  # a link that somebody has followed: it has no Origin
        {"origin": "https://hatful.example"},
        {"origin": "https://HATFUL.example"},
        {"origin": "http://localhost:8000", "host": "localhost:8000"},
        {"origin": "http://[::1]:8000", "host": "[::1]:8000"},
        {"origin": "https://hatful.example", "host": "10.0.0.7:8000", "sec_fetch_site": "same-origin"},
        {"origin": "https://app.example.org"},
        {"origin": "https://app.example.org", "sec_fetch_site": "cross-site"},
    ],
)
def test_our_own_pages_and_named_ones_are_not_foreign(headers: dict[str, str]) -> None:
    assert not is_foreign(scope(**headers), ALLOWED)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "null", "host": ""},
        {"origin": ""},
        {"origin": "hatful.example"},
        {"origin": "https://hatful.example.evil.example"},
        {"origin": "https://hatful.example@evil.example"},
        {"origin": "https://hatful.example:8443"},
        {"origin": "https://hatful.example, https://app.example.org"},
        {"origin": "http://app.example.org"},
        {"origin": "https://app.example.org.evil.example"},
        {"origin": "https://hatful.example", "sec_fetch_site": "same-site"},
        {"origin": "https://hatful.example", "sec_fetch_site": "cross-site"},
        {"origin": "https://[\xe9", "host": "["},
    ],
)
def test_all_others_are(headers: dict[str, str]) -> None:
    assert is_foreign(scope(**headers), ALLOWED)
