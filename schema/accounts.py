"""What only the signed-in see of themselves."""

from datetime import datetime

import strawberry

from execution.fields import Rows, computed, edge
from models.accounts import TokenKind
from resolvers import accounts, earnings, funding, limits, passkeys, security, sessions, users
from resolvers.context import TokenScope
from resolvers.ids import Kind
from resolvers.wallets import WalletRow
from schema.earnings import Earnings
from schema.errors import Limit
from schema.funding import FundingSource
from schema.money import Money
from schema.nodes import Node, global_id
from schema.passkeys import Passkey
from schema.security import SecurityEventConnection
from schema.sessions import SessionConnection
from schema.users import User
from schema.wallets import Wallet


@strawberry.type(description="A token with which an app acts for a person. Its secret is shown only once.")
class AccessToken(Node):
    """A token with which an app acts for a person."""

    id: strawberry.ID = global_id(Kind.TOKEN)
    name: str = strawberry.field(description="What its owner calls it.")
    scopes: list[TokenScope] = computed(accounts.scopes_of, "What it may do.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null if it does not.")
    last_used_at: datetime | None = strawberry.field(description="When it was last used, to the minute.")
    spend_limit_per_day: Money | None = strawberry.field(
        description="How much it may spend in 24 hours, on tips, payments and refunds together; null: only the"
        " account's own limits. With a limit it cannot top up."
    )

    is_type_of = Rows(accounts.TokenRow, kind=TokenKind.ACCESS)


@strawberry.type(description="The signed-in person, with what is private.")
class Viewer:
    """The signed-in person, with what is private."""

    user: User = edge(users.users_of, "The person, as everyone sees them.")
    wallet: Wallet = computed(lambda viewer: WalletRow(viewer.id), "Their money.")
    limits: list[Limit] = edge(limits.limits_of, "How much they may move, and what is used of it.")
    funding_sources: list[FundingSource] = edge(
        funding.funding_sources_of, "Their cards and bank accounts, the oldest first."
    )
    earnings: Earnings = edge(earnings.earnings_of, "What their tips brought in, less fees and refunds.")
    access_tokens: list[AccessToken] = edge(
        accounts.access_tokens_of, "The tokens that they have made and not revoked, newest first."
    )
    passkeys: list[Passkey] = edge(
        passkeys.passkeys_of, "The passkeys that they have registered and not revoked, newest first."
    )
    sessions: SessionConnection = edge(
        sessions.sessions_of, "Where they are signed in, the session that began last first."
    )
    security_events: SecurityEventConnection = edge(
        security.security_events_of,
        "Sign-ins, tokens, passkeys, money and refusals: what has happened with the account, newest first.",
    )
