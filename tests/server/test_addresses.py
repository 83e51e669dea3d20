import pytest

from server.addresses import base_url, client_address, http_address, is_loopback, masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:hunter2@host:5432/x?a=b", "postgresql://ada:***@host:5432/x?a=b"),
        ("postgresql://ada:hun@ter:2@host/x", "postgresql://ada:***@host/x"),
        ("postgresql://ada@host/x", "postgresql://ada@host/x"),
        ("postgresql:///x?host=/run&password=hunter2&b=c", "postgresql:///x?host=/run&password=***&b=c"),
        ("sqlite:////var/lib/hatful.db", "sqlite:////var/lib/hatful.db"),
        ("sqlite:///hatful.db", "sqlite:///hatful.db"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_an_address_that_cannot_be_read_is_not_shown() -> None:
    assert "hunter2" not in masked("postgresql://[ada:hunter2@host/x")


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_tells_this_machine_from_others(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here


def test_gives_an_address_that_a_browser_can_open() -> None:
    assert http_address("0.0.0.0", 8000) == "http://127.0.0.1:8000"
    assert http_address("::", 8000) == "http://[::1]:8000"
    assert http_address("::1", 1) == "http://[::1]:1"
    assert http_address("example.org", 80) == "http://example.org:80"


@pytest.mark.parametrize(
    ("scheme", "host", "base"),
    [
        ("http", "127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https", "hatful.example", "https://hatful.example"),
        ("http", "[::1]:8000", "http://[::1]:8000"),
        ("http", "", "http://10.0.0.1:9000"),
        ("http", None, "http://10.0.0.1:9000"),
    ],
)
def test_links_lead_where_the_request_was_sent(scheme: str, host: str | None, base: str) -> None:
    headers = [] if host is None else [(b"host", host.encode())]
    scope = {"type": "http", "scheme": scheme, "path": "/graphql", "query_string": b"\xff", "headers": headers}
    assert base_url({**scope, "server": ("10.0.0.1", 9000)}) == base


def test_without_a_host_links_are_relative() -> None:
    assert base_url({"type": "http", "scheme": "http", "path": "/", "headers": [], "server": None}) == ""


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("192.0.2.7", 50_000), "192.0.2.7"),
        (("2001:DB8::0007", 50_000), "2001:db8::7"),
        (("somewhere", 50_000), None),
        (("x" * 10_000, 50_000), None),
        (("", 0), None),
        (None, None),
    ],
)
def test_a_request_comes_from_an_ip_address_or_from_nowhere_known(
    client: tuple[str, int] | None, address: str | None
) -> None:
    assert client_address({"type": "http", "client": client}) == address
