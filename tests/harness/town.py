"""The product in the test's own process, past HTTP: people, and what they do."""

from collections.abc import Awaitable
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from execution.operations import Operations, Request
from models.accounts import TokenKind
from models.ids import new_id
from models.limits import Tier
from models.money import Currency, Money
from models.rails import PayoutSpeed
from models.transfers import Visibility
from resolvers import accounts, funding, linking, payments, posts, tips, top_ups, users, wallets, withdrawals
from resolvers.context import App, TokenScope, Viewer
from resolvers.errors import Refused, UserError
from resolvers.funding import FundingSourceRow
from resolvers.ids import Kind, public_id
from resolvers.inputs import MoneyAsked
from resolvers.payments import RecipientAsked
from resolvers.posts import PostRow
from resolvers.transfers import Moved
from resolvers.users import CountersRow, UserRow, ViewerRow
from resolvers.wallets import Balance, WalletRow
from schema import OperationContext, core_schema
from server.errors import present
from tests.harness.leaks import numbers_told

_numbers = count(1)

FINE, DECLINED, NO_FUNDS, SLOW, FAILS_LATER = (
    "4242424242424242",
    "4000000000000002",
    "4000000000009995",
    "4000000000000077",
    "4000000000000341",
)
"""Cards of the sandbox, and what they do."""


def new_key() -> str:
    """An idempotency key that no request has had: it counts on through all towns."""
    return f"new key {next(_numbers)}"


def money(amount: str, currency: Currency = Currency.USD) -> MoneyAsked:
    """An amount as a client writes it."""
    return MoneyAsked(Decimal(amount), currency)


def id_of(row: PostRow | UserRow) -> str:
    """The public id of a post or a user."""
    return public_id(Kind.POST if isinstance(row, PostRow) else Kind.USER, row.id)


async def refusal(work: Awaitable[Any]) -> UserError:
    """The one reason for which a command was refused."""
    with pytest.raises(Refused) as caught:
        await work
    [error] = caught.value.errors
    return error


def _or_new(key: str | None) -> str:
    return new_key() if key is None else key


class Person:
    """A user of the product. Each thing that they do is a request of its own."""

    def __init__(self, app: App, user_id: UUID, handle: str, viewer: Viewer | None = None) -> None:
        self.app = app
        self.id = user_id
        self.handle = handle
        self.public_id = public_id(Kind.USER, user_id)
        self.viewer = viewer or Viewer(user_id, new_id(), TokenKind.SESSION, frozenset(TokenScope), tier=Tier.VERIFIED)

    def ctx(self) -> OperationContext:
        """A new request of theirs."""
        return OperationContext(self.app, self.viewer)

    def limited(self, *scopes: TokenScope, spend_limit: Money | None = None) -> "Person":
        """The same person, by an access token with these scopes, and perhaps a limit a day."""
        viewer = self.viewer._replace(
            kind=TokenKind.ACCESS, token_id=new_id(), scopes=frozenset(scopes), spend_limit=spend_limit
        )
        return Person(self.app, self.id, self.handle, viewer)

    @property
    def as_viewer(self) -> ViewerRow:
        """The row on which hangs what only they see."""
        return ViewerRow(self.id)

    async def row(self) -> UserRow:
        """What stands of them now."""
        return (await users.users_by_id(self.ctx(), [self.id]))[self.id]

    async def counters(self) -> CountersRow:
        """What is counted about them now."""
        return (await users.counters_of(self.ctx(), [await self.row()]))[0]

    async def post(
        self, text: str = "Hello", *, reply_to: PostRow | None = None, quote_of: PostRow | None = None
    ) -> PostRow:
        """Posts a text."""
        parent, quoted = (None if post is None else id_of(post) for post in (reply_to, quote_of))
        return await posts.create_post(self.ctx(), text, parent, quoted)

    async def sees(self, post: PostRow) -> PostRow | None:
        """The post as it is for them now."""
        return await posts.post_by_public_id(self.ctx(), id_of(post))

    async def deletes(self, post: PostRow) -> None:
        """Deletes a post."""
        await posts.delete_post(self.ctx(), id_of(post))

    async def likes(self, post: PostRow, *, on: bool = True) -> PostRow:
        """Likes a post, or no longer."""
        return await posts.like_post(self.ctx(), id_of(post), on=on)

    async def reposts(self, post: PostRow, *, on: bool = True) -> PostRow:
        """Reposts a post, or no longer."""
        return await posts.repost_post(self.ctx(), id_of(post), on=on)

    async def follows(self, other: "Person", *, on: bool = True) -> UserRow:
        """Follows a person, or no longer."""
        return await users.follow_user(self.ctx(), other.public_id, on=on)

    async def blocks(self, other: "Person", *, on: bool = True) -> UserRow:
        """Blocks a person, or no longer."""
        return await users.block_user(self.ctx(), other.public_id, on=on)

    async def tops_up(self, amount: str, currency: Currency = Currency.USD, *, key: str | None = None) -> Moved:
        """Draws money from the sandbox card."""
        return await top_ups.top_up_wallet(self.ctx(), None, money(amount, currency), key=_or_new(key))

    async def links(self, number: str) -> FundingSourceRow:
        """Links a test card."""
        kept = await linking.keep_card(self.ctx(), number, "12/2099", None)
        return await linking.link_card(self.ctx(), kept.token)

    async def withdraws(
        self, amount: str, *, speed: PayoutSpeed = PayoutSpeed.INSTANT, key: str | None = None
    ) -> Moved:
        """Sends money to the sandbox card."""
        [card, *_] = await funding.sources_of_user(self.ctx(), self.id)
        source = public_id(Kind.CARD, card.id)
        return await withdrawals.withdraw(self.ctx(), source, money(amount), speed=speed, key=_or_new(key))

    async def tips(
        self,
        post: PostRow,
        amount: str = "1.00",
        currency: Currency = Currency.USD,
        *,
        key: str | None = None,
        note: str | None = None,
        visibility: Visibility = Visibility.PUBLIC,
    ) -> Moved:
        """Tips a post."""
        asked = money(amount, currency)
        return await tips.tip_post(self.ctx(), id_of(post), asked, note=note, visibility=visibility, key=_or_new(key))

    async def sends(
        self,
        other: "Person",
        amount: str = "1.00",
        currency: Currency = Currency.USD,
        *,
        key: str | None = None,
        note: str | None = None,
        visibility: Visibility = Visibility.PARTIES_ONLY,
    ) -> Moved:
        """Sends money."""
        to, asked = RecipientAsked(None, other.handle), money(amount, currency)
        return await payments.send_money(self.ctx(), to, asked, note=note, visibility=visibility, key=_or_new(key))

    async def balance(self, currency: Currency = Currency.USD) -> Balance:
        """Their balance in one currency."""
        [balance] = await wallets.balance_of(self.ctx(), [WalletRow(self.id)], currency=currency)
        return balance

    async def has(self, currency: Currency = Currency.USD) -> str:
        """What they can spend, in whole units."""
        return str((await self.balance(currency)).available.amount)


class Answer(NamedTuple):
    """What an operation gave, with errors as they leave the product."""

    body: dict[str, Any]
    executed: bool

    @property
    def data(self) -> Any:
        """The data of an answer that holds no error."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def codes(self) -> list[str]:
        """The codes of the errors."""
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]


class Town:
    """Where the people are, and the schema through which they can be asked."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._operations = Operations(core_schema, present)

    async def person(self, handle: str, dollars: str | None = None) -> Person:
        """A new person, with money in the wallet if that is said."""
        user_id = await accounts.register(self.stranger(), handle, handle.title(), None, None)
        person = Person(self.app, user_id, handle)
        if dollars is not None:
            await person.tops_up(dollars)
        return person

    async def newcomer(self, handle: str, password: str = "correct horse battery") -> Person:
        """A new person who has signed up: with a password, and in a session."""
        ctx = self.stranger()
        await accounts.sign_up(ctx, handle, None, password)
        assert ctx.viewer is not None
        return Person(self.app, ctx.viewer.user_id, handle, ctx.viewer)

    async def people(self, *handles: str, dollars: str | None = None) -> list[Person]:
        """New people."""
        return [await self.person(handle, dollars) for handle in handles]

    def stranger(self) -> OperationContext:
        """A request of somebody who is not signed in."""
        return OperationContext(self.app, None)

    async def ask(self, query: str, viewer: Person | None = None, **variables: Any) -> Answer:
        """Runs an operation."""
        context = self.stranger() if viewer is None else viewer.ctx()
        response = await self._operations.run(Request(query, variables), context)
        assert numbers_told(repr(response.body)) == []
        return Answer(response.body, response.executed)
