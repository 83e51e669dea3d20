"""The forms and objects of Stripe's API, as far as the face speaks them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from starlette.requests import Request

from simulator.books import Movement, Status
from simulator.faults import Fault

LAST_PAGE = 100
MESSAGES = {
    "expired_card": "Your card has expired.",
    "insufficient_funds": "Your card has insufficient funds.",
}


class Form:
    """The fields of a request, by their full names, such as `metadata[call]`; what is missing is empty."""

    def __init__(self, flat: Sequence[tuple[str, str]]) -> None:
        self.flat = flat
        self._fields = dict(flat)

    def __getitem__(self, name: str) -> str:
        return self._fields.get(name, "")

    def __contains__(self, start: str) -> bool:
        return any(name == start or name.startswith(f"{start}[") for name in self._fields)

    @property
    def metadata(self) -> dict[str, str]:
        start = "metadata["
        return {name[len(start) : -1]: value for name, value in self.flat if name.startswith(start)}

    def values(self, name: str) -> Sequence[str]:
        """The values of a list."""
        return [value for field, value in self.flat if field.startswith(f"{name}[")]


class Asked:
    """A request, read."""

    def __init__(self, request: Request, form: Form, fault: Fault, key: str) -> None:
        self.path: dict[str, str] = request.path_params
        self.for_account = "stripe-account" in request.headers
        self.form = form
        self.fault = fault
        self.key = key


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, type_: str, code: str | None, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        known = {"code": code} if code else {}
        self.body = {"error": {"type": type_, "message": message, **known, **more}}


def card_error(code: str, payment: Mapping[str, Any] | None = None) -> RefusedError:
    """A card that was declined; `code` says why."""
    outer = code if code in {"expired_card", "processing_error", "incorrect_number"} else "card_declined"
    more = {"decline_code": code} if outer == "card_declined" else {}
    about = {"payment_intent": payment} if payment else {}
    message = MESSAGES.get(code, "Your card was declined.")
    return RefusedError(402, "card_error", outer, message, **more, **about)


def list_of(url: str, found: Sequence[dict[str, Any]], form: Form) -> dict[str, Any]:
    """A page of what was found, newest first."""
    ids = [one["id"] for one in found]
    after = ids.index(form["starting_after"]) + 1 if form["starting_after"] in ids else 0
    limit = min(int(form["limit"] or 10), LAST_PAGE)
    page = found[after : after + limit]
    return {"object": "list", "url": url, "has_more": after + limit < len(found), "data": page}


def setup_intent(method: str, customer: str, status: str) -> dict[str, Any]:
    """A SetupIntent; one that requires action waits for micro-deposits."""
    waits = {"type": "verify_with_microdeposits", "verify_with_microdeposits": {"microdeposit_type": "amounts"}}
    return {
        "object": "setup_intent",
        "payment_method": method,
        "customer": customer,
        "status": status,
        "usage": "off_session",
        "next_action": waits if status == "requires_action" else None,
    }


def payment_intent(movement: Movement, now: datetime) -> dict[str, Any]:
    """A PaymentIntent."""
    status = movement.status(now)
    words = {Status.PENDING: "processing", Status.COMPLETED: "succeeded", Status.FAILED: "requires_payment_method"}
    failed = card_error(movement.code).body["error"] if status is Status.FAILED else None
    if failed is not None and movement.facts["means"] != "card":
        failed = {"type": "invalid_request_error", "code": movement.code, "message": "The bank did not pay."}
    return {
        **_object("payment_intent", movement),
        "amount": int(movement.facts["asked"]),
        "amount_received": movement.amount if status is Status.COMPLETED else 0,
        "status": words[status],
        "customer": movement.facts.get("customer"),
        "payment_method": movement.facts.get("payment_method"),
        "payment_method_types": [movement.facts["means"]],
        "latest_charge": _charge_id(movement),
        "last_payment_error": failed,
        "next_action": None,
    }


def charge(movement: Movement, now: datetime, *, refunded: bool) -> dict[str, Any]:
    """The charge of a payment."""
    words = {Status.PENDING: "pending", Status.COMPLETED: "succeeded", Status.FAILED: "failed"}
    return {
        **_object("charge", movement),
        "id": _charge_id(movement),
        "status": words[movement.status(now)],
        "payment_intent": movement.id,
        "refunded": refunded,
        "failure_code": movement.code or None,
    }


def payout(movement: Movement, status: str, arrives: datetime, code: str | None) -> dict[str, Any]:
    """A payout. `code`: why it failed."""
    return {
        **_object("payout", movement),
        "status": status,
        "destination": movement.facts.get("destination"),
        "method": movement.facts.get("method", "standard"),
        "type": movement.facts["means"],
        "arrival_date": int(arrives.timestamp()),
        "failure_code": code,
        "failure_message": "The bank did not take it." if code else None,
    }


def refund(movement: Movement, now: datetime) -> dict[str, Any]:
    """A refund."""
    status = movement.status(now)
    words = {Status.PENDING: "pending", Status.COMPLETED: "succeeded", Status.FAILED: "failed"}
    return {
        **_object("refund", movement),
        "status": words[status],
        "payment_intent": movement.reverses,
        "failure_reason": movement.code or None if status is Status.FAILED else None,
    }


def dispute(movement: Movement, reason: str) -> dict[str, Any]:
    """A dispute, by which a bank takes a payment back."""
    return {
        **_object("dispute", movement),
        "id": movement.id.replace("pi_", "dp_"),
        "status": "lost",
        "payment_intent": movement.id,
        "reason": reason,
    }


class Booked(NamedTuple):
    """A change of the balance."""

    at: datetime
    available: datetime
    category: str
    amount: int
    currency: str


def transaction(id_: str, booked: Booked, source: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A balance transaction. Nobody pays fees here."""
    return {
        "id": id_,
        "object": "balance_transaction",
        "amount": booked.amount,
        "fee": 0,
        "net": booked.amount,
        "currency": booked.currency.lower(),
        "created": int(booked.at.timestamp()),
        "available_on": int(booked.available.timestamp()),
        "reporting_category": booked.category,
        "status": "available" if booked.available <= now else "pending",
        "source": source,
    }


def _object(name: str, movement: Movement) -> dict[str, Any]:
    return {
        "id": movement.id,
        "object": name,
        "livemode": False,
        "created": int(movement.at.timestamp()),
        "amount": movement.amount,
        "currency": movement.currency.lower(),
        "metadata": dict(_metadata(movement.facts.items())),
    }


def _metadata(facts: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return ((name.removeprefix("metadata."), value) for name, value in facts if name.startswith("metadata."))


def _charge_id(movement: Movement) -> str:
    return movement.id.replace("pi_", "ch_" if movement.facts["means"] == "card" else "py_")
