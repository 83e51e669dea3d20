"""Funding sources: the cards and bank accounts from which a wallet is topped up, and to which it is paid out."""

import secrets
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, or_, select, update
from sqlmodel import col

from models.database import Command, Query, Transaction, UniqueError, any_of, columns_of, insert, is_one_of
from models.funding import FundingSource, SourceKind
from models.money import Currency, Money
from models.rails import IntentState, MicroDeposits, RailIntent
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment
from models.types import Id, Timestamp
from models.users import User
from rails import Kept, LinkRefusedError, RailAdapter, Source, UnreachableError, Vault, numbers, sandbox
from rails.numbers import WrongNumberError
from resolvers import permissions, security
from resolvers.context import App, Context, Viewer
from resolvers.errors import InputError, NetworkUnavailableError, NotFoundError, NotPermittedError, Path, Refused
from resolvers.ids import Kind, key_of
from resolvers.users import IdRow, UserRow, users_by_id

MOST_A_DAY = 5
"""So many sources of a kind one person links in a day, and so often one number is linked."""
DAY = timedelta(days=1)
MOST_TRIES = 3
FORGOTTEN_AT_ONCE = 100
MOST_DEPOSITED = 99
SANDBOX_DEPOSITS = (32, 45)
"""What the sandbox says it has deposited: no bank tells it there."""

SOURCES = {SourceKind.CARD: Kind.CARD, SourceKind.BANK_ACCOUNT: Kind.BANK_ACCOUNT}
_OVER = (
    IntentState.DECLINED,
    IntentState.REVERSED,
    IntentState.SETTLED,
    IntentState.RETURNED,
    IntentState.CANCELLED,
)
_LINKED = {
    SourceKind.CARD: SecurityEventKind.CARD_LINKED,
    SourceKind.BANK_ACCOUNT: SecurityEventKind.BANK_ACCOUNT_LINKED,
}


class FundingSourceRow(NamedTuple):
    """A card or a bank account, as far as it may be shown; and what its rail knows it by, which is not."""

    id: UUID
    user_id: UUID
    kind: SourceKind
    rail: Rail
    label: str
    brand: str | None
    last4: str
    expires: str | None
    verified: bool
    reference: str | None
    removed_at: datetime | None
    created_at: datetime


class _DepositsRow(NamedTuple):
    first: int
    second: int
    tries: int


_SOURCE = select(*columns_of(FundingSourceRow, FundingSource))
_STANDS = col(FundingSource.removed_at).is_(None)
_ID = col(FundingSource.id) == bindparam("source_id", type_=Id())
_OWN = col(FundingSource.user_id) == bindparam("owner_id", type_=Id())
_by_users = Query(
    FundingSourceRow, _SOURCE.where(any_of(FundingSource.user_id), _STANDS).order_by(col(FundingSource.id))
)
_by_ids = Query(FundingSourceRow, _SOURCE.where(any_of(FundingSource.id)))
_as_told = Query(
    Source,
    select(
        col(FundingSource.id),
        col(FundingSource.kind),
        func.coalesce(col(FundingSource.reference), "").label("reference"),
        col(User.display_name),
    )
    .join(User, col(User.id) == FundingSource.user_id)
    .where(any_of(FundingSource.id)),
)
_by_fingerprint = Query(
    FundingSourceRow, _SOURCE.where(_OWN, _STANDS, col(FundingSource.fingerprint) == bindparam("known_fingerprint"))
)
_recent = Query(
    IdRow,
    select(col(FundingSource.id))
    .where(
        or_(_OWN, col(FundingSource.fingerprint) == bindparam("known_fingerprint")),
        col(FundingSource.kind) == bindparam("of_kind"),
        col(FundingSource.created_at) > bindparam("since", type_=Timestamp()),
    )
    .limit(MOST_A_DAY),
)
_insert = Command(insert(FundingSource).values({name: bindparam(name) for name in FundingSource.model_fields}))
_verify = Command(update(FundingSource).where(_ID, _STANDS).values(verified=True))
_remove = Command(update(FundingSource).where(_ID, _STANDS).values(removed_at=bindparam("moment")))
_to_forget = Query(
    FundingSourceRow,
    _SOURCE.where(
        col(FundingSource.removed_at).is_not(None),
        col(FundingSource.reference).is_not(None),
        ~select(col(RailIntent.id))
        .where(
            col(RailIntent.owner_id) == col(FundingSource.user_id),
            col(RailIntent.source_id) == col(FundingSource.id),
            ~is_one_of(col(RailIntent.state), _OVER),
        )
        .exists(),
    )
    .order_by(col(FundingSource.removed_at))
    .limit(FORGOTTEN_AT_ONCE),
)
_forget = Command(update(FundingSource).where(_ID).values(reference=None))
_DEPOSITS_OF = col(MicroDeposits.source_id) == bindparam("source_id", type_=Id())
_deposits = Query(_DepositsRow, select(*columns_of(_DepositsRow, MicroDeposits)).where(_DEPOSITS_OF))
_insert_deposits = Command(insert(MicroDeposits).values({name: bindparam(name) for name in MicroDeposits.model_fields}))
_count_try = Command(
    update(MicroDeposits)
    .where(_DEPOSITS_OF, col(MicroDeposits.tries) < MOST_TRIES)
    .values(tries=col(MicroDeposits.tries) + 1)
)


async def funding_sources_of(ctx: Context, users: list[UserRow]) -> list[list[FundingSourceRow]]:
    """Each user's own funding sources that are not removed, the oldest first."""
    rows = await ctx.database.fetch(_by_users, keys=[user.id for user in users])
    return [[row for row in rows if row.user_id == user.id] for user in users]


async def sources_by_id(ctx: Context, ids: list[UUID]) -> dict[UUID, FundingSourceRow]:
    """The funding sources with these ids, removed ones too."""
    rows = await ctx.database.fetch(_by_ids, keys=ids) if ids else []
    return {row.id: row for row in rows}


async def sources_of_user(ctx: Context, user_id: UUID) -> list[FundingSourceRow]:
    """One user's funding sources that are not removed, the oldest first."""
    return await ctx.database.fetch(_by_users, keys=[user_id])


async def own_source(ctx: Context, user_id: UUID, public_id: str | None) -> FundingSourceRow:
    """One of a user's funding sources, the oldest if none is named. Raises Refused if there is none."""
    for source in await sources_of_user(ctx, user_id):
        if public_id is None or key_of(public_id, SOURCES[source.kind]) == source.id:
            return source
    raise Refused(NotFoundError("You have no such funding source.", ("fundingSourceId",)))


async def source_by_id(app: App, source_id: UUID) -> Source:
    """A funding source as its rail knows it, removed ones too: what is under way goes on."""
    source = await app.database.first(_as_told, keys=[source_id])
    assert source is not None, "sources are never deleted"
    return source


async def open_sandbox_card(transaction: Transaction, source_id: UUID, user_id: UUID, now: datetime) -> None:
    """Gives a new account the sandbox card that it is born with: play money, and plainly so."""
    await transaction.run(
        _insert,
        id=source_id,
        user_id=user_id,
        kind=SourceKind.CARD,
        rail=Rail.SANDBOX,
        label="Sandbox card",
        brand="SANDBOX",
        last4="4242",
        expires="12/2099",
        verified=True,
        reference=sandbox.FINE,
        fingerprint=None,
        removed_at=None,
        created_at=now,
    )


async def keep_card(ctx: Context, number: str, expires: str, cvv: str | None) -> Kept:
    """Puts the viewer's card into the vault, to be linked. Where money is play money, a test card's number alone."""
    viewer, vault = _linker(ctx)
    try:
        card = numbers.card(number, expires, ctx.now())
        if cvv is not None:
            numbers.check_cvv(cvv)
        if ctx.app.rails.cards is Rail.SANDBOX:
            sandbox.behaviour_of(card.secret)
    except WrongNumberError as error:
        raise Refused(InputError(str(error), (error.field,))) from None
    except LinkRefusedError as error:
        raise Refused(InputError(str(error), (numbers.CARD_NUMBER,))) from None
    return await vault.keep_card(viewer.user_id, card, ctx.now())


async def link_card(ctx: Context, token: str) -> FundingSourceRow:
    """Links the card behind a token of the vault. One that the viewer has linked already is returned as it is."""
    _linker(ctx)
    return await _link(ctx, SourceKind.CARD, token, None, ("vaultToken",))


async def link_bank_account(ctx: Context, routing: str, number: str) -> FundingSourceRow:
    """Links a bank account, and sends it two small amounts. One that is linked already is returned as it is."""
    viewer, vault = _linker(ctx)
    try:
        account = numbers.account(routing, number)
        if ctx.app.rails.banks is Rail.SANDBOX:
            sandbox.behaviour_of(account)
    except WrongNumberError as error:
        raise Refused(InputError(str(error), (error.field,))) from None
    except LinkRefusedError as error:
        raise Refused(InputError(str(error), (numbers.ACCOUNT,))) from None
    kept = await vault.keep_account(viewer.user_id, account, ctx.now())
    currency = Currency.USD if account.routing else Currency.EUR
    deposits = _amounts(ctx.app.rails.adapters[ctx.app.rails.banks].environment)
    sent = Money(deposits[0], currency), Money(deposits[1], currency)
    return await _link(ctx, SourceKind.BANK_ACCOUNT, kept.token, sent, (numbers.ACCOUNT,))


async def verify_bank_account(ctx: Context, public_id: str, amounts: list[int]) -> FundingSourceRow:
    """Shows that a bank account is the viewer's, by the two amounts that it got. After three wrong tries it is removed.

    A wrong try is written, though it is refused.
    """
    viewer = permissions.session(ctx, "Cards and bank accounts")
    source = await _own(ctx, viewer, public_id, Kind.BANK_ACCOUNT)
    if source.verified:
        return source
    if len(amounts) != 2 or not all(1 <= amount <= MOST_DEPOSITED for amount in amounts):
        message = f"Name the two amounts that the account got, each from 1 to {MOST_DEPOSITED} minor units."
        raise Refused(InputError(message, ("depositMinorUnits",)))
    left = await ctx.transact(lambda transaction: _try(ctx, transaction, source, sorted(amounts)))
    if left is None:
        return source._replace(verified=True)
    message = "These are not the two amounts."
    if left:
        tries = "one try" if left == 1 else f"{left} tries"
        raise Refused(InputError(f"{message} You have {tries} left.", ("depositMinorUnits",)))
    raise Refused(NotPermittedError(f"{message} The bank account is removed now: link it again.", ("id",)))


async def remove_funding_source(ctx: Context, public_id: str) -> FundingSourceRow:
    """Removes one of the viewer's cards or bank accounts. What was done with it stays."""
    viewer = permissions.session(ctx, "Cards and bank accounts")
    source = await _own(ctx, viewer, public_id, *SOURCES.values())
    now = ctx.now()

    async def write(transaction: Transaction) -> bool:
        removed = await transaction.run(_remove, source_id=source.id, moment=now)
        if removed:
            await security.write(transaction, ctx.event(SecurityEventKind.SOURCE_REMOVED, source.id))
        return bool(removed)

    if not await ctx.transact(write):
        raise Refused(_NOT_FOUND)
    return source._replace(removed_at=now)


async def forget_removed(app: App) -> int:
    """Has networks and the vault forget removed sources, once no money is under way over them. Returns how many."""
    forgotten = 0
    for row in await app.database.fetch(_to_forget):
        adapter = app.rails.adapters.get(row.rail)
        if adapter is None or row.reference is None:
            continue
        try:
            await adapter.unlink(Source(row.id, row.kind, row.reference, ""))
        except UnreachableError:
            continue  # the next time
        if app.rails.vault is not None:
            await app.rails.vault.forget(row.reference)
        async with app.database.transaction() as transaction:
            forgotten += await transaction.run(_forget, source_id=row.id)
    return forgotten


_NOT_FOUND = NotFoundError("You have no such funding source.", ("id",))


def _linker(ctx: Context) -> tuple[Viewer, Vault]:
    viewer = permissions.session(ctx, "Cards and bank accounts")
    if ctx.app.rails.vault is None:
        raise Refused(NotPermittedError("Nothing can be linked here: the operator has set no key for the vault."))
    return viewer, ctx.app.rails.vault


async def _own(ctx: Context, viewer: Viewer, public_id: str, *kinds: Kind) -> FundingSourceRow:
    key = key_of(public_id, *kinds)
    source = None if key is None else (await sources_by_id(ctx, [key])).get(key)
    if (
        source is None
        or source.user_id != viewer.user_id
        or source.removed_at is not None
        or key_of(public_id, SOURCES[source.kind]) is None
    ):
        raise Refused(_NOT_FOUND)
    return source


def _amounts(environment: RailEnvironment) -> tuple[int, int]:
    if environment is RailEnvironment.SANDBOX:
        return SANDBOX_DEPOSITS
    return secrets.randbelow(MOST_DEPOSITED) + 1, secrets.randbelow(MOST_DEPOSITED) + 1


async def _link(
    ctx: Context, kind: SourceKind, token: str, deposits: tuple[Money, Money] | None, path: Path
) -> FundingSourceRow:
    """Links what is behind a token. Whatever goes wrong, the vault has forgotten it, or it can be tried again."""
    viewer, vault = _linker(ctx)
    kept = await vault.claim(viewer.user_id, token, ctx.now())
    if kept is None:
        raise Refused(InputError("This token is not known, was used before, or is older than an hour.", path))
    try:
        source = await _linked(ctx, kind, kept, deposits)
    except UnreachableError:
        await vault.release(token)
        raise NetworkUnavailableError from None
    except LinkRefusedError as error:
        await vault.forget(token)
        raise Refused(InputError(str(error), path)) from None
    except BaseException:
        await vault.forget(token)
        raise
    if source.reference != token:  # its rail knows it by another name, or it had been linked before
        await vault.forget(token)
    return source


async def _linked(ctx: Context, kind: SourceKind, kept: Kept, deposits: tuple[Money, Money] | None) -> FundingSourceRow:
    assert ctx.viewer_id is not None, "somebody links it"
    rail = ctx.app.rails.of_kind(kind)
    known = await ctx.database.first(_by_fingerprint, owner_id=ctx.viewer_id, known_fingerprint=kept.fingerprint)
    if known is not None and (known.rail, known.expires) == (rail, kept.expires):
        return known
    await _require_few(ctx, kind, kept)
    source = await _told(ctx, ctx.app.rails.adapters[rail], kind, kept, deposits)

    async def write(transaction: Transaction) -> None:
        if known is not None:  # a card that has come anew, or another rail: it takes the old one's place
            await transaction.run(_remove, source_id=known.id, moment=source.created_at)
        await transaction.run(_insert, **source._asdict(), fingerprint=kept.fingerprint)
        if deposits is not None and not source.verified:
            first, second = deposits
            await transaction.run(
                _insert_deposits,
                source_id=source.id,
                first=first.minor_units,
                second=second.minor_units,
                tries=0,
                network_ref=None,
                created_at=source.created_at,
            )
        await security.write(transaction, ctx.event(_LINKED[kind], source.id))

    try:
        await ctx.transact(write)
    except UniqueError:  # another request has linked it at the same moment
        known = await ctx.database.first(_by_fingerprint, owner_id=ctx.viewer_id, known_fingerprint=kept.fingerprint)
        if known is None:
            raise
        return known
    return source


async def _told(
    ctx: Context, adapter: RailAdapter, kind: SourceKind, kept: Kept, deposits: tuple[Money, Money] | None
) -> FundingSourceRow:
    """The source, once its rail knows it."""
    assert ctx.viewer_id is not None, "somebody links it"
    source_id = ctx.new_id()
    holder = (await users_by_id(ctx, [ctx.viewer_id]))[ctx.viewer_id].display_name
    linked = await adapter.link(Source(source_id, kind, kept.token, holder), deposits)
    return FundingSourceRow(
        id=source_id,
        user_id=ctx.viewer_id,
        kind=kind,
        rail=adapter.rail,
        label=f"{kept.brand or 'Bank account'} …{kept.last4}",
        brand=kept.brand or None,
        last4=kept.last4,
        expires=kept.expires,
        verified=linked.verified,
        reference=linked.reference,
        removed_at=None,
        created_at=ctx.now(),
    )


async def _require_few(ctx: Context, kind: SourceKind, kept: Kept) -> None:
    """Refuses what a person does who tries numbers, or collects deposits."""
    if not ctx.policy.money_limits:
        return
    asked = {"owner_id": ctx.viewer_id, "known_fingerprint": kept.fingerprint, "of_kind": kind}
    if len(await ctx.database.fetch(_recent, **asked, since=ctx.now() - DAY)) >= MOST_A_DAY:
        raise Refused(NotPermittedError("Too many were linked since yesterday. Try again tomorrow."))


async def _try(ctx: Context, transaction: Transaction, source: FundingSourceRow, amounts: list[int]) -> int | None:
    """How many tries are left after a wrong one; None if it was right."""
    if not await transaction.run(_count_try, source_id=source.id):
        raise Refused(_NOT_FOUND)
    deposits = await transaction.first(_deposits, source_id=source.id)
    assert deposits is not None, "its try has just been counted"
    if sorted((deposits.first, deposits.second)) == amounts and await transaction.run(_verify, source_id=source.id):
        await security.write(transaction, ctx.event(SecurityEventKind.BANK_ACCOUNT_VERIFIED, source.id))
        return None
    events = [ctx.event(SecurityEventKind.BANK_ACCOUNT_REFUSED, source.id)]
    left = MOST_TRIES - deposits.tries
    if not left and await transaction.run(_remove, source_id=source.id, moment=ctx.now()):
        events.append(ctx.event(SecurityEventKind.SOURCE_REMOVED, source.id))
    await security.write(transaction, *events)
    return left
