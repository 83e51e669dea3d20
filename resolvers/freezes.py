"""Freezes, by the operator: a frozen account or access token moves no money until it is thawed. Reading stays.

What others send to a frozen account still arrives: it is safe there, and nobody learns of the freeze by trying. What a
network approves for it does not (`intents`), and what waits to leave for a network waits on.

The ledger looks at freezes within the transaction that moves the money. So a freeze is two transactions: the first
writes it down, the second has every process look again (`ledger.recheck`). After that nothing gets by it.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlmodel import col

import ledger
from models.accounts import TokenKind
from models.database import Command, Query, Transaction, any_of, columns_of, insert
from models.database.connection import Reader
from models.freezes import Freeze
from models.security import SecurityEventKind
from models.types import Id
from models.users import User
from resolvers import accounts, security
from resolvers.context import Context, SecurityEventRow
from resolvers.ids import Kind, key_of, public_id
from resolvers.users import user_by_handle


class Subject(NamedTuple):
    """What can be frozen: an account or an access token, and whose it is."""

    id: UUID
    user_id: UUID

    @property
    def is_account(self) -> bool:
        """Whether it is the whole account."""
        return self.id == self.user_id


class FreezeRow(NamedTuple):
    """A freeze that holds: of whom, since when, and why."""

    subject_id: UUID
    user_id: UUID
    handle: str
    reason: str
    frozen_at: datetime

    @property
    def name(self) -> str:
        """By which name the operator freezes and thaws it."""
        return self.handle if self.subject_id == self.user_id else public_id(Kind.TOKEN, self.subject_id)


class _FrozenRow(NamedTuple):
    subject_id: UUID


_HOLDS = col(Freeze.thawed_at).is_(None)
_frozen = Query(_FrozenRow, select(col(Freeze.subject_id)).where(any_of(Freeze.subject_id), _HOLDS))
_all = Query(
    FreezeRow,
    select(*columns_of(FreezeRow, Freeze, User))
    .join(User, col(User.id) == col(Freeze.user_id))
    .where(_HOLDS)
    .order_by(col(Freeze.id)),
)
_insert = Command(
    insert(Freeze).values({name: bindparam(name) for name in Freeze.model_fields}).on_conflict_do_nothing()
)
_thaw = Command(
    update(Freeze)
    .where(col(Freeze.subject_id) == bindparam("subject", type_=Id()), _HOLDS)
    .values(thawed_at=bindparam("moment"))
)


async def subject_named(ctx: Context, name: str) -> Subject | None:
    """The account with this handle, or the access token with this id; None if there is none."""
    token_id = key_of(name, Kind.TOKEN)
    if token_id is not None:
        token = (await accounts.tokens_by_id(ctx, [token_id], [TokenKind.ACCESS])).get(token_id)
        return None if token is None else Subject(token.id, token.user_id)
    user = await user_by_handle(ctx, name)
    return None if user is None else Subject(user.id, user.id)


async def frozen_among(reader: Reader, ids: list[UUID]) -> set[UUID]:
    """Which of these accounts and access tokens are frozen."""
    return {row.subject_id for row in await reader.fetch(_frozen, keys=ids)}


async def freezes_that_hold(ctx: Context) -> list[FreezeRow]:
    """All that is frozen, the oldest first. For the operator alone."""
    return await ctx.database.fetch(_all)


async def freeze(ctx: Context, subject: Subject, reason: str) -> bool:
    """Freezes an account or a token. Once this has returned, no money moves by it. False if it was frozen already."""
    kind = SecurityEventKind.ACCOUNT_FROZEN if subject.is_account else SecurityEventKind.TOKEN_FROZEN

    async def write(transaction: Transaction) -> bool:
        row = Freeze(
            id=ctx.new_id(), subject_id=subject.id, user_id=subject.user_id, reason=reason, frozen_at=ctx.now()
        )
        if not await transaction.run(_insert, **row.model_dump()):
            return False
        await security.write(transaction, _event(ctx, kind, subject))
        return True

    return await _at_once(ctx, subject, write)


async def thaw(ctx: Context, subject: Subject) -> bool:
    """Ends a freeze. False if there was none."""
    kind = SecurityEventKind.ACCOUNT_THAWED if subject.is_account else SecurityEventKind.TOKEN_THAWED

    async def write(transaction: Transaction) -> bool:
        if not await transaction.run(_thaw, subject=subject.id, moment=ctx.now()):
            return False
        await security.write(transaction, _event(ctx, kind, subject))
        return True

    return await _at_once(ctx, subject, write)


async def _at_once(ctx: Context, subject: Subject, write: Callable[[Transaction], Awaitable[bool]]) -> bool:
    changed = await ctx.transact(write)
    # Even if nothing has changed: whoever said it first may have died in between.
    await ctx.transact(lambda transaction: ledger.recheck(transaction, subject.user_id))
    return changed


def _event(ctx: Context, kind: SecurityEventKind, subject: Subject) -> SecurityEventRow:
    return ctx.event(kind, None if subject.is_account else subject.id, user_id=subject.user_id)
