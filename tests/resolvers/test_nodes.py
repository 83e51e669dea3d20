"""Nodes: whatever has a public id is found by it, by those who may see it."""

from typing import Any
from uuid import UUID

import pytest

from models.transfers import Visibility
from resolvers import accounts, funding, linking, nodes, refunds, security, sessions, transfers, wallets
from resolvers.context import TokenScope
from resolvers.errors import BadInputError
from resolvers.ids import Kind, public_id
from resolvers.nodes import MAX_NODES
from resolvers.wallets import WalletRow
from tests.harness.authenticator import Authenticator
from tests.harness.backdoor import Backdoor
from tests.harness.passkeys import registered
from tests.harness.town import Person, Town, id_of, new_key

TRANSFERS = ("payment_", "refund_", "topup_")


pytestmark = pytest.mark.usefixtures("quick_passwords")


class House:
    """One of everything, and it is Ada's."""

    def __init__(self, town: Town, ada: Person, ben: Person) -> None:
        self.town, self.ada, self.ben = town, ada, ben
        self.public: dict[str, Any] = {}
        self.private: dict[str, Any] = {}

    @property
    def everything(self) -> dict[str, Any]:
        return {**self.public, **self.private}


@pytest.fixture
async def house(town: Town) -> House:
    ada, ben = await town.newcomer("ada"), await town.person("ben")
    house = House(town, ada, ben)
    drawn = (await ada.tops_up("10")).transfer
    sent = (await ada.withdraws("1")).transfer
    post = await ben.post()
    tip = (await ada.tips(post)).transfer
    payment = (await ada.sends(ben)).transfer
    token = (await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.READ], None, None)).token
    passkey = await registered(ada, Authenticator())
    [card] = await funding.sources_of_user(ada.ctx(), ada.id)
    bank = await linking.link_bank_account(ada.ctx(), "110000000", "000123456789")
    [page] = await wallets.entries_of(ada.ctx(), [WalletRow(ada.id)])
    line = page.edges[0].node
    [session] = (await sessions.sessions_by_id(ada.ctx(), [ada.viewer.token_id])).values()
    [events] = await security.security_events_of(ada.ctx(), [ada.as_viewer], first=1)
    event = events.edges[0].node
    given_back = await refunds.refund_transfer(ben.ctx(), public_id(Kind.PAYMENT, payment.id), None, key=new_key())
    payment = (await transfers.transfers_by_id(ada.ctx(), [payment.id]))[payment.id]
    house.public = {ada.public_id: await ada.row(), id_of(post): post, public_id(Kind.TIP, tip.id): tip}
    house.private = {
        public_id(Kind.PAYMENT, payment.id): payment,
        public_id(Kind.REFUND, given_back.transfer.id): given_back.transfer,
        public_id(Kind.TOP_UP, drawn.id): drawn,
        public_id(Kind.WITHDRAWAL, sent.id): sent,
        public_id(Kind.WALLET, ada.id): WalletRow(ada.id),
        f"{public_id(Kind.ENTRY, line.account_id)}_{line.version}": line,
        public_id(Kind.TOKEN, token.id): token,
        public_id(Kind.CARD, card.id): card,
        public_id(Kind.BANK_ACCOUNT, bank.id): bank,
        public_id(Kind.SESSION, session.id): session,
        public_id(Kind.EVENT, event.id): event,
        public_id(Kind.PASSKEY, passkey.id): passkey,
    }
    assert {key.partition("_")[0] for key in house.everything} == set(Kind)
    return house


async def test_everything_is_found_by_its_id(house: House) -> None:
    for key, row in house.everything.items():
        assert await nodes.node(house.ada.ctx(), key) == row


async def test_many_are_found_at_once_in_the_order_of_their_ids(house: House) -> None:
    keys = [*house.everything, *reversed(house.everything)]
    assert await nodes.nodes(house.ada.ctx(), keys) == [house.everything[key] for key in keys]
    assert await nodes.nodes(house.ada.ctx(), []) == []


async def test_what_is_private_is_not_there_for_others(house: House) -> None:
    eve = await house.town.person("eve")
    for ctx in (eve.ctx(), house.town.stranger()):
        assert await nodes.nodes(ctx, [*house.private]) == [None] * len(house.private)
        assert await nodes.nodes(ctx, [*house.public]) == [*house.public.values()]


async def test_the_other_party_sees_the_transfer_and_nothing_else_of_the_wallet(house: House) -> None:
    found = await nodes.nodes(house.ben.ctx(), [*house.private])
    assert [row is not None for row in found] == [key.startswith(("payment_", "refund_")) for key in house.private]


async def test_a_token_without_the_scope_read_finds_nothing_private(house: House) -> None:
    for scopes in ([TokenScope.PAY], [TokenScope.WRITE], [TokenScope.WRITE, TokenScope.PAY]):
        ctx = house.ada.limited(*scopes).ctx()
        assert await nodes.nodes(ctx, [*house.private]) == [None] * len(house.private)
        assert await nodes.nodes(ctx, [*house.public]) == [*house.public.values()]
    found = await nodes.nodes(house.ada.limited(TokenScope.READ).ctx(), [*house.private])
    assert None not in found


async def test_an_id_of_another_kind_with_the_same_key_finds_nothing(house: House) -> None:
    for key, row in house.everything.items():
        _, _, rest = key.partition("_")
        for kind in Kind:
            other = f"{kind}_{rest.partition('_')[0]}" + ("_1" if kind is Kind.ENTRY else "")
            if other.partition("_")[0] == key.partition("_")[0] or {str(kind), key.partition("_")[0]} == {
                "user",
                "wallet",
            }:
                continue  # a wallet goes by its owner's key
            assert await nodes.node(house.ada.ctx(), other) is None, (row, other)


async def test_an_entry_is_found_by_its_own_version_only(house: House) -> None:
    [entry] = [key for key in house.private if key.startswith("entry_")]
    start, _, version = entry.rpartition("_")
    found = await nodes.nodes(house.ada.ctx(), [f"{start}_{n}" for n in range(1, 7)])
    assert [None if row is None else row.version for row in found] == [1, 2, 3, 4, 5, None]
    assert version == "4"
    assert await nodes.node(house.ada.ctx(), f"{start}_999999999999999999") is None


async def test_the_other_side_of_a_top_up_is_nobodys_entry(house: House, backdoor: Backdoor) -> None:
    [(clearing,)] = await backdoor.fetch("SELECT id FROM accounts WHERE code = 'RAIL_CLEARING'")
    key = clearing if isinstance(clearing, UUID) else UUID(bytes=clearing)
    assert await nodes.node(house.ada.ctx(), f"{public_id(Kind.ENTRY, key)}_1") is None


async def test_what_is_deleted_is_found_no_more(house: House) -> None:
    ben, post = house.ben, await house.ben.post()
    await ben.deletes(post)
    assert await nodes.node(ben.ctx(), id_of(post)) is None


async def test_what_was_never_there_is_not_found(house: House) -> None:
    for kind in Kind:
        unknown = public_id(kind, house.ada.ctx().new_id()) + ("_1" if kind is Kind.ENTRY else "")
        assert await nodes.node(house.ada.ctx(), unknown) is None


@pytest.mark.parametrize("wrong", ["", "post", "ada", "post_1", "\x00", "\ud800", "../etc/passwd", "entry_1"])
async def test_what_is_no_id_is_refused_with_all_others(house: House, wrong: str) -> None:
    with pytest.raises(BadInputError):
        await nodes.nodes(house.ada.ctx(), [*house.public, wrong])
    with pytest.raises(BadInputError):
        await nodes.node(house.ada.ctx(), wrong)


async def test_at_most_a_hundred_are_found_at_once(house: House) -> None:
    [key, *_] = house.public
    assert len(await nodes.nodes(house.ada.ctx(), [key] * MAX_NODES)) == MAX_NODES
    with pytest.raises(BadInputError):
        await nodes.nodes(house.ada.ctx(), [key] * (MAX_NODES + 1))


async def test_transfers_for_followers_follow_the_sender(house: House) -> None:
    fan = await house.town.person("fan")
    moved = (await house.ada.sends(house.ben, visibility=Visibility.FOLLOWERS)).transfer
    key = public_id(Kind.PAYMENT, moved.id)
    assert await nodes.node(fan.ctx(), key) is None
    await fan.follows(house.ben)
    assert await nodes.node(fan.ctx(), key) is None
    await fan.follows(house.ada)
    assert await nodes.node(fan.ctx(), key) == moved
