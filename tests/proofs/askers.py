"""Clients that top up and withdraw through a server which is killed again and again, and what they were told."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx2

from models.ids import new_id
from resolvers import accounts
from resolvers.context import TokenScope
from resolvers.ids import Kind, key_of
from tests.harness.simulator import Simulator
from tests.proofs.crashes import AGAIN_SECONDS, PATIENCE_SECONDS
from tests.proofs.outside import VAULT_KEY, Outside, Purse

CLIENTS = 6
MOST_UNITS = 9_999
ASKS = {
    name: f"""mutation ($input: {type_}!) {{
  {name}(input: $input) {{ transfer {{ id }} replayed userErrors {{ ... on UserError {{ code message }} }} }}
}}"""
    for name, type_ in {"topUpWallet": "TopUpWalletInput", "withdraw": "WithdrawInput"}.items()
}
KINDS = {"topUpWallet": Kind.TOP_UP, "withdraw": Kind.WITHDRAWAL}


def options(simulator: Simulator) -> dict[str, str]:
    """What an operator sets to go over the simulator's networks."""
    return {
        "HATFUL_RATE_LIMITS": "off",
        "HATFUL_MONEY_LIMITS": "off",
        "HATFUL_LOG_LEVEL": "error",
        "HATFUL_VAULT_KEYS": VAULT_KEY,
        "HATFUL_CARD_RAIL": "VISA_DIRECT",
        "HATFUL_BANK_RAIL": "STRIPE",
        "HATFUL_VISA": str(simulator.folder / "visa.toml"),
        "HATFUL_STRIPE_API_KEY": "sk_test_simulator",
        "HATFUL_STRIPE_WEBHOOK_SECRET": "whsec_simulator",
        "HATFUL_STRIPE_ACCOUNT": "acct_simulator",
        "HATFUL_STRIPE_URL": simulator.addresses["stripe"],
    }


class Asked(NamedTuple):
    """A transfer that a client was told of, under the key with which it was asked for."""

    key: str
    transfer_id: UUID


class Askers:
    """Clients that move ada's money without pause, each asking with the same key until there is an answer."""

    def __init__(self, world: Outside, url: str, random: Random) -> None:
        self.told: list[Asked] = []
        self.counts: Counter[str] = Counter()
        self._world = world
        self._url = url
        self._random = random
        self._over = False
        self._clients: list[asyncio.Task[None]] = []

    async def begin(self) -> None:
        """Begins to ask."""
        ctx = self._world.ada.ctx()
        token = await accounts.create_access_token(ctx, "proof", [TokenScope.PAY], None, None)
        self._clients = [asyncio.create_task(self._client(token.secret)) for _ in range(CLIENTS)]

    async def end(self) -> None:
        """Lets each client get an answer to what it has asked last. Raises what went wrong with one."""
        self._over = True
        await asyncio.gather(*self._clients)

    async def leave(self) -> None:
        """Sends the clients away, whatever they are waiting for."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _client(self, secret: str) -> None:
        headers = {"authorization": f"Bearer {secret}"}
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as http:
            while not self._over:
                purse, key = self._random.choice(self._world.purses), new_id().hex
                name = "topUpWallet" if self._random.random() < 0.6 else "withdraw"
                transfer_id = await self._ask(http, name, self._input(name, purse, key))
                if transfer_id is not None:
                    self.told.append(Asked(key, transfer_id))

    def _input(self, name: str, purse: Purse, key: str) -> dict[str, Any]:
        units = self._random.randint(1, MOST_UNITS)
        money = {"amount": f"{units // 100}.{units % 100:02}", "currency": "USD"}
        speed = {"speed": self._random.choice(purse.speeds)} if name == "withdraw" else {}
        return {"fundingSourceId": purse.id, "amount": money, "idempotencyKey": key, **speed}

    async def _ask(self, http: httpx2.AsyncClient, name: str, asked: dict[str, Any]) -> UUID | None:
        """The transfer, or None if it was refused."""
        while True:
            with suppress(httpx2.TransportError):
                response = await http.post(
                    f"{self._url}/graphql", json={"query": ASKS[name], "variables": {"input": asked}}
                )
                body: dict[str, Any] = response.json()
                if "errors" not in body:
                    return self._answer(name, body["data"][name])
                assert _codes(body) == ["UNAVAILABLE"], body
            self.counts["again"] += 1
            await asyncio.sleep(AGAIN_SECONDS)

    def _answer(self, name: str, answer: dict[str, Any]) -> UUID | None:
        self.counts["replayed"] += bool(answer["replayed"])
        if answer["userErrors"]:
            self.counts["refused"] += 1
            return None
        transfer_id = key_of(answer["transfer"]["id"], KINDS[name])
        assert transfer_id is not None, answer
        self.counts["answered"] += 1
        return transfer_id


def _codes(body: dict[str, Any]) -> Sequence[str]:
    return [error["extensions"]["code"] for error in body["errors"]]
