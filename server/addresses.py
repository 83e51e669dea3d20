"""Addresses: of databases, without their passwords, and of this machine."""

import re
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from starlette.datastructures import URL
from starlette.types import Scope

_PASSWORD_PARAMETER = re.compile(r"\b(password=)[^&]*", re.IGNORECASE)


def masked(url: str) -> str:
    """A database's address as it may be shown: without the password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(an address that cannot be read)"
    user, at, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    netloc = f"{name}{':***' if password else ''}{at}{host}"
    shown = parts._replace(netloc=netloc, query=_PASSWORD_PARAMETER.sub(r"\1***", parts.query))
    # urlunsplit would drop the empty host of sqlite:///… and postgresql:///…
    return urlunsplit(shown) if netloc else f"{parts.scheme}://{urlunsplit(shown._replace(scheme=''))}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def http_address(host: str, port: int) -> str:
    """The address to give to a browser on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host) or (f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{reachable}:{port}"


def base_url(scope: Scope) -> str:
    """Scheme and host as whoever sent the request knows them; what a trusted proxy says of them is in the scope."""
    host = next((value for name, value in scope["headers"] if name == b"host"), None)
    return _base_url(scope["scheme"], host, scope.get("server"))


@lru_cache(maxsize=256)
def _base_url(scheme: str, host: bytes | None, server: tuple[str, int | None] | None) -> str:
    headers = [] if host is None else [(b"host", host)]
    url = URL(scope={"scheme": scheme, "headers": headers, "server": server, "path": "/", "query_string": b""})
    return f"{url.scheme}://{url.netloc}" if url.netloc else ""


def client_address(scope: Scope) -> str | None:
    """The IP address that a request came from, which a trusted proxy may have said; None if it is none."""
    client = scope.get("client")
    return None if client is None else _ip_address(client[0])


@lru_cache(maxsize=1024)
def _ip_address(host: str) -> str | None:
    try:
        return str(ip_address(host))
    except ValueError:
        return None
