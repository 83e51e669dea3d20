"""Which form of an answer a client wants, by its Accept header (RFC 9110, GraphQL over HTTP)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from server.answers import MediaType

HTML = "text/html"

# By preference among equals: who names a type gets the first of these that it names, who names none gets plain JSON.
NAMED = (MediaType.GRAPHQL_RESPONSE, HTML, MediaType.JSON)
UNNAMED = (MediaType.JSON, MediaType.GRAPHQL_RESPONSE, HTML)


class _Range(NamedTuple):
    name: str
    quality: float


class _Fit(NamedTuple):
    quality: float
    precision: int
    preference: int
    offer: str


@lru_cache(maxsize=512)
def wants_page(accept: str | None) -> bool:
    """Whether a web page is what the client wants most: it is a browser."""
    return _best(accept, (*MediaType, HTML)) == HTML


@lru_cache(maxsize=512)
def negotiated(accept: str | None) -> MediaType | None:
    """The form of answer that the client wants most, or None when it wants neither."""
    best = _best(accept, tuple(MediaType))
    return None if best is None else MediaType(best)


def _best(accept: str | None, offers: Sequence[str]) -> str | None:
    ranges = _ranges(accept) if accept and accept.strip() else [_Range("*/*", 1.0)]
    fits = [fit for offer in offers if (fit := _fit(offer, ranges)) and fit.quality > 0]
    return max(fits).offer if fits else None


def _fit(offer: str, ranges: Sequence[_Range]) -> _Fit | None:
    kind = f"{offer.partition('/')[0]}/*"
    for precision, name in ((2, offer), (1, kind), (0, "*/*")):
        qualities = [one.quality for one in ranges if one.name == name]
        if qualities:
            order = NAMED if precision == 2 else UNNAMED
            return _Fit(max(qualities), precision, -order.index(offer), offer)
    return None


def _ranges(accept: str) -> list[_Range]:
    ranges = []
    for item in accept.lower().split(","):
        name, *parameters = (part.strip() for part in item.split(";"))
        if _charset(parameters) in {None, "utf-8", "utf8"}:
            ranges.append(_Range(name, _quality(parameters)))
    return ranges


def _charset(parameters: Sequence[str]) -> str | None:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return value.strip().strip('"')
    return None


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0 <= quality <= 1 else 0.0
    return 1.0
