"""Clients that tip through a server which is killed again and again, and what they were told."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from uuid import UUID

import httpx2

from ledger import Ledger
from models.database import open_database
from models.ids import new_id
from resolvers import accounts
from resolvers.context import App, Policy, TokenScope
from resolvers.ids import Kind, key_of
from tests.harness.server import free_port, surroundings
from tests.harness.town import Town, id_of
from tests.proofs import processes

PAYERS = 16
DOLLARS = "4000"
START_UNITS = 400_000
FEE_BASIS_POINTS = 250
PATIENCE_SECONDS = 20.0
START_SECONDS = 60.0
PAUSE_SECONDS = 0.01
AGAIN_SECONDS = 0.05
LOG_TAIL = 20_000
OPTIONS = {
    "HATFUL_RATE_LIMITS": "off",
    "HATFUL_MONEY_LIMITS": "off",
    "HATFUL_FEE_BASIS_POINTS": str(FEE_BASIS_POINTS),
    "HATFUL_LOG_LEVEL": "error",
}
TIP = """
mutation ($input: TipPostInput!) {
  tipPost(input: $input) { tip { id } replayed userErrors { ... on UserError { code message } } }
}
"""


class Payer(NamedTuple):
    """Somebody with money, and the secret by which they pay."""

    user_id: UUID
    secret: str


class Acknowledged(NamedTuple):
    """A tip that the server has said it has taken."""

    payer_id: UUID
    key: str
    amount: int
    tip_id: UUID


class People(NamedTuple):
    """Those who tip, and what is tipped."""

    payers: list[Payer]
    post: str


async def settle(url: str) -> People:
    """Makes people with money, and a post."""
    database = await open_database(url)
    ledger = Ledger(database)
    await ledger.start()
    town = Town(App(database, ledger, Policy(money_limits=False)))
    author = await town.person("author")
    post = await author.post()
    payers = []
    for number in range(PAYERS):
        person = await town.person(f"payer{number}", DOLLARS)
        token = await accounts.create_access_token(person.ctx(), "proof", [TokenScope.PAY], None, None)
        payers.append(Payer(person.id, token.secret))
    await ledger.stop()
    await database.close()
    return People(payers, id_of(post))


class Nursery:
    """Where servers are started, and killed."""

    def __init__(
        self, process: asyncio.subprocess.Process, folder: Path, database: str, options: dict[str, str]
    ) -> None:
        self._options = options
        self._process = process
        self._folder = folder
        self._words = ["serve", "--database", database, "--port", str(free_port())]
        self.url = f"http://127.0.0.1:{self._words[-1]}"
        self.server = 0

    async def start(self) -> None:
        """Starts a server on the one port, and waits until it answers."""
        asked = {
            "words": self._words,
            "folder": str(self._folder),
            "log": str(self._folder / "hatful.log"),
            "environment": {**surroundings(self._folder, self._options), "PYTHONPATH": str(processes.ROOT)},
        }
        assert self._process.stdin is not None, "it was asked for"
        assert self._process.stdout is not None, "it was asked for"
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        await self._process.stdin.drain()
        self.server = int(await self._process.stdout.readline())
        async with asyncio.timeout(START_SECONDS), httpx2.AsyncClient(trust_env=False) as http:
            while not await self._answers(http):
                assert _is_alive(self.server), f"the server did not start:\n{self.log()}"
                await asyncio.sleep(PAUSE_SECONDS)

    async def kill(self, sign: signal.Signals = signal.SIGKILL) -> None:
        """Ends the server, and waits until it is gone."""
        os.kill(self.server, sign)
        while _is_alive(self.server):  # noqa: ASYNC110 - a process tells nobody but its parent that it has ended
            await asyncio.sleep(PAUSE_SECONDS)

    def log(self) -> str:
        """What the servers have said."""
        return (self._folder / "hatful.log").read_text(errors="replace")

    async def _answers(self, http: httpx2.AsyncClient) -> bool:
        with suppress(httpx2.TransportError):
            return (await http.get(f"{self.url}/health")).status_code == 200
        return False


@asynccontextmanager
async def nursery(folder: Path, database: str, options: dict[str, str] = OPTIONS) -> AsyncIterator[Nursery]:
    """A nursery whose servers work on one database, as the options say. None of them is left afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.proofs.nursery"),
        cwd=processes.ROOT,
        env=processes.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    servers = Nursery(process, folder, database, options)
    try:
        assert process.stdout is not None, "it was asked for"
        assert await process.stdout.readline() == b"ready\n"
        yield servers
    except BaseException:
        sys.stderr.write(servers.log()[-LOG_TAIL:])  # pytest shows it with the failure
        raise
    finally:
        if servers.server and _is_alive(servers.server):
            await servers.kill(signal.SIGTERM)
        process.kill()
        await process.wait()


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


class Crowd:
    """Clients that tip without pause. Each acknowledgement is on the disk before it counts."""

    def __init__(self, url: str, people: People, notes: Path, seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._url = url
        self._people = people
        self._notes = notes
        self._random = Random(seed)
        self._over = False
        self._clients: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Begins to tip."""
        self._clients = [asyncio.create_task(self._client(payer)) for payer in self._people.payers]

    async def work_for(self, seconds: float) -> None:
        """Returns after this time, in which something was acknowledged. Raises what went wrong with a client."""
        before = self.counts["acknowledged"]
        async with asyncio.timeout(START_SECONDS):
            await asyncio.sleep(seconds)
            while self.counts["acknowledged"] == before:
                self._raise()
                await asyncio.sleep(PAUSE_SECONDS)
        self._raise()

    async def end(self) -> None:
        """Lets each client get an answer to what it has asked last."""
        self._over = True
        async with asyncio.timeout(START_SECONDS):
            await asyncio.gather(*self._clients)

    async def leave(self) -> None:
        """Sends the clients away, whatever they are waiting for."""
        for client in self._clients:
            client.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def acknowledged(self) -> list[Acknowledged]:
        """What stands on the disk."""
        lines = (line.split() for path in self._notes.glob("*.notes") for line in path.read_text().splitlines())
        return [Acknowledged(UUID(payer), key, int(amount), UUID(tip)) for payer, key, amount, tip in lines]

    def _raise(self) -> None:
        for client in self._clients:
            if client.done():
                client.result()

    async def _client(self, payer: Payer) -> None:
        headers = {"authorization": f"Bearer {payer.secret}"}
        with (self._notes / f"{payer.user_id}.notes").open("a") as notes:
            async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE_SECONDS, trust_env=False) as http:
                while not self._over:
                    key, amount = new_id().hex, self._random.randint(1, 60)
                    tip_id = await self._tip(http, key, amount)
                    notes.write(f"{payer.user_id} {key} {amount} {tip_id}\n")
                    notes.flush()
                    await asyncio.to_thread(os.fsync, notes.fileno())
                    self.counts["acknowledged"] += 1

    async def _tip(self, http: httpx2.AsyncClient, key: str, amount: int) -> UUID:
        """Asks with the same key until there is an answer."""
        money = {"amount": f"0.{amount:02}", "currency": "USD"}
        asked = {"postId": self._people.post, "amount": money, "idempotencyKey": key}
        while True:
            with suppress(httpx2.TransportError):
                response = await http.post(f"{self._url}/graphql", json={"query": TIP, "variables": {"input": asked}})
                body: dict[str, Any] = response.json()
                if "errors" not in body:
                    answer = body["data"]["tipPost"]
                    assert answer["userErrors"] == [], answer
                    self.counts["replayed"] += answer["replayed"]
                    tip_id = key_of(answer["tip"]["id"], Kind.TIP)
                    assert tip_id is not None, answer
                    return tip_id
                assert _codes(body) == ["UNAVAILABLE"], body
            self.counts["again"] += 1
            await asyncio.sleep(AGAIN_SECONDS)


def _codes(body: dict[str, Any]) -> Sequence[str]:
    return [error["extensions"]["code"] for error in body["errors"]]
