"""Whatever is asked: compiled plans, the careful way and graphql-core give the same answer."""

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLError,
    IntValueNode,
    ListValueNode,
    ObjectFieldNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
)
from hypothesis import strategies as st
from hypothesis_graphql import nodes

from execution.operations import Operations, Request
from ledger import Ledger
from models.database import open_database
from rails import Vault, sandbox_rails
from rails.vault import new_key
from resolvers.context import App, TokenScope
from resolvers.funding import funding_sources_of
from resolvers.ids import Kind, public_id
from resolvers.wallets import WalletRow, entries_of
from schema import OperationContext, core_schema
from server.errors import present
from tests.execution.zoo import SCHEMA, Keeper
from tests.harness.engines import Engines, assert_equal
from tests.harness.generation import generated
from tests.harness.town import Person, Town, id_of
from tests.proofs.conftest import Say

# graphql-core itself forgets a coroutine now and then when an error makes null of what is above it.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine 'Executor:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

COUNTS = [150, pytest.param(2_000, id="full", marks=pytest.mark.proof)]

NOW = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
AMOUNTS = ["1", "0.01", "5.00", "250", "0", "-1", "0.001", "1e30", "100000"]
MOMENTS = ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-11-23T08:30:00+01:00"]
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "Decimal": st.sampled_from(AMOUNTS).map(nodes.String),
    "BigInt": st.integers(-5, 5).map(nodes.Int),
    "DateTime": st.sampled_from(MOMENTS).map(nodes.String),
    "JSONObject": st.just(nodes.Object([])),
}
ID_NAMES = {"id", "postId", "replyToId", "quoteOfId", "userId", "transferId", "fundingSourceId"}


@pytest.mark.parametrize("mutations", [False, True], ids=["queries", "mutations"])
@pytest.mark.parametrize("count", COUNTS)
async def test_engines_agree_on_a_schema_in_which_everything_can_fail(
    count: int, mutations: bool, seed: int, say: Say
) -> None:
    engines = Engines(SCHEMA, lambda error: error, Keeper)
    scalars = {"Decimal": st.decimals(-100, 100, places=2).map(nodes.String)}
    for query, variables in generated(SCHEMA, count, seed, mutations=mutations, scalars=scalars, fill=_in_the_zoo):
        await engines.agree(query, variables)
    say(f"{count:,} operations of the zoo: {engines.planned:,} had a plan, {engines.failed:,} gave errors")
    assert engines.planned > count / 2


def _in_the_zoo(name: str, _: GraphQLArgument, value: ValueNode, random: Random) -> ValueNode:
    if name == "id":
        return StringValueNode(value=str(random.randint(1, 6)))
    if name in {"first", "skip", "by"} and isinstance(value, IntValueNode):
        return IntValueNode(value=str(random.randint(-1, 3)))
    return value


# The product


class Scene(NamedTuple):
    """People with posts and money, and all that can be asked for. Scenes that are set up alike differ in ids alone."""

    town: Town
    viewers: list[Person | None]
    ids: list[str]
    handles: list[str]

    @classmethod
    async def of(cls, app: App) -> "Scene":
        town = Town(app)
        ada, ben, eve = await town.people("ada", "ben", "eve", dollars="500")
        await ada.follows(ben)
        await ben.follows(ada)
        posts = [await ben.post("first")]
        posts += [await ada.post("reply", reply_to=posts[0]), await eve.post("quote", quote_of=posts[0])]
        posts += [await ben.post("again", reply_to=posts[1], quote_of=posts[2]), await eve.post("gone")]
        await ada.likes(posts[0])
        await ben.reposts(posts[1])
        # Generated requests use these keys as well, so they meet them alike in all scenes. New keys, as the first
        # top-ups have, differ between scenes, and no generated request may use them.
        moved = [
            await ada.tips(posts[0], "5", key=_key(1)),
            await ben.tips(posts[2], "1.50", key=_key(2), note="Thanks"),
        ]
        moved += [await ada.sends(ben, "7", key=_key(3)), await ada.tips(posts[4], "2", key=_key(4))]
        moved += [await ada.tops_up("20", key=_key(5))]
        await eve.deletes(posts[4])
        await eve.blocks(ada)
        [sources] = await funding_sources_of(ada.ctx(), [ada.as_viewer])
        [entries] = await entries_of(ada.ctx(), [WalletRow(ada.id)])
        ids = [ada.public_id, ben.public_id, eve.public_id, *map(id_of, posts)]
        kinds = (Kind.TIP, Kind.TIP, Kind.PAYMENT, Kind.TIP, Kind.TOP_UP)
        ids += [public_id(kind, one.transfer.id) for kind, one in zip(kinds, moved, strict=True)]
        ids += [public_id(Kind.CARD, source.id) for source in sources]
        ids += [f"{public_id(Kind.ENTRY, edge.node.account_id)}_{edge.node.version}" for edge in entries.edges]
        ids += [public_id(Kind.WALLET, ada.id), "post_1", ""]
        viewers = [ada, ada, ben, None, ada.limited(TokenScope.READ), ada.limited(TokenScope.WRITE)]
        return cls(town, viewers, ids, ["ada", "@Ben", "nobody", "eve"])

    def context(self, viewer: int) -> OperationContext:
        """A request of one of the viewers. Its moment is always the same."""
        person = self.viewers[viewer]
        context = self.town.stranger() if person is None else person.ctx()
        context.now = lambda: NOW  # type: ignore[method-assign]
        return context


def _placed(name: str, _: GraphQLArgument | None, value: ValueNode, random: Random) -> ValueNode:
    """Puts names of places into a generated argument: what stands there, each scene knows for itself."""
    if isinstance(value, ObjectValueNode):
        fields = [
            ObjectFieldNode(name=field.name, value=_placed(field.name.value, None, field.value, random))
            for field in value.fields
        ]
        return ObjectValueNode(fields=tuple(fields))
    if isinstance(value, ListValueNode) and name == "ids":
        return ListValueNode(values=tuple(_place("id", random) for _ in range(random.randint(0, 8))))
    if isinstance(value, StringValueNode | IntValueNode) and name in ID_NAMES:
        return _place("id", random)
    if name == "handle" and isinstance(value, StringValueNode):
        return _place("handle", random)
    if name in {"first", "last"} and isinstance(value, IntValueNode):
        return IntValueNode(value=str(random.choice([0, 1, 2, 3, 20, 100, 101, -1])))
    if name in {"after", "before"} and random.random() < 0.7:
        return StringValueNode(value="AAAAAAAAAAAAAAAAAAAAAA")
    if name == "idempotencyKey":
        return StringValueNode(value=_key(random.randint(1, 50)))
    return value


def _key(number: int) -> str:
    return f"key {number}"


def _place(kind: str, random: Random) -> StringValueNode:
    return StringValueNode(value=f"@@{kind} {random.randrange(1 << 16)}@@")


def _filled(text: str, scene: Scene) -> str:
    """A text with what stands at its places."""

    def of(found: re.Match[str]) -> str:
        choices = scene.ids if found[1] == "id" else scene.handles
        return choices[int(found[2]) % len(choices)]

    return re.sub(r"@@(id|handle) (\d+)@@", of, text)


@pytest.mark.parametrize("count", COUNTS)
async def test_engines_agree_on_queries_of_the_product(app: App, count: int, seed: int, say: Say) -> None:
    scene = await Scene.of(app)
    random = Random(seed)
    viewer = 0
    engines = Engines(core_schema, _shown, lambda: scene.context(viewer))
    for query, variables in generated(core_schema, count, seed, scalars=SCALARS, fill=_placed):
        viewer = random.randrange(len(scene.viewers))
        await engines.agree(_filled(query, scene), json.loads(_filled(json.dumps(variables), scene)))
    say(f"{count:,} queries of the product: {engines.planned:,} had a plan, {engines.failed:,} gave errors")
    assert engines.planned > count / 2


@pytest.fixture
def twin_url(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[str]:
    """Another migrated database of the same kind as the test's own."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{shutil.copy(request.getfixturevalue('sqlite_template'), tmp_path / 'twin.db')}"
        return
    server, template = (request.getfixturevalue(f"postgres_{name}") for name in ("server", "template"))
    with server.migrated(template) as url:
        yield url


@pytest.fixture
async def twin(twin_url: str) -> AsyncIterator[App]:
    """The product on another database."""
    database = await open_database(twin_url)
    ledger = Ledger(database)
    await ledger.start()
    yield App(database, ledger, rails=sandbox_rails(Vault(database, [new_key()])))
    await ledger.stop()
    await database.close()


class Twin:
    """A scene whose operations run in one way, and what it has shown of its own: ids, moments, secrets."""

    def __init__(self, scene: Scene, *, plans: bool) -> None:
        self._scene = scene
        self._operations = Operations(core_schema, _shown, plans=plans)
        self._seen: dict[str, int] = {}

    async def run(self, query: str, variables: dict[str, Any], viewer: int) -> dict[str, Any]:
        """The answer, with numbers in the place of what is its own, in the order in which it came to light."""
        query, variables = _filled(query, self._scene), json.loads(_filled(json.dumps(variables), self._scene))
        response = await self._operations.run(Request(query, variables), self._scene.context(viewer))
        text = _OWN.sub(self._number, orjson.dumps(response.body).decode())
        masked: dict[str, Any] = json.loads(text)
        return masked

    def _number(self, found: re.Match[str]) -> str:
        return f"#{self._seen.setdefault(found[0], len(self._seen))}"


_OWN = re.compile(
    r"[a-z]+_[0-9a-f]{32}(_\d+)?|hat_[\w-]{20,}|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=ursor\":\")[\w-]+(?=\")|seed_[\w-]+"
    r"|(?<=\"challenge\":\")[\w-]+|(?<=\"user\":\{\"id\":\")[\w-]{22}(?=\",\"name\")"
)


@pytest.mark.usefixtures("quick_passwords")
@pytest.mark.parametrize("count", COUNTS)
async def test_engines_agree_on_mutations_of_the_product(app: App, twin: App, count: int, seed: int, say: Say) -> None:
    planned = Twin(await Scene.of(app), plans=True)
    on_core = Twin(await Scene.of(twin), plans=False)
    random = Random(seed)
    failed = 0
    for query, variables in generated(core_schema, count, seed, mutations=True, scalars=SCALARS, fill=_placed):
        viewer = random.randrange(6)
        told = await on_core.run(query, variables, viewer)
        got = await planned.run(query, variables, viewer)
        assert_equal(got, told, (query, variables))
        failed += "errors" in told
    say(f"{count:,} mutations of the product on two databases, {failed:,} gave errors")


def _shown(error: GraphQLError) -> GraphQLError:
    """The error as it leaves the product, without the number under which it is logged."""
    shown = present(error)
    if (shown.extensions or {}).get("code") != "INTERNAL":
        return shown
    return GraphQLError("internal", nodes=shown.nodes, path=shown.path, original_error=error.original_error)
