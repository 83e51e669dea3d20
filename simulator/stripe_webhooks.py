"""What Stripe tells by itself: signed events, sent to whoever has asked for them, and again until they are taken."""

import asyncio
import hmac
import json
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import httpx2

from simulator.faults import Does, Fault
from simulator.stripe_objects import Asked
from simulator.world import World

SIGNED_WITH = "whsec_simulator"
OPERATION = "stripe.webhook"
KINDS = (Does.DELAYED, Does.DOUBLED, Does.REORDERED, Does.LOST, Does.BADLY_SIGNED, Does.STALE)
TRIES_AFTER = (0, 1, 5, 30, 300, 3600)
ANSWER_SECONDS = 10
TLS = ssl.create_default_context()  # to read all authorities for each event takes longer than to send it
LONG_AGO = timedelta(hours=1)


def signature(body: bytes, secret: str, at: datetime) -> str:
    """The value of the header Stripe-Signature."""
    moment = int(at.timestamp())
    signed = hmac.new(secret.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    return f"t={moment},v1={signed},v0={'0' * 64}"


class Webhooks:
    """The endpoints that were asked for, and the events that are under way to them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._urls: list[str] = []
        self._waiting: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def forget(self) -> None:
        """Nobody has asked for events, and none is under way."""
        self._urls.clear()
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()

    def create_endpoint(self, asked: Asked) -> dict[str, Any]:
        """Has events be sent to an address: all of them, whatever was asked for."""
        self._urls.append(asked.form["url"])
        number = self._world.books.number()
        return {
            "id": f"we_{number:014d}",
            "object": "webhook_endpoint",
            "url": asked.form["url"],
            "secret": SIGNED_WITH,
        }

    def tell(self, type_: str, about: Callable[[], dict[str, Any]], when: datetime | None = None) -> None:
        """Sends an event once its moment has come; `about` shows its object as it then is."""
        if self._urls:
            self._begin(self._told(type_, about, when or self._world.clock.now()))

    async def _told(self, type_: str, about: Callable[[], dict[str, Any]], when: datetime) -> None:
        await self._world.clock.until(when)
        fault = self._world.faults.take(OPERATION, *KINDS)
        body = self._event(type_, about())
        if fault.does is Does.LOST:
            return
        if fault.does is Does.REORDERED:
            self._waiting.append(body)
            return
        if fault.does is Does.DELAYED:
            await self._world.clock.until(self._world.clock.now() + timedelta(seconds=fault.seconds))
        for _ in range(2 if fault.does is Does.DOUBLED else 1):
            await self._send(body, fault)
        while self._waiting:
            await self._send(self._waiting.pop(), fault)

    def _event(self, type_: str, about: dict[str, Any]) -> bytes:
        event = {
            "id": f"evt_{self._world.books.number():014d}",
            "object": "event",
            "type": type_,
            "livemode": False,
            "created": int(self._world.clock.now().timestamp()),
            "data": {"object": about},
        }
        return json.dumps(event).encode()

    async def _send(self, body: bytes, fault: Fault) -> None:
        for url in self._urls:
            await self._deliver(url, body, fault)

    async def _deliver(self, url: str, body: bytes, fault: Fault) -> None:
        """Sends until it is taken. It is signed anew each time, by the true clock: that is the receiver's."""
        for seconds in TRIES_AFTER:
            await self._world.clock.until(self._world.clock.now() + timedelta(seconds=seconds))
            at = datetime.now(UTC) - (LONG_AGO if fault.does is Does.STALE else timedelta(0))
            key = "whsec_somebody_else" if fault.does is Does.BADLY_SIGNED else SIGNED_WITH
            headers = {"stripe-signature": signature(body, key, at), "content-type": "application/json"}
            if await _taken(url, body, headers):
                return

    def _begin(self, telling: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(telling)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _taken(url: str, body: bytes, headers: dict[str, str]) -> bool:
    async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, verify=TLS) as client:
        try:
            return (await client.post(url, content=body, headers=headers)).is_success
        except httpx2.HTTPError:
            return False
