"""Ada and what is hers, those who ask for it, and the ways on which they come to it."""

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from string import Template
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import col

from models.database import Command
from models.money import Currency, Money
from models.rails import PayoutSpeed
from models.transfers import Visibility
from models.users import User
from resolvers import accounts, freezes, funding, linking, passkeys, posts, refunds
from resolvers.context import TokenScope
from resolvers.errors import RiskHoldError
from resolvers.freezes import Subject
from resolvers.ids import Kind, public_id
from resolvers.transfers import KINDS, Moved
from tests.harness.authenticator import Authenticator
from tests.harness.town import DECLINED, Person, Town, id_of, money, new_key, refusal

PASSWORD = "correct horse battery"
TIME = '(from: "2020-01-01T00:00:00Z", to: "2100-01-01T00:00:00Z")'
_numbers = count(1)
_picture = Command(
    update(User).where(col(User.handle) == bindparam("whose")).values(avatar_url="https://example.org/a.png", bio="Hi")
)

CAPPED = "capped"
"""What the table calls the owner with tokens that may spend five dollars a day."""
COLUMNS = ("out", "other", "owner", "blocked", "blocking", "READ", "WRITE", "PAY")

ARGUMENTS = {
    "Query.node": '(id: "$user")',
    "Query.nodes": '(ids: ["$user"])',
    "Query.user": '(handle: "$handle")',
    "Query.post": '(id: "$post")',
    "Query.tipPreview": '(input: { postId: "$post", amount: { amount: 1 } })',
    "Viewer.earnings": TIME,
    "Wallet.statement": TIME,
    "Mutation.signUp": f'(input: {{ handle: "$new_handle", password: "{PASSWORD}" }})',
    "Mutation.signIn": f'(input: {{ handle: "$handle", password: "{PASSWORD}" }})',
    "Mutation.createAccessToken": '(input: { name: "An app", scopes: [READ] })',
    "Mutation.revokeAccessToken": '(input: { id: "$new_token" })',
    "Mutation.revokeSession": '(input: { id: "$new_session" })',
    "Mutation.registerPasskey": '(input: { name: "Phone", credential: $new_credential })',
    "Mutation.signInWithPasskey": "(input: { credential: $new_answer })",
    "Mutation.revokePasskey": '(input: { id: "$new_passkey" })',
    "Mutation.createPost": '(input: { text: "Well", replyToId: "$new_post" })',
    "Mutation.editPost": '(input: { id: "$new_post", text: "Changed" })',
    "Mutation.deletePost": '(input: { id: "$new_post" })',
    "Mutation.likePost": '(input: { id: "$new_post" })',
    "Mutation.repostPost": '(input: { id: "$new_post" })',
    "Mutation.followUser": '(input: { id: "$user" })',
    "Mutation.blockUser": '(input: { id: "$user" })',
    "Mutation.tipPost": '(input: { postId: "$new_post", amount: { amount: 1 }, idempotencyKey: "$key" })',
    "Mutation.sendMoney": '(input: { to: { userId: "$user" }, amount: { amount: 1 }, idempotencyKey: "$key" })',
    "Mutation.refundTransfer": '(input: { transferId: "$new_payment", idempotencyKey: "$key" })',
    "Mutation.linkCard": '(input: { vaultToken: "$new_card" })',
    "Mutation.linkBankAccount": '(input: { routingNumber: "110000000", accountNumber: "000222222227" })',
    "Mutation.verifyBankAccount": '(input: { id: "$bank", depositMinorUnits: [32, 45] })',
    "Mutation.removeFundingSource": '(input: { id: "$linked_card" })',
    "Mutation.topUpWallet": '(input: { amount: { amount: 1 }, idempotencyKey: "$key" })',
    "Mutation.withdraw": '(input: { fundingSourceId: "$card", amount: { amount: 1 }, idempotencyKey: "$key" })',
    "Mutation.cancelWithdrawal": '(input: { transferId: "$new_withdrawal" })',
}
"""What a field is given. `$…` is something of Ada's, and `$new_…` something that is made for one request."""


def _node(kind: str, of: str, selection: str = "%") -> str:
    return f'{{ node(id: "${of}") {{ ... on {kind} {{ {selection} }} }} }}'


def _viewer(selection: str) -> str:
    return f"{{ viewer {{ whose: user {{ id }} {selection} }} }}"


def _payload(mutation: str, selection: str = "%") -> str:
    return f"mutation {{ {mutation}{ARGUMENTS.get(f'Mutation.{mutation}', '')} {{ {selection} }} }}"


def _error(kind: str, mutation: str) -> str:
    return f"mutation {{ {mutation} {{ userErrors {{ ... on {kind} {{ % }} }} }} }}"


_DECLINED = 'topUpWallet(input: { fundingSourceId: "$declining", amount: { amount: 1 }, idempotencyKey: "$key" })'
_TOP_UP = 'topUpWallet(input: { amount: { amount: %s }, idempotencyKey: "$key" })'

WAYS = {
    "Query": "{ % }",
    "Mutation": "mutation { % }",
    "AccessToken": _node("AccessToken", "token"),
    "AccessTokenPayload": _payload("createAccessToken"),
    "BankAccount": _node("BankAccount", "bank"),
    "Balance": _node("Wallet", "wallet", "balance { % }"),
    "BeginPasskeyRegistrationPayload": _payload("beginPasskeyRegistration"),
    "BeginPasskeySignInPayload": _payload("beginPasskeySignIn"),
    "DebitCard": _node("DebitCard", "card"),
    "DeletePostPayload": _payload("deletePost"),
    "Earnings": _viewer(f"earnings{TIME} {{ % }}"),
    "EarningsDay": _viewer(f"earnings{TIME} {{ byDay {{ % }} }}"),
    "FundingSourcePayload": _payload("linkBankAccount"),
    "IdempotencyConflictError": _error("IdempotencyConflictError", f"a: {_TOP_UP % 1} {{ replayed }} {_TOP_UP % 2}"),
    "InputError": _error("InputError", 'signUp(input: { handle: "!", password: "" })'),
    "InsufficientFundsError": _error(
        "InsufficientFundsError",
        'tipPost(input: { postId: "$new_post", amount: { amount: 1999 }, idempotencyKey: "$key" })',
    ),
    "LedgerEntry": _node("Wallet", "wallet", "entries { nodes { % } }"),
    "LedgerEntryConnection": _node("Wallet", "wallet", "entries { % }"),
    "LedgerEntryEdge": _node("Wallet", "wallet", "entries { edges { % } }"),
    "Limit": _viewer("limits { % }"),
    "LimitExceededError": _error("LimitExceededError", _TOP_UP % 5001),
    "Money": '{ user(handle: "$host") { posts { nodes { tipTotal { % } } } } }',
    "NotFoundError": _error("NotFoundError", 'likePost(input: { id: "$nothing" })'),
    "NotPermittedError": _error("NotPermittedError", f"editPost{ARGUMENTS['Mutation.editPost']}"),
    "PageInfo": "{ feed { pageInfo { % } } }",
    "Passkey": _node("Passkey", "passkey"),
    "PasskeyPayload": _payload("registerPasskey"),
    "Payment": _node("Payment", "payment"),
    "PaymentPayload": _payload("sendMoney"),
    "Post": '{ post(id: "$post") { % } }',
    "PostConnection": "{ feed { % } }",
    "PostEarnings": _viewer(f"earnings{TIME} {{ topPosts {{ % }} }}"),
    "PostEdge": "{ feed { edges { % } } }",
    "PostPayload": _payload("likePost"),
    "RailDeclinedError": _error("RailDeclinedError", _DECLINED),
    "RailTransfer": _node("RailTransfer", "top_up"),
    "RailTransferPayload": _payload("topUpWallet"),
    "Refund": _node("Refund", "refund"),
    "Refund@payload": _payload("refundTransfer", "refund { ... on Refund { % } }"),
    "RefundPayload": _payload("refundTransfer"),
    "RevokeOtherSessionsPayload": _payload("revokeOtherSessions"),
    "RevokeSessionPayload": _payload("revokeSession"),
    "RiskHoldError": _error(
        "RiskHoldError", 'topUpWallet(input: { amount: { amount: 1 }, idempotencyKey: "$held_key" })'
    ),
    "SecurityEvent": _viewer("securityEvents { nodes { % } }"),
    "SecurityEventConnection": _viewer("securityEvents { % }"),
    "SecurityEventEdge": _viewer("securityEvents { edges { % } }"),
    "Session": _viewer("sessions { nodes { % } }"),
    "SessionConnection": _viewer("sessions { % }"),
    "SessionEdge": _viewer("sessions { edges { % } }"),
    "SessionPayload": _payload("signIn"),
    "SignOutPayload": _payload("signOut"),
    "Statement": _node("Wallet", "wallet", f"statement{TIME} {{ % }}"),
    "SupporterEarnings": _viewer(f"earnings{TIME} {{ topSupporters {{ % }} }}"),
    "Tip": _node("Tip", "tip"),
    "Tip@followers": _node("Tip", "followers_tip"),
    "Tip@parties": _node("Tip", "private_tip"),
    "TipConnection": '{ post(id: "$post") { tips { % } } }',
    "TipEdge": '{ post(id: "$post") { tips { edges { % } } } }',
    "TipPostPayload": _payload("tipPost"),
    "TipPreview": f"{{ tipPreview{ARGUMENTS['Query.tipPreview']} {{ % }} }}",
    "User": '{ user(handle: "$handle") { % } }',
    "UserConnection": '{ user(handle: "$handle") { followers { % } } }',
    "UserEdge": '{ user(handle: "$handle") { followers { edges { % } } } }',
    "UserPayload": _payload("followUser"),
    "Viewer": _viewer("%"),
    "Wallet": _node("Wallet", "wallet"),
    "Wallet@payload": _payload("topUpWallet", "wallet { % }"),
}
"""How one comes to an object of each type that is Ada's, or concerns her; `%` is what is asked of it."""


class Scene:
    """Ada, what is hers, and those who ask for it."""

    def __init__(self, town: Town, things: dict[str, str], people: dict[str, Person], phone: Authenticator) -> None:
        self._town = town
        self._things = things
        self._people = people
        self._phone = phone

    @property
    def ada(self) -> Person:
        """The owner."""
        return self._people["owner"]

    def asker(self, column: str, holder: str) -> Person | None:
        """Who asks: nobody, a person, or an access token of a person with one scope alone."""
        if column in set(TokenScope) and holder == CAPPED:
            return self.ada.limited(TokenScope(column), spend_limit=Money(500, Currency.USD))
        if column in set(TokenScope):
            return self._people[holder].limited(TokenScope(column))
        return self._people.get(column)

    async def document(self, way: str, field: str) -> str:
        """What is sent to see a field: the way to it, with all that the way names."""
        text = WAYS[way].replace("%", field)
        named = sorted(set(re.findall(r"\$(\w+)", text)))
        return Template(text).substitute({name: await self._thing(name) for name in named})

    async def _thing(self, name: str) -> str:
        match name:
            case "key":
                return new_key()
            case "new_handle":
                return f"new_{next(_numbers)}"
            case "new_post":
                return id_of(await self.ada.post())
            case "new_token":
                made = await accounts.create_access_token(self.ada.ctx(), "An app", [TokenScope.READ], None, None)
                return public_id(Kind.TOKEN, made.token.id)
            case "new_session":
                ctx = self._town.stranger()
                await accounts.sign_in(ctx, self.ada.handle, PASSWORD)
                assert ctx.viewer is not None, "whoever signs in is signed in"
                return public_id(Kind.SESSION, ctx.viewer.token_id)
            case "new_credential" | "new_answer" | "new_passkey":
                return await self._of_passkeys(name)
            case "held_key" | "new_payment" | "new_withdrawal" | "new_card" | "linked_card":
                return await self._of_money(name)
            case _:
                return self._things[name]

    async def _of_passkeys(self, name: str) -> str:
        match name:
            case "new_credential":
                return _literal(await _made(self.ada, Authenticator()))
            case "new_answer":
                return _literal(self._phone.get(dict(await passkeys.begin_sign_in(self._town.stranger()))))
            case _:
                return await _registered(self.ada, Authenticator())

    async def _of_money(self, name: str) -> str:
        match name:
            case "held_key":
                return await self._held()
            case "new_card":
                return (await linking.keep_card(self.ada.ctx(), "4000056655665556", "08/2099", None)).token
            case "linked_card":
                return public_id(Kind.CARD, (await self.ada.links("5555555555554444")).id)
            case "new_withdrawal":
                return _id(await self.ada.withdraws("0.01", speed=PayoutSpeed.STANDARD))
            case _:
                return _id(await self._people["friend"].sends(self.ada))

    async def _held(self) -> str:
        """A key that stands for a top-up of a dollar which Ada was refused while she was frozen."""
        key, account = new_key(), Subject(self.ada.id, self.ada.id)
        await freezes.freeze(self._town.stranger(), account, "It looks stolen.")
        assert isinstance(await refusal(self.ada.tops_up("1", key=key)), RiskHoldError)
        await freezes.thaw(self._town.stranger(), account)
        return key


async def scene(town: Town) -> Scene:
    """A new scene, with people whom nobody has met."""
    number = next(_numbers)
    ada = await _sign_up(town, f"ada_{number}")
    names = ("other", "blocked", "blocking", "friend", "host")
    people = dict(zip(names, await town.people(*(f"{name}_{number}" for name in names), dollars="500"), strict=True))
    friend, host, other = people["friend"], people["host"], people["other"]
    top_up = await ada.tops_up("20")
    thread = await host.post("What do you say?")
    await ada.post("A hat!")
    post = await ada.post("A hat, I say", reply_to=thread, quote_of=thread)
    await other.post("So do I", reply_to=post)
    await posts.edit_post(ada.ctx(), id_of(post), "A hat, I say!")
    for fan in (other, friend):
        await fan.follows(ada)
        await fan.likes(post)
        await fan.reposts(post)
    await ada.follows(friend)
    for visibility in Visibility:
        await friend.tips(post, visibility=visibility)
    await other.tips(post)
    tip, followers_tip, private_tip = [
        await ada.tips(thread, note="Yes!", visibility=visibility)
        for visibility in (Visibility.PUBLIC, Visibility.FOLLOWERS, Visibility.PARTIES_ONLY)
    ]
    payment, returned = await ada.sends(friend, note="Rent"), await ada.sends(friend)
    refund = await refunds.refund_transfer(friend.ctx(), _id(returned), None, key=new_key())
    ends = datetime.now(UTC) + timedelta(days=1)
    token = (await accounts.create_access_token(ada.ctx(), "An app", [TokenScope.READ], money("5"), ends)).token
    phone = Authenticator()
    passkey = await _registered(ada, phone)
    [card] = await funding.sources_of_user(ada.ctx(), ada.id)
    declining = await ada.links(DECLINED)
    bank = await linking.link_bank_account(ada.ctx(), "110000000", "000123456789")
    await ada.blocks(people["blocked"])
    await people["blocking"].blocks(ada)
    moved = {
        "top_up": top_up,
        "tip": tip,
        "followers_tip": followers_tip,
        "private_tip": private_tip,
        "payment": payment,
        "refund": refund,
    }
    things = {
        "user": ada.public_id,
        "handle": ada.handle,
        "host": host.handle,
        "post": id_of(post),
        "wallet": public_id(Kind.WALLET, ada.id),
        "token": public_id(Kind.TOKEN, token.id),
        "card": public_id(Kind.CARD, card.id),
        "declining": public_id(Kind.CARD, declining.id),
        "passkey": passkey,
        "bank": public_id(Kind.BANK_ACCOUNT, bank.id),
        "nothing": public_id(Kind.POST, ada.ctx().new_id()),
        **{name: _id(each) for name, each in moved.items()},
    }
    return Scene(town, things, {**people, "owner": ada}, phone)


async def _sign_up(town: Town, handle: str) -> Person:
    ctx = town.stranger()
    await accounts.sign_up(ctx, handle, None, PASSWORD)
    assert ctx.viewer is not None, "whoever signs up is signed in"
    async with ctx.database.transaction() as transaction:
        await transaction.run(_picture, whose=handle)
    return Person(town.app, ctx.viewer.user_id, handle)


async def _made(person: Person, phone: Authenticator) -> dict[str, Any]:
    return phone.create(dict(await passkeys.begin_registration(person.ctx())))


async def _registered(person: Person, phone: Authenticator) -> str:
    passkey = await passkeys.register(person.ctx(), await _made(person, phone), "Phone")
    return public_id(Kind.PASSKEY, passkey.id)


def _literal(value: dict[str, Any]) -> str:
    """An object as GraphQL writes it: with names that are not in quotes."""
    return re.sub(r'"(\w+)":', r"\1:", json.dumps(value))


def _id(moved: Moved) -> str:
    return public_id(KINDS[moved.transfer.kind], moved.transfer.id)
