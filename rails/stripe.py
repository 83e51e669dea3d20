"""Stripe, through its official SDK: cards and US bank accounts.

A source is a customer of ours at Stripe with a payment method, and what it is paid out to is an external account of
the account that holds the money. Stripe's names for these are the source's reference.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import httpx2
import stripe

from models.funding import SourceKind
from models.money import Currency, Money
from models.rails import Direction, PayoutSpeed
from models.transfers import Rail, RailEnvironment
from rails.interface import (
    AccountNumber,
    Answer,
    Approved,
    Call,
    Capabilities,
    CardNumber,
    Declined,
    Linked,
    LinkRefusedError,
    Notice,
    NotSent,
    Pending,
    Rejected,
    Secrets,
    Settlement,
    Source,
    Unknown,
    UnreachableError,
)
from rails.stripe_balance import lines_of
from rails.stripe_events import about, check_signature
from rails.stripe_requests import NUMBER, WRONG_KEY, Failure, HttpClient, asked, failure, is_passing, unclear

BOOKED_WITHIN = timedelta(days=14)  # from a payment until its money can be paid out, or until a payout is paid
CLOCKS_DIFFER_BY = timedelta(hours=1)
PAGE = 100
WRONG_DEPOSITS = frozenset(
    {
        "payment_method_microdeposit_verification_amounts_invalid",
        "payment_method_microdeposit_verification_amounts_mismatch",
    }
)
US_NUMBERS_ALONE = "Stripe takes accounts in the United States only, by their routing and account numbers."
UNKNOWN_NUMBER = "The number of this card or account is not known any more."
NOT_TAKEN = "Stripe does not take this card or account."

T = TypeVar("T")


class StripeSettings(NamedTuple):
    """How Stripe is reached."""

    api_key: str
    """A secret or a restricted key. Its prefix says whether the money is real."""
    webhook_secret: str
    """With what Stripe signs: `whsec_…`. Empty: no webhook is believed."""
    account: str | None = None
    """The connected account that holds the money, and to whose external accounts is paid out. Without: no payouts."""
    url: str = "https://api.stripe.com"
    connect_seconds: float = 5
    answer_seconds: float = 30

    def __repr__(self) -> str:
        return f"StripeSettings({self.url})"

    @property
    def environment(self) -> RailEnvironment:
        """Raises ValueError: it is no key of Stripe's, or one for real money and an address without TLS."""
        kind = self.api_key.split("_")
        if len(kind) < 3 or kind[0] not in {"sk", "rk"} or kind[1] not in {"live", "test"}:
            raise ValueError("a key of Stripe's begins with sk_live_, sk_test_, rk_live_ or rk_test_.")
        if kind[1] == "test":
            return RailEnvironment.SANDBOX
        if not self.url.startswith("https://"):
            raise ValueError("a live key is sent to an address with https:// alone.")
        return RailEnvironment.LIVE


class StripeRail:
    """The adapter of Stripe."""

    rail = Rail.STRIPE

    def __init__(self, settings: StripeSettings, secrets: Secrets) -> None:
        """Raises ValueError: see `StripeSettings.environment`."""
        self.environment = settings.environment
        kinds = frozenset(SourceKind)
        self.capabilities = Capabilities(
            pulls=kinds,
            pushes=kinds if settings.account else frozenset(),
            speeds=frozenset(PayoutSpeed) if settings.account else frozenset(),
            currencies=frozenset({Currency.USD}),
            reverses=True,
        )
        self._settings = settings
        self._secrets = secrets
        self._http = httpx2.AsyncClient(
            timeout=httpx2.Timeout(settings.answer_seconds, connect=settings.connect_seconds), trust_env=False
        )
        self._client = self._client_for(NUMBER, settings.account)
        self._platform = self._client_for(NUMBER, None)

    # Cards and accounts

    async def link(self, source: Source, deposits: tuple[Money, Money] | None) -> Linked:
        try:
            secret = await self._secrets.reveal(source.reference)
        except KeyError:
            raise LinkRefusedError(UNKNOWN_NUMBER) from None
        if isinstance(secret, AccountNumber) and not secret.routing:
            raise LinkRefusedError(US_NUMBERS_ALONE)
        return _or_raise(await asked(self._linked(source, secret), failure))

    async def verify(self, source: Source, amounts: tuple[int, int]) -> bool:
        """Whether these are the amounts that Stripe sent, or the owner has shown it on Stripe's own page.

        Raises LinkRefusedError once Stripe takes no more tries, or UnreachableError.
        """
        return _or_raise(await asked(self._verified(_Reference.of(source), amounts), _tried))

    async def unlink(self, source: Source) -> None:
        reference = _Reference.of(source)
        _or_raise(await asked(self._forgotten(reference), failure))

    def _client_for(self, number: str, account: str | None) -> stripe.StripeClient:
        """The SDK, on behalf of an account or of the platform, with a number that it sends without knowing it."""
        settings = self._settings
        return stripe.StripeClient(
            settings.api_key,
            stripe_account=account,
            base_addresses={"api": settings.url},
            max_network_retries=0,  # who calls retries, and knows when that is safe
            http_client=HttpClient(self._http, settings.answer_seconds, number),
        )

    async def _linked(self, source: Source, secret: CardNumber | AccountNumber) -> Linked | Declined:
        client = self._client_for(secret.number, self._settings.account)
        customer = await self._client.v1.customers.create_async(
            {"name": source.holder, "metadata": {"source": str(source.id)}}, _once(source, "customer")
        )
        method = await client.v1.payment_methods.create_async(_method(source, secret), _once(source, "method"))
        setup = await self._client.v1.setup_intents.create_async(
            _setup(customer.id, method.id, secret), _once(source, "setup")
        )
        verified = setup.status == "succeeded"
        if not verified and not _waits_for_deposits(setup):
            return Declined(setup.status, NOT_TAKEN)
        payee = await self._payee(source, secret)
        return Linked(_Reference(customer.id, method.id, setup.id, payee).text, verified)

    async def _payee(self, source: Source, secret: CardNumber | AccountNumber) -> str:
        """The external account for a source, which the platform gives to the account that pays."""
        if self._settings.account is None:
            return ""
        platform = self._client_for(secret.number, None)
        external = await platform.v1.accounts.external_accounts.create_async(
            self._settings.account,
            {"external_account": _external(source, secret), "metadata": {"source": str(source.id)}},
            _once(source, "payee"),
        )
        return str(external.id)

    async def _verified(self, reference: "_Reference", amounts: tuple[int, int]) -> bool:
        setup = await self._client.v1.setup_intents.retrieve_async(reference.setup)
        if setup.status != "succeeded":
            setup = await self._client.v1.setup_intents.verify_microdeposits_async(
                reference.setup, {"amounts": list(amounts)}
            )
        return setup.status == "succeeded"

    async def _forgotten(self, reference: "_Reference") -> None:
        if reference.payee and self._settings.account:
            await _unless_missing(
                self._platform.v1.accounts.external_accounts.delete_async(self._settings.account, reference.payee)
            )
        await _unless_missing(self._client.v1.customers.delete_async(reference.customer))

    # Money

    async def pull(self, call: Call) -> Answer:
        return await asked(self._pulled(call), failure)

    async def push(self, call: Call) -> Answer:
        return await asked(self._pushed(call), failure)

    async def reverse(self, call: Call) -> Answer:
        if call.network_ref is None:
            return Rejected("It is not known what there is to take back.")
        return await asked(self._refunded(call.network_ref, call), failure)

    async def query(self, call: Call) -> Answer:
        if call.reversing:
            return await asked(self._refunds(call), unclear)
        found = self._payment(call) if call.direction is Direction.PULL else self._payout(call)
        return await asked(found, unclear)

    async def _pulled(self, call: Call) -> Answer:
        reference = _Reference.of(call.source)
        intent = await self._client.v1.payment_intents.create_async(
            {
                "amount": call.amount.minor_units,
                "currency": call.amount.currency.lower(),
                "customer": reference.customer,
                "payment_method": reference.method,
                "allowed_payment_method_types": [_METHODS[call.source.kind]],
                "confirm": True,
                "off_session": True,
                "metadata": {"call": str(call.id)},
            },
            {"idempotency_key": str(call.id)},
        )
        return _payment(intent)

    async def _pushed(self, call: Call) -> Answer:
        payee = _Reference.of(call.source).payee
        if not payee:
            return Rejected("The source was linked while nothing could be paid out.")
        payout = await self._client.v1.payouts.create_async(
            {
                "amount": call.amount.minor_units,
                "currency": call.amount.currency.lower(),
                "destination": payee,
                "method": call.speed.lower(),
                "metadata": {"call": str(call.id)},
            },
            {"idempotency_key": str(call.id)},
        )
        return _payout(payout)

    async def _refunded(self, payment: str, call: Call) -> Answer:
        refund = await self._client.v1.refunds.create_async(
            {"payment_intent": payment, "metadata": {"call": str(call.id)}},
            {"idempotency_key": f"{call.id}-reverse"},
        )
        return _refund(refund)

    async def _payment(self, call: Call) -> Answer:
        intents = self._client.v1.payment_intents
        if call.network_ref is not None:
            return _payment(await intents.retrieve_async(call.network_ref))
        customer = _Reference.of(call.source).customer
        page = await intents.list_async({"customer": customer, "created": _since(call), "limit": PAGE})
        intent = await _of_call(call, page)
        return _NOT_FOUND if intent is None else _payment(intent)

    async def _payout(self, call: Call) -> Answer:
        payouts = self._client.v1.payouts
        if call.network_ref is not None:
            return _payout(await payouts.retrieve_async(call.network_ref))
        payee = _Reference.of(call.source).payee
        page = await payouts.list_async({"destination": payee, "created": _since(call), "limit": PAGE})
        payout = await _of_call(call, page)
        return _NOT_FOUND if payout is None else _payout(payout)

    async def _refunds(self, call: Call) -> Answer:
        if call.network_ref is None:
            return _NOT_FOUND
        page = await self._client.v1.refunds.list_async({"payment_intent": call.network_ref, "limit": PAGE})
        refund = await _of_call(call, page)
        return _NOT_FOUND if refund is None else _refund(refund)

    # What Stripe tells by itself

    def notices(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Sequence[Notice]:
        check_signature(self._settings.webhook_secret, body, headers.get("stripe-signature", ""), now)
        network_ref = about(body)
        return () if network_ref is None else (Notice(network_ref),)

    async def settlements(self, since: datetime) -> Sequence[Settlement]:
        lines = _or_raise(await asked(self._lines(since.timestamp() - BOOKED_WITHIN.total_seconds()), failure))
        return sorted(lines, key=lambda line: line.booked_at)

    async def close(self) -> None:
        await self._http.aclose()

    async def _lines(self, since: float) -> list[Settlement]:
        page = await self._client.v1.balance_transactions.list_async(
            {"created": {"gte": max(int(since), 0)}, "expand": ["data.source"], "limit": PAGE}
        )
        return lines_of([transaction async for transaction in _all(page)])


class _Reference(NamedTuple):
    """Stripe's names for a source, as one text."""

    customer: str
    method: str
    setup: str
    payee: str
    """The external account that is paid out to, or empty."""

    @property
    def text(self) -> str:
        return "/".join(self)

    @classmethod
    def of(cls, source: Source) -> "_Reference":
        return cls(*source.reference.split("/"))


# What Stripe is asked

_METHODS = {SourceKind.CARD: "card", SourceKind.BANK_ACCOUNT: "us_bank_account"}


def _once(source: Source, step: str) -> stripe.RequestOptions:
    return {"idempotency_key": f"{source.id}-{step}"}


def _method(source: Source, secret: CardNumber | AccountNumber) -> Any:
    owner = {"billing_details": {"name": source.holder}}
    if isinstance(secret, CardNumber):
        month, year = secret.expires.split("/")
        return {**owner, "type": "card", "card": {"number": NUMBER, "exp_month": int(month), "exp_year": int(year)}}
    account = {"account_holder_type": "individual", "account_number": NUMBER, "routing_number": secret.routing}
    return {**owner, "type": "us_bank_account", "us_bank_account": account}


def _setup(customer: str, method: str, secret: CardNumber | AccountNumber) -> Any:
    setup = {"customer": customer, "payment_method": method, "confirm": True, "usage": "off_session"}
    if isinstance(secret, CardNumber):
        return {**setup, "allowed_payment_method_types": ["card"]}
    return {
        **setup,
        "allowed_payment_method_types": ["us_bank_account"],
        "payment_method_options": {"us_bank_account": {"verification_method": "microdeposits"}},
        "mandate_data": {"customer_acceptance": {"type": "offline"}},
    }


def _external(source: Source, secret: CardNumber | AccountNumber) -> Any:
    if isinstance(secret, CardNumber):
        month, year = secret.expires.split("/")
        card = {"number": NUMBER, "exp_month": int(month), "exp_year": int(year), "name": source.holder}
        return {**card, "object": "card", "currency": "usd"}
    return {
        "object": "bank_account",
        "country": "US",
        "currency": "usd",
        "account_holder_name": source.holder,
        "account_holder_type": "individual",
        "account_number": NUMBER,
        "routing_number": secret.routing,
    }


def _since(call: Call) -> Any:
    return {"gte": int((call.created_at - CLOCKS_DIFFER_BY).timestamp())}


# What Stripe answers

# It may still be on its way: that it is not there yet says nothing.
_NOT_FOUND = Unknown("Stripe does not know of it yet.")


def _payment(intent: stripe.PaymentIntent) -> Answer:
    match intent.status:
        case "succeeded":
            moved = Money(intent.amount_received, Currency(intent.currency.upper()))
            return Approved("succeeded", intent.id, moved=None if moved.minor_units == intent.amount else moved)
        case "processing":
            return Pending(intent.id, processing="us_bank_account" in intent.payment_method_types)
        case "requires_payment_method" | "requires_action" | "canceled":
            error = intent.last_payment_error
            code = _said(error, "decline_code") or _said(error, "code") or intent.status
            return Declined(code, _said(error, "message") or "The payment failed.", is_passing(code), intent.id)
    return Unknown(f"Stripe says {intent.status}.", intent.id)


def _said(about: Any, name: str) -> str:
    """What stands in an object of Stripe's, which leaves out what it has nothing to say of."""
    return getattr(about, name, None) or ""


def _payout(payout: stripe.Payout) -> Answer:
    match payout.status:
        case "paid" | "in_transit":
            return Approved(payout.status, payout.id)  # it is with the bank: what fails from now on is a return
        case "pending":
            return Pending(payout.id)
        case "failed" | "canceled":
            code = _said(payout, "failure_code") or payout.status
            return Declined(code, _said(payout, "failure_message") or "The payout failed.", is_passing(code), payout.id)
    return Unknown(f"Stripe says {payout.status}.", payout.id)


def _refund(refund: stripe.Refund) -> Answer:
    # The name of the payment stays the name of all that is about it, so a refund's own is not told.
    match refund.status:
        case "succeeded":
            return Approved("refunded")
        case "pending" | "requires_action":
            return Pending(processing=True)
        case "failed" | "canceled":
            return Declined(_said(refund, "failure_reason") or refund.status, "The refund failed.")
    return Unknown(f"Stripe says {refund.status}.")


async def _all(page: Any) -> AsyncIterator[Any]:
    async for found in page.auto_paging_iter():
        yield found


async def _of_call(call: Call, page: Any) -> Any:
    async for found in _all(page):
        if found.metadata and found.metadata.to_dict().get("call") == str(call.id):
            return found
    return None


def _waits_for_deposits(setup: stripe.SetupIntent) -> bool:
    return setup.next_action is not None and setup.next_action.type == "verify_with_microdeposits"


async def _unless_missing(request: Any) -> None:
    try:
        await request
    except stripe.InvalidRequestError as error:
        if error.code != "resource_missing":
            raise


def _tried(error: stripe.StripeError) -> bool | Failure:
    return False if error.code in WRONG_DEPOSITS else failure(error)


def _or_raise(answer: T | Failure) -> T:
    """Raises LinkRefusedError or UnreachableError for a failure of what moves no money."""
    match answer:
        case Declined():
            raise LinkRefusedError(answer.message)
        case Rejected() if answer.reason != WRONG_KEY:
            raise LinkRefusedError(NOT_TAKEN)
        case NotSent() | Unknown() | Rejected():
            raise UnreachableError(answer.reason)
    return answer
