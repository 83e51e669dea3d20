"""The address to which networks send: what is taken, what is refused, and what it leads to."""

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from models.transfers import Rail
from rails import CardNumber, RailAdapter
from rails.sandbox import SandboxRail
from rails.stripe import StripeRail, StripeSettings
from server.webhooks import MOST_BYTES, PATH, Webhooks
from tests.harness.listening import listening

SECRET = "whsec_test"


class Nudges(list[tuple[Rail, Sequence[str]]]):
    """What was handed on."""

    async def __call__(self, rail: Rail, network_refs: Sequence[str]) -> None:
        self.append((rail, network_refs))


class NoSecrets:
    """Webhooks need none."""

    async def reveal(self, token: str) -> CardNumber:
        raise KeyError(token)


@pytest.fixture
def nudges() -> Nudges:
    return Nudges()


@pytest.fixture
async def http(nudges: Nudges) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the endpoint, with Stripe and the sandbox behind it."""
    stripe = StripeRail(StripeSettings("sk_test_1", SECRET), NoSecrets())
    adapters: dict[Rail, RailAdapter] = {Rail.STRIPE: stripe, Rail.SANDBOX: SandboxRail()}
    app = Starlette(routes=[Route(PATH, Webhooks(adapters, nudges), methods=["POST"])])
    async with listening(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
    await stripe.close()


def event(**about: Any) -> bytes:
    return json.dumps({"type": "some.event", "data": {"object": about}}).encode()


PAID = event(object="payment_intent", id="pi_1", status="succeeded")


def signed(body: bytes, secret: str = SECRET, at: datetime | None = None) -> str:
    moment = int((at or datetime.now(UTC)).timestamp())
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, sha256).hexdigest()}"


async def post(http: httpx2.AsyncClient, body: bytes, signature: str, rail: str = "stripe") -> httpx2.Response:
    return await http.post(f"/webhooks/{rail}", content=body, headers={"Stripe-Signature": signature})


async def test_what_is_signed_is_taken_and_handed_on(http: httpx2.AsyncClient, nudges: Nudges) -> None:
    answer = await post(http, PAID, signed(PAID))
    assert (answer.status_code, answer.content) == (200, b"")
    assert nudges == [(Rail.STRIPE, ["pi_1"])]


async def test_a_signature_is_over_the_bytes_that_were_sent(http: httpx2.AsyncClient, nudges: Nudges) -> None:
    spaced = PAID.replace(b":", b" :\t").replace(b"succeeded", "süß".encode())
    assert (await post(http, spaced, signed(spaced))).status_code == 200
    assert (await post(http, json.dumps(json.loads(spaced)).encode(), signed(spaced))).status_code == 400
    assert len(nudges) == 1


BADLY_SIGNED: dict[str, Callable[[], str]] = {
    "nothing": lambda: "",
    "a moment alone": lambda: "t=1",
    "no signature": lambda: "v1=",
    "two that are empty": lambda: "t=,v1=",
    "a moment in words": lambda: "t=now,v1=x",
    "a digit of another script": lambda: "t=٣,v1=x",
    "a moment without end": lambda: f"t={'9' * 5000},v1=x",
    "another secret": lambda: signed(PAID, "whsec_other"),
    "another scheme": lambda: signed(PAID).replace("v1=", "v0="),
    "in capitals": lambda: signed(PAID).upper(),
    "another body": lambda: signed(PAID[1:]),
    "another moment": lambda: f"t=1,{signed(PAID)}",
    "too old": lambda: signed(PAID, at=datetime.now(UTC) - timedelta(minutes=6)),
    "of tomorrow": lambda: signed(PAID, at=datetime.now(UTC) + timedelta(hours=1)),
}


@pytest.mark.parametrize("signature", BADLY_SIGNED.values(), ids=BADLY_SIGNED)
async def test_what_is_not_well_signed_is_refused_and_changes_nothing(
    http: httpx2.AsyncClient, nudges: Nudges, signature: Callable[[], str]
) -> None:
    headers = {b"stripe-signature": signature().encode()}
    answer = await http.post("/webhooks/stripe", content=PAID, headers=headers)
    assert answer.status_code == 400
    assert nudges == []


async def test_one_good_signature_among_several_will_do(http: httpx2.AsyncClient, nudges: Nudges) -> None:
    moment, good = signed(PAID).split(",")
    answer = await post(http, PAID, f"{moment},v1={'0' * 64}, {good},v0=x")
    assert answer.status_code == 200
    assert len(nudges) == 1


async def test_it_is_taken_until_five_minutes_after_it_was_signed(http: httpx2.AsyncClient) -> None:
    assert (await post(http, PAID, signed(PAID, at=datetime.now(UTC) - timedelta(minutes=4)))).status_code == 200


async def test_without_a_secret_nothing_is_believed(http: httpx2.AsyncClient) -> None:
    stripe = StripeRail(StripeSettings("sk_test_1", ""), NoSecrets())
    nudges = Nudges()
    app = Starlette(routes=[Route(PATH, Webhooks({Rail.STRIPE: stripe}, nudges), methods=["POST"])])
    async with listening(app) as url, httpx2.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await post(client, PAID, signed(PAID, ""))).status_code == 400
    await stripe.close()
    assert nudges == []


@pytest.mark.parametrize(
    ("body", "network_ref"),
    [
        (event(object="payout", id="po_1"), "po_1"),
        (event(object="charge", id="ch_1", payment_intent="pi_2"), "pi_2"),
        (event(object="refund", id="re_1", payment_intent="pi_3"), "pi_3"),
        (event(object="dispute", id="dp_1", payment_intent="pi_4"), "pi_4"),
    ],
)
async def test_it_is_about_a_payment_or_a_payout(
    http: httpx2.AsyncClient, nudges: Nudges, body: bytes, network_ref: str
) -> None:
    assert (await post(http, body, signed(body))).status_code == 200
    assert nudges == [(Rail.STRIPE, [network_ref])]


@pytest.mark.parametrize(
    "body",
    [
        event(object="customer", id="cus_1"),
        event(object="charge", id="ch_1", payment_intent=None),
        event(object="payment_intent", id=7),
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"data": []}',
        b'{"data": {"object": "payment_intent"}}',
        b"\xff",
    ],
)
async def test_what_is_about_nothing_of_ours_is_taken_and_forgotten(
    http: httpx2.AsyncClient, nudges: Nudges, body: bytes
) -> None:
    assert (await post(http, body, signed(body))).status_code == 200
    assert nudges == []


async def test_a_rail_without_webhooks_hands_nothing_on(http: httpx2.AsyncClient, nudges: Nudges) -> None:
    assert (await post(http, PAID, "", "sandbox")).status_code == 200
    assert nudges == []


@pytest.mark.parametrize("rail", ["visa_direct", "STRIPE", "nothing", "stripe/x"])
async def test_what_is_no_rail_here_is_not_found(http: httpx2.AsyncClient, rail: str) -> None:
    assert (await post(http, PAID, signed(PAID), rail)).status_code == 404


async def test_a_body_may_not_be_too_large(http: httpx2.AsyncClient, nudges: Nudges) -> None:
    body = PAID + b" " * (MOST_BYTES - len(PAID))
    assert (await post(http, body, signed(body))).status_code == 200
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    writer.write(f"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: {MOST_BYTES + 1}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    assert len(nudges) == 1


async def test_nobody_reads_what_was_sent(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/webhooks/stripe")).status_code == 405
