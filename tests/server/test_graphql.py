import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx2
import pytest
from graphql import GraphQLSchema, build_schema
from sqlalchemy import func, literal, select
from starlette.responses import PlainTextResponse

from execution import operations
from execution.limits import MAX_COST
from execution.operations import Operations
from execution.persisted import hash_of
from ledger import Ledger
from models.database import Database, Query, UnavailableError
from models.types import BigInt
from resolvers.context import App, Session
from server import rate_limits, sign_in
from server.errors import MaskErrors, present
from server.graphql import GraphQL
from server.rate_limits import RateLimits

URL = "http://127.0.0.1:8000/graphql"
RESPONSE = "application/graphql-response+json"
WHO = {"query": "{ who }"}


def schema() -> GraphQLSchema:
    schema = build_schema("""
        type Query { who: String  broken: String!  endless: Int  list(first: Int): [Query!] }
        type Mutation { enter: Int  leave: Int }
    """)
    assert schema.query_type
    assert schema.mutation_type

    def who(_: object, info: Any) -> str | None:
        viewer = info.context.viewer
        return None if viewer is None else str(viewer.user_id.int)

    def broken(_: object, __: Any) -> str:
        raise ValueError("hunter2")

    def enter(_: object, info: Any) -> int:
        info.context.session = Session("ada", info.context.now())
        return 1

    def leave(_: object, info: Any) -> int:
        info.context.signed_out = True
        return 1

    async def endless(_: object, info: Any) -> int:
        return len(await info.context.database.fetch(counting(10**12)))

    schema.query_type.fields["endless"].resolve = endless
    schema.query_type.fields["who"].resolve = who
    schema.query_type.fields["broken"].resolve = broken
    schema.mutation_type.fields["enter"].resolve = enter
    schema.mutation_type.fields["leave"].resolve = leave
    return schema


class Total(NamedTuple):
    """How many there were."""

    n: int


def counting(most: int) -> Query[Total]:
    """A read that takes the longer, the more there is to count."""
    numbers = select(literal(1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(select(numbers.c.n + 1).where(numbers.c.n < literal(most, BigInt)))
    return Query(Total, select(func.count().label("n")).select_from(numbers))


class Http:
    """Sends requests to an endpoint with a toy schema."""

    def __init__(self, app: App, limits: RateLimits | None = None) -> None:
        endpoint = GraphQL(app, Operations(schema(), present), PlainTextResponse("the page"), limits)
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(MaskErrors(endpoint)))

    async def post(self, body: Any = WHO, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(URL, json=body, headers=named)

    async def get(self, query: str | None = None, accept: str = "*/*") -> httpx2.Response:
        return await self.client.get(URL, params={"query": query} if query else {}, headers={"accept": accept})


@pytest.fixture
async def http(app: App) -> AsyncIterator[Http]:
    http = Http(app)
    yield http
    await http.client.aclose()


def codes(response: httpx2.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
async def test_answers_in_the_form_that_is_wanted(http: Http, accept: str) -> None:
    for response in (await http.post(accept=accept), await http.get("{ who }", accept)):
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{accept}; charset=utf-8"
        assert response.headers["vary"] == "Accept"
        assert response.json() == {"data": {"who": None}}


@pytest.mark.parametrize(
    "body",
    [
        {"query": "{"},
        {"query": "{ nobody }"},
        {"query": "query($a: Int!) { who @skip(if: true) a: __typename @include(if: $a) }"},
        {"query": "{ who }", "operationName": "Other"},
    ],
)
async def test_a_document_that_cannot_run_is_400_for_those_who_know_and_200_for_the_others(
    http: Http, body: dict[str, str]
) -> None:
    modern, legacy = await http.post(body, accept=RESPONSE), await http.post(body)
    assert (modern.status_code, legacy.status_code) == (400, 200)
    assert modern.json() == legacy.json()
    assert "data" not in modern.json()


@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
async def test_an_error_in_a_field_is_200_and_masked(http: Http, accept: str) -> None:
    response = await http.post({"query": "{ broken }"}, accept=accept)
    assert (response.status_code, codes(response)) == (200, ["INTERNAL"])
    assert response.json()["data"] is None
    assert "hunter2" not in response.text


@pytest.mark.parametrize("accept", ["application/json", RESPONSE])
async def test_a_request_that_is_not_well_formed_is_400_in_graphql_s_form(http: Http, accept: str) -> None:
    response = await http.post([WHO], accept=accept)
    assert (response.status_code, codes(response)) == (400, ["BAD_REQUEST"])
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"


async def test_refuses_to_answer_in_another_form(http: Http) -> None:
    response = await http.post(accept="text/xml")
    assert (response.status_code, codes(response)) == (406, ["NOT_ACCEPTABLE"])


@pytest.mark.parametrize("query", ["mutation { enter }", "mutation { leave }"])
async def test_refuses_mutations_by_get(http: Http, query: str) -> None:
    response = await http.get(query)
    assert (response.status_code, codes(response)) == (405, ["METHOD_NOT_ALLOWED"])
    assert response.headers["allow"] == "POST"
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "QUERY"])
async def test_refuses_other_methods(http: Http, method: str) -> None:
    response = await http.client.request(method, URL)
    assert (response.status_code, codes(response)) == (405, ["METHOD_NOT_ALLOWED"])
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_tells_its_methods_and_allows_no_other_site(http: Http) -> None:
    response = await http.client.options(URL, headers={"origin": "https://evil.example"})
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_shows_a_browser_the_page_unless_it_brings_a_query(http: Http) -> None:
    browser = "text/html,application/xhtml+xml,*/*;q=0.8"
    assert (await http.get(accept=browser)).text == "the page"
    assert (await http.get("{ who }", browser)).json() == {"data": {"who": None}}
    assert (await http.get()).status_code == 400
    assert (await http.post(accept=browser)).json() == {"data": {"who": None}}


async def test_knows_who_asks_by_token_and_by_cookie(http: Http) -> None:
    assert (await http.post(authorization="Bearer ada")).json() == {"data": {"who": "1"}}
    assert (await http.post(cookie="hatful_session=bob")).json() == {"data": {"who": "3"}}
    refused = await http.post(authorization="Bearer nobody")
    assert (refused.status_code, codes(refused)) == (401, ["UNAUTHENTICATED"])
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_a_foreign_page_cannot_use_the_cookie(http: Http, content_type: str) -> None:
    headers = {"content-type": content_type, "cookie": "hatful_session=ada", "origin": "https://evil.example"}
    response = await http.client.post(URL, content=b'{"query": "mutation { leave }"}', headers=headers)
    assert (response.status_code, codes(response)) == (415, ["UNSUPPORTED_MEDIA_TYPE"])
    assert "set-cookie" not in response.headers


async def test_sets_the_cookie_when_a_session_begins_and_clears_it_at_its_end(http: Http) -> None:
    entered = await http.post({"query": "mutation { enter }"})
    assert entered.headers["set-cookie"].startswith("hatful_session=ada; Path=/; ")
    left = await http.post({"query": "mutation { leave }"})
    assert left.headers["set-cookie"].startswith("hatful_session=; Path=/; Max-Age=0; ")
    assert "set-cookie" not in (await http.post()).headers


async def test_says_to_try_again_when_nobody_can_be_signed_in(http: Http, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: App, __: str) -> None:
        raise UnavailableError("hunter2")

    monkeypatch.setattr(sign_in, "authenticate", away)
    response = await http.post(authorization="Bearer ada")
    assert (response.status_code, codes(response), response.headers["retry-after"]) == (503, ["UNAVAILABLE"], "1")
    assert "hunter2" not in response.text


async def test_limits_each_token_and_each_address(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "PER_TOKEN", 2)
    monkeypatch.setattr(rate_limits, "PER_ADDRESS", 6)
    http = Http(app, RateLimits())
    statuses = [(await http.post(authorization=f"Bearer {who}")).status_code for who in ("ada", "ada", "ada", "bob")]
    assert statuses == [200, 200, 429, 200]
    assert [(await http.post()).status_code for _ in range(3)] == [200, 200, 429]
    refused = await http.post()
    assert (codes(refused), refused.headers["retry-after"]) == (["RATE_LIMITED"], "10")
    await http.client.aclose()


async def test_a_query_that_takes_too_long_is_answered_and_the_database_is_free_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "MAX_SECONDS", 0.05)
    http = Http(App(database, Ledger(database)))
    cut = await asyncio.gather(*(http.post({"query": "{ endless }"}, accept=RESPONSE) for _ in range(10)))
    assert [(response.status_code, codes(response)) for response in cut] == [(200, ["OPERATION_TIMEOUT"])] * 10
    assert await database.first(counting(3)) == Total(3)
    await http.client.aclose()


async def test_what_costs_too_much_is_400_for_those_who_know_and_200_for_the_others(http: Http) -> None:
    document = {"query": "{ list(first: 100) { list(first: 100) { list(first: 100) { who } } } }"}
    modern, legacy = await http.post(document, accept=RESPONSE), await http.post(document)
    assert (modern.status_code, legacy.status_code) == (400, 200)
    assert codes(modern) == ["QUERY_TOO_EXPENSIVE"]
    assert modern.json() == legacy.json()
    assert "data" not in modern.json()


async def test_an_answer_shows_its_cost_to_whoever_asks(http: Http) -> None:
    shown = (await http.post({**WHO, "extensions": {"cost": True}})).json()
    assert shown == {"data": {"who": None}, "extensions": {"cost": {"requested": 1, "maximum": MAX_COST}}}
    assert (await http.post()).json() == {"data": {"who": None}}


async def test_a_document_that_was_sent_with_its_hash_can_be_asked_for_by_it(app: App) -> None:
    http = Http(app)
    by_hash = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": hash_of(WHO["query"])}}}
    unknown = (await http.post(by_hash)).json()
    assert unknown["errors"][0]["message"] == "PersistedQueryNotFound"
    assert unknown["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    sent = (await http.post({**WHO, **by_hash})).json()
    assert sent == {"data": {"who": None}}
    assert (await http.post(by_hash)).json() == sent
    url = f"{URL}?{urlencode({'extensions': json.dumps(by_hash['extensions'])})}"
    assert (await http.client.get(url, headers={"accept": "text/html, */*"})).json() == sent


@pytest.mark.parametrize(
    "persisted",
    [1, [], {}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1}, {"version": 1, "sha256Hash": "abc"}],
)
async def test_a_hash_that_is_none_is_refused(app: App, persisted: Any) -> None:
    for body in (WHO, {}):
        response = await Http(app).post({**body, "extensions": {"persistedQuery": persisted}})
        assert response.status_code == 400
