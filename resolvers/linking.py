"""Linking cards and bank accounts: their numbers go into the vault, their rail is told of them, their owner shows it.

A number is checked, kept in the vault and claimed there before a network hears of it. Whatever goes wrong then, the
vault has forgotten it, or lets it be tried again.
"""

import secrets
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, or_, select, update
from sqlmodel import col

from models.database import Command, Query, Transaction, UniqueError, columns_of, insert
from models.funding import FundingSource, SourceKind
from models.money import Currency, Money
from models.rails import MicroDeposits
from models.security import SecurityEventKind
from models.transfers import Rail, RailEnvironment
from models.types import Id, Timestamp
from rails import (
    AccountNumber,
    Kept,
    LinkRefusedError,
    RailAdapter,
    Source,
    UnreachableError,
    Vault,
    VerifiesDeposits,
    numbers,
    sandbox,
)
from rails.numbers import WrongNumberError
from resolvers import funding, permissions, security
from resolvers.context import Context, Viewer
from resolvers.errors import InputError, NetworkUnavailableError, NotPermittedError, Path, Refused
from resolvers.funding import FundingSourceRow
from resolvers.ids import Kind
from resolvers.users import IdRow, users_by_id

MOST_A_DAY = 5
"""So many sources of a kind one person links in a day, and so often one number is linked."""
DAY = timedelta(days=1)
MOST_TRIES = 3
MOST_DEPOSITED = 99
SANDBOX_DEPOSITS = (32, 45)
"""What the sandbox says it has deposited: no bank tells it there."""

_LINKED = {
    SourceKind.CARD: SecurityEventKind.CARD_LINKED,
    SourceKind.BANK_ACCOUNT: SecurityEventKind.BANK_ACCOUNT_LINKED,
}


class _DepositsRow(NamedTuple):
    first: int | None
    second: int | None
    tries: int


_recent = Query(
    IdRow,
    select(col(FundingSource.id))
    .where(
        or_(
            col(FundingSource.user_id) == bindparam("owner_id", type_=Id()),
            col(FundingSource.fingerprint) == bindparam("known_fingerprint"),
        ),
        col(FundingSource.kind) == bindparam("of_kind"),
        col(FundingSource.created_at) > bindparam("since", type_=Timestamp()),
    )
    .limit(MOST_A_DAY),
)
_OF_SOURCE = col(MicroDeposits.source_id) == bindparam("source_id", type_=Id())
_deposits = Query(_DepositsRow, select(*columns_of(_DepositsRow, MicroDeposits)).where(_OF_SOURCE))
_insert_deposits = Command(insert(MicroDeposits).values({name: bindparam(name) for name in MicroDeposits.model_fields}))
_count_try = Command(
    update(MicroDeposits)
    .where(_OF_SOURCE, col(MicroDeposits.tries) < MOST_TRIES)
    .values(tries=col(MicroDeposits.tries) + 1)
)
_forget_try = Command(update(MicroDeposits).where(_OF_SOURCE).values(tries=col(MicroDeposits.tries) - 1))


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
    deposits = _deposits_of(ctx.app.rails.adapters[ctx.app.rails.banks], account)
    return await _link(ctx, SourceKind.BANK_ACCOUNT, kept.token, deposits, (numbers.ACCOUNT,))


async def verify_bank_account(ctx: Context, public_id: str, amounts: list[int]) -> FundingSourceRow:
    """Shows that a bank account is the viewer's, by the two amounts that it got. After three wrong tries it is removed.

    A wrong try is written, though it is refused.
    """
    viewer = permissions.session(ctx, funding.MANAGED)
    source = await funding.own_source(ctx, viewer, public_id, Kind.BANK_ACCOUNT)
    if source.verified:
        return source
    if len(amounts) != 2 or not all(1 <= amount <= MOST_DEPOSITED for amount in amounts):
        message = f"Name the two amounts that the account got, each from 1 to {MOST_DEPOSITED} minor units."
        raise Refused(InputError(message, ("depositMinorUnits",)))
    adapter = ctx.app.rails.adapters.get(source.rail)
    if adapter is None:
        raise NetworkUnavailableError
    if isinstance(adapter, VerifiesDeposits):
        left = await _try_there(ctx, adapter, source, (amounts[0], amounts[1]))
    else:
        left = await ctx.transact(lambda transaction: _try(ctx, transaction, source, amounts))
    if left is None:
        ctx.app.sign_ins.forget([viewer.token_id])  # their tier may be another now
        return source._replace(verified=True)
    message = "These are not the two amounts."
    if left:
        tries = "one try" if left == 1 else f"{left} tries"
        raise Refused(InputError(f"{message} You have {tries} left.", ("depositMinorUnits",)))
    raise Refused(NotPermittedError(f"{message} The bank account is removed now: link it again.", ("id",)))


def _linker(ctx: Context) -> tuple[Viewer, Vault]:
    viewer = permissions.session(ctx, funding.MANAGED)
    if ctx.app.rails.vault is None:
        raise Refused(NotPermittedError("Nothing can be linked here: the operator has set no key for the vault."))
    return viewer, ctx.app.rails.vault


def _deposits_of(adapter: RailAdapter, account: AccountNumber) -> tuple[Money, Money] | None:
    """What an account is to get; None where its network chooses that."""
    if isinstance(adapter, VerifiesDeposits):
        return None
    currency = Currency.USD if account.routing else Currency.EUR
    first, second = _amounts(adapter.environment)
    return Money(first, currency), Money(second, currency)


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
    ctx.app.sign_ins.forget([viewer.token_id])  # their tier may be another now
    return source


async def _linked(ctx: Context, kind: SourceKind, kept: Kept, deposits: tuple[Money, Money] | None) -> FundingSourceRow:
    assert ctx.viewer_id is not None, "somebody links it"
    rail = ctx.app.rails.of_kind(kind)
    known = await funding.source_with(ctx, ctx.viewer_id, kept.fingerprint)
    if known is not None and (known.rail, known.expires) == (rail, kept.expires):
        return known
    await _require_few(ctx, kind, kept)
    source = await _told(ctx, ctx.app.rails.adapters[rail], kind, kept, deposits)

    async def write(transaction: Transaction) -> None:
        if known is not None:  # a card that has come anew, or another rail: it takes the old one's place
            await funding.remove(ctx, transaction, known.id)
        await funding.add(transaction, source, kept.fingerprint)
        if not source.verified:
            first, second = deposits or (None, None)
            await transaction.run(
                _insert_deposits,
                source_id=source.id,
                first=None if first is None else first.minor_units,
                second=None if second is None else second.minor_units,
                tries=0,
                network_ref=None,
                created_at=source.created_at,
            )
        await security.write(transaction, ctx.event(_LINKED[kind], source.id))

    try:
        await ctx.transact(write)
    except UniqueError:  # another request has linked it at the same moment
        known = await funding.source_with(ctx, ctx.viewer_id, kept.fingerprint)
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
    deposits = await _counted(transaction, source)
    right = {deposits.first, deposits.second} == set(amounts)
    return await _tried(ctx, transaction, source, MOST_TRIES - deposits.tries, right=right)


async def _try_there(
    ctx: Context, adapter: VerifiesDeposits, source: FundingSourceRow, amounts: tuple[int, int]
) -> int | None:
    """The same, where the network alone knows the amounts. Whoever cannot reach it has not tried."""
    left = MOST_TRIES - (await ctx.transact(lambda transaction: _counted(transaction, source))).tries
    try:
        right = await adapter.verify(await funding.source_by_id(ctx.app, source.id), amounts)
    except UnreachableError:
        await ctx.transact(lambda transaction: transaction.run(_forget_try, source_id=source.id))
        raise NetworkUnavailableError from None
    except LinkRefusedError:  # the network takes no more of them
        left, right = 0, False
    return await ctx.transact(lambda transaction: _tried(ctx, transaction, source, left, right=right))


async def _counted(transaction: Transaction, source: FundingSourceRow) -> _DepositsRow:
    """Counts a try. Raises Refused if there were too many."""
    if not await transaction.run(_count_try, source_id=source.id):
        raise Refused(funding.NO_SUCH_SOURCE)
    deposits = await transaction.first(_deposits, source_id=source.id)
    assert deposits is not None, "its try has just been counted"
    return deposits


async def _tried(
    ctx: Context, transaction: Transaction, source: FundingSourceRow, left: int, *, right: bool
) -> int | None:
    if right and await funding.verify(transaction, source.id):
        await security.write(transaction, ctx.event(SecurityEventKind.BANK_ACCOUNT_VERIFIED, source.id))
        return None
    await security.write(transaction, ctx.event(SecurityEventKind.BANK_ACCOUNT_REFUSED, source.id))
    if not left:
        await funding.remove(ctx, transaction, source.id)
    return left
