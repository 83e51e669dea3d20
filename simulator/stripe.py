"""Stripe's face: the part of its API that moves money, as version 2026-10-28.endive has it.

Requests are forms, answers JSON. It takes the key `sk_test_simulator` alone, and the connected account
`acct_simulator`. The numbers that Stripe publishes for tests do here what they do there, others are refused.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulator.books import Kind, Movement, Status
from simulator.faults import BREAKS, Does, spoilt
from simulator.stripe_objects import (
    Asked,
    Form,
    RefusedError,
    card_error,
    list_of,
    setup_intent,
)
from simulator.stripe_shown import NETWORK, SETTLED_AFTER, Shown
from simulator.stripe_webhooks import Webhooks
from simulator.world import Face, World

KEY = "sk_test_simulator"
ACCOUNT = "acct_simulator"
DEPOSITS = ("32", "45")
TOO_MANY_TRIES = ("10", "11")
DEBITED_AFTER = timedelta(days=4)
PAID_AFTER = {"instant": timedelta(minutes=30), "standard": timedelta(days=2)}
AT_ONCE = timedelta(0)
PREFIXES = {Kind.PULL: "pi", Kind.PUSH: "po", Kind.REVERSAL: "re"}
CARD_REFUSED = 402
UNDER_WAY = RefusedError(409, "idempotency_error", "idempotency_key_in_use", "The same request is under way.")
MONEY = (Does.PENDING, Does.DUPLICATE, Does.DECLINED, Does.PARTIAL, Does.RETURNED)

# https://docs.stripe.com/testing: what a card does when it is set up, and when it is charged.
# What is paid out to the last one fails, which is our own rule.
DEBIT_CARDS = {"4000056655665556", "5200828282828210", "4000000000000341"}
CARDS = {
    "4242424242424242": ("", ""),
    "4000056655665556": ("", ""),
    "5555555555554444": ("", ""),
    "5200828282828210": ("", ""),
    "4000000000000002": ("generic_decline", ""),
    "4000000000009995": ("insufficient_funds", ""),
    "4000000000009987": ("lost_card", ""),
    "4000000000000069": ("expired_card", ""),
    "4000000000000119": ("processing_error", ""),
    "4000000000000341": ("", "generic_decline"),
}
ROUTING = "110000000"
ACCOUNTS = {
    "000123456789": "",
    "000111111113": "account_closed",
    "000111111116": "no_account",
    "000222222227": "insufficient_funds",
    "000333333335": "debit_not_authorized",
}

Handler = Callable[[Asked], dict[str, Any]]


class _Plan(NamedTuple):
    """How money is to move, if no fault has it otherwise."""

    kind: Kind
    after: timedelta
    code: str
    """Why it fails, or empty."""
    means: str
    reverses: Movement | None = None
    settles_after: timedelta = SETTLED_AFTER


class Stripe:
    """What the API answers, and what it remembers beside the books."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._shown = Shown(world)
        self._objects: dict[str, dict[str, Any]] = {}
        self._answers: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self.webhooks = Webhooks(world)
        world.forget.append(self._forget)

    def _forget(self) -> None:
        self._objects.clear()
        self._answers.clear()
        self.webhooks.forget()

    def handler(self, operation: str, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Answers requests of one kind, with all that is the same for every kind."""

        async def answer(request: Request) -> Response:
            form = _form(request.url.query if request.method == "GET" else (await request.body()).decode())
            breaks = self._world.faults.take(operation, *BREAKS)
            if breaks.before:
                return spoilt(breaks, _json({}, 200))
            return spoilt(breaks, self._answer(operation, handle, request, form))

        return answer

    def _answer(self, operation: str, handle: Handler, request: Request, form: Form) -> Response:
        """Same key and same request: same answer. A request that is refused before it is begun leaves no trace."""
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        print_ = sha256(f"{request.url.path} {sorted(form.flat)}".encode()).hexdigest()
        try:
            self._admit(request)
            if key in self._answers:
                return self._again(key, print_)
            fault = self._world.faults.take(operation, *MONEY)
            status, body = 200, handle(Asked(request, form, fault, key))
        except RefusedError as error:
            if error.status != CARD_REFUSED:
                return _json(error.body, error.status)
            fault, status, body = None, error.status, error.body
        if key:
            self._answers[key] = print_, status, body
        if fault is not None and fault.does is Does.DUPLICATE:
            return _json(UNDER_WAY.body, UNDER_WAY.status)
        return _json(body, status)

    def _again(self, key: str, print_: str) -> Response:
        known, status, body = self._answers[key]
        if known != print_:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
            )
            raise RefusedError(400, "idempotency_error", None, message)
        return _json(body, status, {"idempotent-replayed": "true"})

    def _admit(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {KEY}":
            raise RefusedError(401, "invalid_request_error", None, "Invalid API Key provided.")
        if request.headers.get("stripe-account", ACCOUNT) != ACCOUNT:
            raise RefusedError(403, "invalid_request_error", "account_invalid", "No access to that account.")
        if "." not in request.headers.get("stripe-version", ""):
            raise RefusedError(400, "invalid_request_error", None, "Name the version of the API.")

    # Customers, their cards and accounts

    def create_customer(self, asked: Asked) -> dict[str, Any]:
        return self._new("cus", {"object": "customer", "name": asked.form["name"], "metadata": asked.form.metadata})

    def delete_customer(self, asked: Asked) -> dict[str, Any]:
        customer = self._object(asked.path["id"])
        del self._objects[customer["id"]]
        return {"id": customer["id"], "object": "customer", "deleted": True}

    def create_method(self, asked: Asked) -> dict[str, Any]:
        form = asked.form
        method = {"object": "payment_method", "type": form["type"], "customer": None}
        if form["type"] == "card":
            number = _card(form["card[number]"])
            return self._new("pm", {**method, "card": {"last4": number[-4:]}}, number)
        account = form["us_bank_account[account_number]"], form["us_bank_account[routing_number]"]
        number = _account(*account)
        return self._new("pm", {**method, "us_bank_account": {"last4": number[-4:]}}, number)

    def create_setup(self, asked: Asked) -> dict[str, Any]:
        form = asked.form
        _refuse_types(form)
        customer, method = self._object(form["customer"]), self._object(form["payment_method"])
        if method["type"] == "card":
            code, _ = CARDS[self._number(method)]
            if code:
                raise card_error(code)
            method["customer"] = customer["id"]
            return self._new("seti", setup_intent(method["id"], customer["id"], "succeeded"))
        if form["mandate_data[customer_acceptance][type]"] != "offline":
            raise RefusedError(400, "invalid_request_error", "parameter_missing", "A debit needs a mandate.")
        return self._new("seti", setup_intent(method["id"], customer["id"], "requires_action"))

    def setup(self, asked: Asked) -> dict[str, Any]:
        return self._object(asked.path["id"])

    def verify(self, asked: Asked) -> dict[str, Any]:
        setup = self._object(asked.path["id"])
        amounts = tuple(sorted(asked.form.values("amounts")))
        failed = "payment_method_microdeposit_verification_"
        if setup["status"] != "requires_action":
            raise RefusedError(400, "invalid_request_error", "setup_intent_unexpected_state", "It is verified.")
        if amounts == TOO_MANY_TRIES:
            raise RefusedError(400, "invalid_request_error", f"{failed}attempts_exceeded", "Too many wrong amounts.")
        if amounts != DEPOSITS:
            raise RefusedError(400, "invalid_request_error", f"{failed}amounts_mismatch", "Not these amounts.")
        setup.update(status="succeeded", next_action=None)
        self._object(setup["payment_method"])["customer"] = setup["customer"]
        return setup

    def create_external(self, asked: Asked) -> dict[str, Any]:
        self._account(asked)
        form = asked.form
        if form["external_account[object]"] == "card":
            number = _card(form["external_account[number]"])
            if number not in DEBIT_CARDS:
                raise RefusedError(400, "card_error", "invalid_card_type", "Only debit cards are paid out to.")
            return self._new("card", {"object": "card", "last4": number[-4:]}, number)
        number = _account(form["external_account[account_number]"], form["external_account[routing_number]"])
        return self._new("ba", {"object": "bank_account", "last4": number[-4:]}, number)

    def delete_external(self, asked: Asked) -> dict[str, Any]:
        self._account(asked)
        external = self._object(asked.path["id"])
        del self._objects[external["id"]]
        return {"id": external["id"], "object": external["object"], "deleted": True}

    def _account(self, asked: Asked) -> None:
        if asked.path["account"] != ACCOUNT or asked.for_account:
            raise RefusedError(403, "invalid_request_error", "account_invalid", "No access to that account.")

    # Money

    def create_payment(self, asked: Asked) -> dict[str, Any]:
        form = asked.form
        _refuse_types(form)
        if (form["confirm"], form["off_session"]) != ("true", "true"):
            raise RefusedError(
                400, "invalid_request_error", "parameter_missing", "Nobody is there to confirm it later."
            )
        method = self._object(form["payment_method"])
        if method["customer"] != form["customer"] or form["customer"] not in self._objects:
            raise RefusedError(400, "invalid_request_error", None, "The customer has no such payment method.")
        is_card = method["type"] == "card"
        number = self._number(method)
        code = CARDS[number][1] if is_card else ACCOUNTS[number]
        movement = self._move(asked, _Plan(Kind.PULL, AT_ONCE if is_card else DEBITED_AFTER, code, method["type"]))
        if is_card and movement.status(movement.at) is Status.FAILED:
            raise card_error(movement.code, self._shown.payment(movement))
        return self._shown.payment(movement)

    def create_payout(self, asked: Asked) -> dict[str, Any]:
        form = asked.form
        external = self._object(form["destination"])
        if external["object"] not in {"card", "bank_account"}:
            raise RefusedError(400, "invalid_request_error", "resource_missing", "No such external account.")
        method = form["method"] or "standard"
        number = self._number(external)
        code = CARDS[number][1] if external["object"] == "card" else ACCOUNTS[number]
        plan = _Plan(Kind.PUSH, AT_ONCE, code, external["object"], settles_after=PAID_AFTER[method])
        return self._shown.payout(self._move(asked, plan))

    def create_refund(self, asked: Asked) -> dict[str, Any]:
        payment = self._movement(asked.form["payment_intent"])
        if payment.status(self._now) is not Status.COMPLETED:
            raise RefusedError(400, "invalid_request_error", "payment_intent_unexpected_state", "Nothing was paid.")
        if self._shown.refunds(payment.id, Status.PENDING, Status.COMPLETED):
            raise RefusedError(400, "invalid_request_error", "charge_already_refunded", "It was refunded.")
        return self._shown.refund(self._move(asked, _Plan(Kind.REVERSAL, AT_ONCE, "", "refund", payment)))

    def payment(self, asked: Asked) -> dict[str, Any]:
        return self._shown.payment(self._movement(asked.path["id"]))

    def payout(self, asked: Asked) -> dict[str, Any]:
        return self._shown.payout(self._movement(asked.path["id"]))

    def payments(self, asked: Asked) -> dict[str, Any]:
        return self._listed(asked, Kind.PULL, "customer", self._shown.payment)

    def payouts(self, asked: Asked) -> dict[str, Any]:
        return self._listed(asked, Kind.PUSH, "destination", self._shown.payout)

    def refunds(self, asked: Asked) -> dict[str, Any]:
        return self._listed(asked, Kind.REVERSAL, "payment_intent", self._shown.refund)

    def transactions(self, asked: Asked) -> dict[str, Any]:
        """All that changed the balance, newest first: also what is not available yet."""
        since, now = int(asked.form["created[gte]"] or 0), self._now.timestamp()
        found = [one for one in self._shown.transactions() if since <= one["created"] <= now]
        if "data.source" not in asked.form.values("expand"):
            found = [{**one, "source": one["source"]["id"]} for one in found]
        return list_of("/v1/balance_transactions", sorted(found, key=lambda one: -one["created"]), asked.form)

    @property
    def _now(self) -> datetime:
        return self._world.clock.now()

    def _move(self, asked: Asked, plan: _Plan) -> Movement:
        """Writes a movement down, as its fault has it."""
        form, fault, now = asked.form, asked.fault, self._now
        kind, after, code, means, reversed_, settles_after = plan
        id_ = self._id(PREFIXES[kind])
        amount = int(form["amount"] or (reversed_.amount if reversed_ else 0))
        if amount <= 0:
            raise RefusedError(400, "invalid_request_error", "parameter_invalid_integer", "An amount is missing.")
        outcome = Status.FAILED if code else Status.COMPLETED
        if fault.does is Does.DECLINED:
            after, outcome, code = AT_ONCE, Status.FAILED, fault.code or "generic_decline"
        if fault.does in {Does.PENDING, Does.DUPLICATE}:
            after, outcome = timedelta(seconds=fault.seconds), fault.becomes
            code = (fault.code or "generic_decline") if outcome is Status.FAILED else code
        partial = fault.does is Does.PARTIAL and fault.amount is not None
        keep = ("customer", "payment_method", "destination", "method", "payment_intent")
        movement = Movement(
            id=id_,
            network=NETWORK,
            kind=kind,
            key=asked.key or id_,
            amount=fault.amount if partial and fault.amount is not None else amount,
            currency=(form["currency"] or (reversed_.currency if reversed_ else "")).upper(),
            at=now,
            decided_at=now + after,
            outcome=outcome,
            code=code,
            reverses=reversed_.id if reversed_ else None,
            facts={
                **{name: form[name] for name in keep if form[name]},
                **{f"metadata.{name}": value for name, value in form.metadata.items()},
                "means": means,
                "asked": str(amount),
            },
        )
        self._world.record(movement, settles_after, fault)
        self._tell(movement)
        return movement

    def _tell(self, movement: Movement) -> None:
        """Sends what a webhook tells of a movement: that it is there, and what becomes of it."""
        shown, first, good, bad = {
            Kind.PULL: (self._shown.payment, "payment_intent.processing", "succeeded", "payment_failed"),
            Kind.PUSH: (self._shown.payout, "payout.created", "paid", "failed"),
            Kind.REVERSAL: (self._shown.refund, "refund.created", "updated", "failed"),
        }[movement.kind]
        name = first.partition(".")[0]
        ends = max([movement.decided_at, *(line.booked_at for line in self._shown.paid(movement))])
        if ends > movement.at:
            self.webhooks.tell(first, lambda: shown(movement))
        end = good if movement.outcome is Status.COMPLETED else bad
        self.webhooks.tell(f"{name}.{end}", lambda: shown(movement), ends)

    def _listed(self, asked: Asked, kind: Kind, by: str, shown: Callable[[Movement], dict[str, Any]]) -> dict[str, Any]:
        wanted, since = asked.form[by], int(asked.form["created[gte]"] or 0)
        found = [
            shown(movement)
            for movement in reversed(self._world.books.movements(NETWORK))
            if movement.kind is kind
            and movement.at.timestamp() >= since
            and (not wanted or movement.facts.get(by) == wanted)
        ]
        return list_of(
            {Kind.PULL: "/v1/payment_intents", Kind.PUSH: "/v1/payouts"}.get(kind, "/v1/refunds"), found, asked.form
        )

    # Objects

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._world.books.number():014d}"

    def _new(self, prefix: str, body: dict[str, Any], number: str = "") -> dict[str, Any]:
        id_ = self._id(prefix)
        made = {"id": id_, "livemode": False, "created": int(self._now.timestamp()), **body}
        self._objects[id_] = made
        if number:
            self._objects[f"number of {id_}"] = {"number": number}
        return made

    def _object(self, id_: str) -> dict[str, Any]:
        if id_ not in self._objects:
            raise RefusedError(404, "invalid_request_error", "resource_missing", f"No such object: {id_[:30]!r}")
        return self._objects[id_]

    def _number(self, owner: dict[str, Any]) -> str:
        number: str = self._objects[f"number of {owner['id']}"]["number"]
        return number

    def _movement(self, id_: str) -> Movement:
        movement = self._world.books.get(id_)
        if movement is None or movement.network != NETWORK:
            raise RefusedError(404, "invalid_request_error", "resource_missing", f"No such object: {id_[:30]!r}")
        return movement


def _form(text: str) -> Form:
    return Form(parse_qsl(text, keep_blank_values=True))


def _json(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body, status, headers)


def _card(number: str) -> str:
    if number not in CARDS:
        raise card_error("test_mode_live_card")
    return number


def _account(number: str, routing: str) -> str:
    if routing != ROUTING:
        raise RefusedError(400, "invalid_request_error", "routing_number_invalid", "Not a routing number for tests.")
    if number not in ACCOUNTS:
        raise RefusedError(400, "invalid_request_error", "account_number_invalid", "Not an account for tests.")
    return number


def _refuse_types(form: Form) -> None:
    if "payment_method_types" in form:
        code = "payment_method_types_no_longer_supported"
        raise RefusedError(400, "invalid_request_error", code, "Say allowed_payment_method_types.")


def face(world: World, port: int) -> Face:
    """Stripe's face."""
    does = Stripe(world)

    def route(method: str, path: str, operation: str, handle: Handler) -> Route:
        return Route(f"/v1{path}", does.handler(f"{NETWORK}.{operation}", handle), methods=[method])

    routes = [
        route("POST", "/customers", "link", does.create_customer),
        route("DELETE", "/customers/{id}", "unlink", does.delete_customer),
        route("POST", "/payment_methods", "link", does.create_method),
        route("POST", "/setup_intents", "link", does.create_setup),
        route("GET", "/setup_intents/{id}", "verify", does.setup),
        route("POST", "/setup_intents/{id}/verify_microdeposits", "verify", does.verify),
        route("POST", "/accounts/{account}/external_accounts", "link", does.create_external),
        route("DELETE", "/accounts/{account}/external_accounts/{id}", "unlink", does.delete_external),
        route("POST", "/payment_intents", "pull", does.create_payment),
        route("GET", "/payment_intents", "query", does.payments),
        route("GET", "/payment_intents/{id}", "query", does.payment),
        route("POST", "/payouts", "push", does.create_payout),
        route("GET", "/payouts", "query", does.payouts),
        route("GET", "/payouts/{id}", "query", does.payout),
        route("POST", "/refunds", "reverse", does.create_refund),
        route("GET", "/refunds", "query", does.refunds),
        route("GET", "/balance_transactions", "settlements", does.transactions),
        route("POST", "/webhook_endpoints", "webhook_endpoint", does.webhooks.create_endpoint),
    ]
    return Face(NETWORK, Starlette(routes=routes), port)
