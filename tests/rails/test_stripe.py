"""Stripe's adapter: what is its own beside what every adapter promises."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
import stripe as sdk
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed, SettlementKind
from models.transfers import RailEnvironment
from rails import (
    Answer,
    Approved,
    CardNumber,
    Declined,
    LinkRefusedError,
    NotSent,
    Pending,
    Rejected,
    Source,
    Unknown,
    UnreachableError,
    VerifiesDeposits,
)
from rails.stripe import StripeRail, StripeSettings
from rails.stripe_requests import HttpClient, failure
from tests.harness.listening import listening
from tests.rails.stages import WORKS, Known, StripeStage, a_call, a_source

PULL, PUSH = Direction.PULL, Direction.PUSH
NUMBER = "4000056655665556"


def usd(units: int) -> Money:
    return Money(units, Currency.USD)


def an_account() -> Source:
    return a_source("tok_account", SourceKind.BANK_ACCOUNT)


def verifier(stage: StripeStage) -> VerifiesDeposits:
    assert isinstance(stage.adapter, VerifiesDeposits)
    return stage.adapter


async def a_verified_account(stage: StripeStage) -> Source:
    account = await stage.linked(an_account())
    assert await verifier(stage).verify(account, (32, 45))
    return account


# Linking


async def test_a_card_that_can_be_set_up_is_its_owners(stripe: StripeStage) -> None:
    linked = await stripe.adapter.link(a_source(WORKS), None)
    assert linked.verified
    assert [name.partition("_")[0] for name in linked.reference.split("/")] == ["cus", "pm", "seti", "card"]


async def test_a_card_that_is_declined_is_not_linked_and_its_owner_hears_why(stripe: StripeStage) -> None:
    with pytest.raises(LinkRefusedError, match="insufficient funds"):
        await stripe.adapter.link(a_source("tok_no_funds"), None)


@pytest.mark.parametrize("token", ["tok_credit", "tok_not_for_tests", "tok_iban"])
async def test_what_cannot_be_drawn_from_and_paid_out_to_is_not_linked(stripe: StripeStage, token: str) -> None:
    with pytest.raises(LinkRefusedError):
        await stripe.adapter.link(a_source(token), None)


async def test_without_an_account_that_pays_out_any_card_is_linked_and_nothing_is_pushed(stripe: StripeStage) -> None:
    async with stripe.another(account=None) as adapter:
        assert (adapter.capabilities.pushes, adapter.capabilities.speeds) == (frozenset(), frozenset())
        card = a_source("tok_credit")
        card = card._replace(reference=(await adapter.link(card, None)).reference)
        assert isinstance(await adapter.pull(a_call(PULL, card)), Approved)
        assert isinstance(await adapter.push(a_call(PUSH, card)), Rejected)


async def test_an_account_is_verified_by_the_amounts_that_stripe_has_sent(stripe: StripeStage) -> None:
    account = await stripe.linked(an_account())
    assert not await verifier(stripe).verify(account, (1, 2))
    assert isinstance(await stripe.adapter.pull(a_call(PULL, account)), Rejected)
    assert await verifier(stripe).verify(account, (45, 32))
    assert await verifier(stripe).verify(account, (1, 2))  # it is verified, whatever anybody says


async def test_too_many_wrong_amounts_are_the_end_of_it(stripe: StripeStage) -> None:
    account = await stripe.linked(an_account())
    with pytest.raises(LinkRefusedError):
        await verifier(stripe).verify(account, (10, 11))


async def test_whoever_cannot_reach_stripe_links_and_verifies_nothing(stripe: StripeStage) -> None:
    account = await stripe.linked(an_account())
    async with stripe.broken as adapter:
        assert isinstance(adapter, VerifiesDeposits)
        for attempt in (
            adapter.link(a_source(WORKS), None),
            adapter.verify(account, (32, 45)),
            adapter.unlink(account),
        ):
            with pytest.raises(UnreachableError):
                await attempt


async def test_a_wrong_key_is_nobodys_card(stripe: StripeStage) -> None:
    async with stripe.another(api_key="sk_test_wrong") as adapter:
        with pytest.raises(UnreachableError):
            await adapter.link(a_source(WORKS), None)
        assert isinstance(await adapter.pull(a_call(PULL, stripe.works)), Rejected)
        assert isinstance(await adapter.query(a_call(PULL, stripe.works)), Unknown)


async def test_what_is_forgotten_can_be_drawn_from_no_more_and_forgotten_again(stripe: StripeStage) -> None:
    card = await stripe.linked(a_source(WORKS))
    await stripe.adapter.unlink(card)
    await stripe.adapter.unlink(card)
    assert isinstance(await stripe.adapter.pull(a_call(PULL, card)), Rejected)
    assert isinstance(await stripe.adapter.push(a_call(PUSH, card)), Rejected)
    assert stripe.movements() == 0


async def test_a_link_whose_answer_got_lost_can_be_tried_again(stripe: StripeStage) -> None:
    card = a_source(WORKS)
    stripe.fault("link", "DROPPED")
    with pytest.raises(UnreachableError):
        await stripe.adapter.link(card, None)
    assert (await stripe.adapter.link(card, None)) == await stripe.adapter.link(card, None)


# Money


async def test_a_debit_is_on_its_way_until_the_bank_has_paid(stripe: StripeStage) -> None:
    call = a_call(PULL, await a_verified_account(stripe))
    answer = await stripe.adapter.pull(call)
    assert isinstance(answer, Pending), answer
    assert answer.processing
    assert await stripe.adapter.query(call) == answer
    stripe.forward(days=5)
    assert isinstance(await stripe.adapter.query(call), Approved)


async def test_a_debit_that_the_bank_gives_back_has_failed(stripe: StripeStage) -> None:
    call = a_call(PULL, await a_verified_account(stripe))
    answer = await stripe.adapter.pull(call)
    assert isinstance(answer, Pending), answer
    assert answer.network_ref
    stripe.forward(days=1)
    stripe.give_back(answer.network_ref, "insufficient_funds")
    found = await stripe.adapter.query(call)
    assert isinstance(found, Declined), found
    assert (found.code, found.retryable, found.network_ref) == ("insufficient_funds", True, answer.network_ref)
    stripe.forward(days=9)
    assert await stripe.adapter.settlements(datetime.now(UTC) - timedelta(days=1)) == []


@pytest.mark.parametrize("speed", PayoutSpeed)
async def test_a_payout_settles_when_it_is_paid(stripe: StripeStage, speed: PayoutSpeed) -> None:
    call = a_call(PUSH, stripe.works)._replace(speed=speed)
    answer = await stripe.adapter.push(call)
    assert isinstance(answer, Approved), answer
    assert answer.code == "in_transit"
    stripe.forward(hours=1)
    lines = await stripe.adapter.settlements(datetime.now(UTC))
    assert [line.kind for line in lines] == ([SettlementKind.SETTLED] if speed is PayoutSpeed.INSTANT else [])


async def test_a_payout_that_fails_comes_back(stripe: StripeStage) -> None:
    answer = await stripe.adapter.push(a_call(PUSH, stripe.works))
    assert isinstance(answer, Approved), answer
    assert answer.network_ref
    stripe.forward(days=3)
    stripe.give_back(answer.network_ref, "account_closed")
    stripe.forward(days=3)
    lines = await stripe.adapter.settlements(datetime.now(UTC))
    assert [line.kind for line in lines] == list(SettlementKind)
    assert lines[1].code == "account_closed"


async def test_what_was_refunded_after_it_was_booked_is_booked_back(stripe: StripeStage) -> None:
    call = a_call(PULL, stripe.works)
    answer = await stripe.adapter.pull(call)
    assert isinstance(answer, Approved), answer
    stripe.forward(days=5)
    await stripe.adapter.reverse(call._replace(network_ref=answer.network_ref))
    lines = await stripe.adapter.settlements(datetime.now(UTC))
    assert [line.kind for line in lines] == [SettlementKind.SETTLED, SettlementKind.RETURN_SETTLED]


async def test_a_changed_call_under_the_same_name_moves_nothing(stripe: StripeStage) -> None:
    call = a_call(PULL, stripe.works)
    assert isinstance(await stripe.adapter.pull(call), Approved)
    assert isinstance(await stripe.adapter.pull(call._replace(amount=usd(1))), Unknown)
    assert stripe.movements() == 1


async def test_a_call_that_is_still_under_way_is_unknown(stripe: StripeStage) -> None:
    stripe.fault("pull", "DUPLICATE")
    call = a_call(PULL, stripe.works)
    assert isinstance(await stripe.adapter.pull(call), Unknown)
    assert isinstance(await stripe.adapter.query(call), Pending)


async def test_a_call_is_found_among_many(stripe: StripeStage) -> None:
    call = a_call(PULL, stripe.works)
    first = await stripe.adapter.pull(call)
    for _ in range(101):  # more than a page
        await stripe.adapter.pull(a_call(PULL, stripe.works))
    assert await stripe.adapter.query(call) == first
    stripe.forward(days=3)
    assert len(await stripe.adapter.settlements(datetime.now(UTC))) == 102


async def test_nothing_is_taken_back_of_which_no_name_is_known(stripe: StripeStage) -> None:
    assert isinstance(await stripe.adapter.reverse(a_call(PULL, stripe.works)), Rejected)


# What errors mean


def a_card_error(code: str, decline_code: str | None = None) -> sdk.CardError:
    told = {"error": {"code": code, "decline_code": decline_code, "payment_intent": {"id": "pi_1"}}}
    return sdk.CardError("No.", None, code, json_body=told)  # type: ignore[no-untyped-call]


def an_invalid_request(code: str | None) -> sdk.InvalidRequestError:
    return sdk.InvalidRequestError("No.", None, code)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (a_card_error("card_declined", "lost_card"), Declined("lost_card", "No.", False, "pi_1")),
        (a_card_error("card_declined", "insufficient_funds"), Declined("insufficient_funds", "No.", True, "pi_1")),
        (a_card_error("processing_error"), Declined("processing_error", "No.", True, "pi_1")),
        (an_invalid_request("balance_insufficient"), Declined("balance_insufficient", "No.", True)),
        (an_invalid_request(None), Rejected("Stripe refuses the request: No.")),
        (sdk.AuthenticationError("No."), Rejected("Stripe does not take the API key for this.")),
        (sdk.PermissionError("No."), Rejected("Stripe does not take the API key for this.")),
        (sdk.RateLimitError("No."), NotSent("Stripe takes no more requests for now.")),
        (
            sdk.RateLimitError("No.", headers={"retry-after": "3"}),
            NotSent("Stripe takes no more requests for now.", 3),
        ),
        (sdk.IdempotencyError("No.", http_status=400), Unknown("Stripe did not say: IdempotencyError 400")),
        (sdk.APIError("No.", http_status=500), Unknown("Stripe did not say: APIError 500")),
    ],
    ids=repr,
)
def test_an_error_says_what_has_become_of_the_money(error: sdk.StripeError, answer: Answer) -> None:
    assert failure(error) == answer


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"7", b'"x"', b"{}", b'{"status": []}', b"\xff", b"<html>"])
async def test_an_answer_of_another_shape_is_unknown(body: bytes) -> None:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body, media_type="application/json")(scope, receive, send)

    card = Source(a_source("").id, SourceKind.CARD, "cus_1/pm_1/seti_1/card_1", "Ada")
    async with listening(answer) as url, rail(url) as adapter:
        for direction, submit in ((PULL, adapter.pull), (PUSH, adapter.push)):
            call = a_call(direction, card)
            assert isinstance(await submit(call), Unknown)
            assert isinstance(await adapter.query(call), Unknown)
            assert isinstance(await adapter.query(call._replace(network_ref="x_1")), Unknown)
        call = a_call(PULL, card)._replace(network_ref="pi_1", reversing=True)
        assert isinstance(await adapter.reverse(call), Unknown)
        assert isinstance(await adapter.query(call), Unknown)
        with pytest.raises(UnreachableError):
            await adapter.settlements(datetime.now(UTC))


@asynccontextmanager
async def rail(url: str) -> AsyncIterator[StripeRail]:
    settings = StripeSettings("sk_test_1", "whsec_1", "acct_1", url)
    adapter = StripeRail(settings, Known({WORKS: CardNumber(NUMBER, "12/2030")}))
    yield adapter
    await adapter.close()


# Numbers


async def test_a_number_goes_to_stripe_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    received = []

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        form = await Request(scope, receive).body()
        received.append(form)
        if b"number" not in form:
            answer: dict[str, Any] = {"id": "cus_1", "object": "customer"}
            await JSONResponse(answer)(scope, receive, send)
            return
        error = {"type": "card_error", "code": "incorrect_number", "message": f"Wrong: {form.decode()}"}
        await JSONResponse({"error": error}, 402)(scope, receive, send)

    caplog.set_level(logging.DEBUG, "stripe")
    async with listening(echo) as url, rail(url) as adapter:
        with pytest.raises(LinkRefusedError) as refused:
            await adapter.link(a_source(WORKS), None)
    assert any(NUMBER.encode() in form for form in received)
    assert "Post details" in caplog.text
    assert NUMBER not in caplog.text
    assert NUMBER not in str(refused.value)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)


async def test_a_number_that_was_not_taken_is_in_no_error() -> None:
    async with httpx2.AsyncClient(trust_env=False) as http:
        client = HttpClient(http, 1, NUMBER)
        with pytest.raises(sdk.APIConnectionError) as failed:
            await client.request_async("post", "http://127.0.0.1:1/", {}, "number=the-number-from-the-vault")
    assert NUMBER not in f"{failed.value!r} {failed.value} {vars(failed.value)}"


# Settings


@pytest.mark.parametrize(
    ("key", "environment"),
    [
        ("sk_test_1", RailEnvironment.SANDBOX),
        ("rk_test_1", RailEnvironment.SANDBOX),
        ("sk_live_1", RailEnvironment.LIVE),
        ("rk_live_1", RailEnvironment.LIVE),
    ],
)
def test_the_key_says_whether_the_money_is_real(key: str, environment: RailEnvironment) -> None:
    assert StripeSettings(key, "").environment is environment


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("", "https://x"),
        ("sk_", "https://x"),
        ("pk_live_1", "https://x"),
        ("sk_live", "https://x"),
        ("sk_live_1", "http://x"),
    ],
)
def test_no_other_key_is_taken_and_a_live_one_goes_over_tls(key: str, url: str) -> None:
    with pytest.raises(ValueError, match=r"key"):
        _ = StripeSettings(key, "", None, url).environment


def test_settings_show_no_secrets() -> None:
    assert "s3cret" not in repr(StripeSettings("sk_test_s3cret", "whsec_s3cret"))
